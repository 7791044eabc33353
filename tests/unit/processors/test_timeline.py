"""The timeline: Meaning 1 (order, duplicates) and Meaning 6 (corrections)."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest

from processors.civil_time import DAY_MS, Calendar, Duration, Unit
from processors.events import ChangeKind, LifeEvent
from processors.timeline import EMPTY, MOST_LINES, Applied, Timeline, apply, lateness_of, pack, trim, unpack


def line(id_: str, at: int, **more: object) -> LifeEvent:
    base = LifeEvent(id_, "job_lost", "p", "h", "z", "uvo", "uvo.jobs", at * DAY_MS, at * DAY_MS, 0)
    return replace(base, **more)


def change(id_: str, of: str, kind: ChangeKind, recorded: int, at: int = 1, **more: object) -> LifeEvent:
    return line(id_, at, change=kind, replaces=of, recorded_at=recorded * DAY_MS, **more)


def filled(*lines: LifeEvent) -> Timeline:
    timeline = EMPTY
    for each in lines:
        timeline, _ = apply(timeline, each)
    return timeline


def roots(timeline: Timeline) -> list[tuple[str, str]]:
    return [(event.root, event.line.id) for event in timeline.live]


def test_order_is_occurred_recorded_arrival_id() -> None:
    lines = [
        line("d", 2),
        line("c", 1, recorded_at=9 * DAY_MS),
        line("b", 1, arrival=2),
        line("a2", 1, arrival=1),
        line("a1", 1, arrival=1),
    ]
    for order in permutations(lines):
        assert [root for root, _ in roots(filled(*order))] == ["a1", "a2", "b", "c", "d"]


def test_a_known_id_is_ignored_and_another_content_is_told_apart() -> None:
    timeline = filled(line("a", 1))
    assert apply(timeline, line("a", 1, arrival=7, heard=5)) == (timeline, Applied.DUPLICATE)
    assert apply(timeline, line("a", 2)) == (timeline, Applied.CONFLICTING)


def test_annulled_was_never_there_and_stays_so() -> None:
    annulled = change("x", "a", ChangeKind.ANNULLED, 2)
    later = change("k", "a", ChangeKind.CORRECTED, 3)
    for order in permutations([line("a", 1), annulled, later]):
        assert roots(filled(*order)) == []


def test_annulling_any_line_annuls_the_fact() -> None:
    corrected = change("k", "a", ChangeKind.CORRECTED, 2)
    for order in permutations([line("a", 1), corrected, change("x", "k", ChangeKind.ANNULLED, 3)]):
        assert roots(filled(*order)) == []


def test_of_several_corrections_the_one_recorded_last_stands() -> None:
    early = change("k1", "a", ChangeKind.CORRECTED, 2, at=5)
    late = change("k2", "a", ChangeKind.CORRECTED, 3, at=6)
    chained = change("k3", "k1", ChangeKind.CORRECTED, 2, at=7, arrival=1)
    for order in permutations([line("a", 1), early, late, chained]):
        assert roots(filled(*order)) == [("a", "k2")]


def test_ended_stays_as_it_occurred() -> None:
    ended = change("x", "a", ChangeKind.ENDED, 9, at=9, ended_at=9 * DAY_MS)
    for order in permutations([line("a", 1), ended]):
        (event,) = filled(*order).live
        assert (event.line.id, event.line.occurred_at, event.ended_at) == ("a", DAY_MS, 9 * DAY_MS)


@pytest.mark.parametrize("kind", [ChangeKind.CORRECTED, ChangeKind.ANNULLED, ChangeKind.ENDED])
def test_a_change_that_comes_before_its_original_is_kept_until_it_comes(kind: ChangeKind) -> None:
    early = change("k", "a", kind, 2)
    timeline, outcome = apply(EMPTY, early)
    assert outcome is Applied.ORPHAN
    assert timeline.live == ()
    after, outcome = apply(timeline, line("a", 1))
    assert outcome is Applied.APPLIED
    assert after.live == filled(line("a", 1), early).live


def test_lines_that_replace_each_other_in_a_circle_are_nothing() -> None:
    one = change("a", "b", ChangeKind.CORRECTED, 1)
    assert roots(filled(one, change("b", "a", ChangeKind.CORRECTED, 1))) == []


def test_what_is_trimmed_is_still_a_duplicate_long_after() -> None:
    timeline = trim(filled(line("a", 1), line("b", 5)), 3 * DAY_MS)
    assert roots(timeline) == [("b", "b")]
    assert apply(timeline, line("a", 1)) == (timeline, Applied.DUPLICATE)
    assert apply(timeline, line("old", 2))[1] is Applied.SETTLED
    assert apply(timeline, change("x", "a", ChangeKind.ANNULLED, 9, at=9))[1] is Applied.SETTLED


def test_a_timeline_is_bounded() -> None:
    timeline = filled(*(line(f"e{number}", number) for number in range(MOST_LINES + 5)))
    assert len(timeline.lines) == MOST_LINES
    assert timeline.lines[0].id == "e5"
    assert "e0" in timeline.forgotten


def test_late_lines_are_left_out_of_a_view() -> None:
    lateness = lateness_of(Duration(30, Unit.DAYS), Calendar("UTC"))
    timeline = filled(line("late", 1, heard=32 * DAY_MS), line("just", 2, heard=32 * DAY_MS))
    assert [event.root for event in timeline.view(lateness)] == ["just"]
    assert len(timeline.live) == 2


def test_a_late_annulment_is_judged_by_what_it_names_a_correction_by_the_earlier() -> None:
    lateness = lateness_of(Duration(30, Unit.DAYS), Calendar("UTC"))
    annulled = change("x", "a", ChangeKind.ANNULLED, 90, at=90, heard=90 * DAY_MS)
    corrected = change("k", "a", ChangeKind.CORRECTED, 90, at=90, heard=90 * DAY_MS)
    for late in (annulled, corrected):
        assert [event.line.id for event in filled(line("a", 1), late).view(lateness)] == ["a"]


def test_packing_gives_the_same_timeline_back() -> None:
    timeline = trim(
        filled(line("a", 1), line("b", 5, attributes=b"\x00\xff"), change("x", "b", ChangeKind.ENDED, 6)), 3
    )
    timeline = timeline._replace(resume={"rule/1": (1, 2, 3, "a")})
    assert unpack(pack(timeline)) == timeline
