"""Taking back wrong lines: what stands is annulled, what others said is left, and rules find it in time."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from processors.annulment import annulment_of, is_by_officer, sort
from processors.civil_time import Calendar, Duration, Unit
from processors.events import ChangeKind, LifeEvent
from processors.timeline import EMPTY, Applied, Timeline, apply, is_late, lateness_of

DAY_MS = 86_400_000
HERE = Calendar("Europe/Brussels", frozenset())


def event(id_: str, day: int = 100, **more: object) -> LifeEvent:
    plain = LifeEvent(
        id_, "moved", "p1", "h1", "a1", "agency", "agency.feed", day * DAY_MS, day * DAY_MS, day, day * DAY_MS
    )
    return replace(plain, **more)  # type: ignore[arg-type]


def about(id_: str, earlier: str, change: ChangeKind, day: int = 101) -> LifeEvent:
    return event(id_, day, change=change, replaces=earlier)


def of(*lines: LifeEvent) -> dict[str, LifeEvent]:
    return {line.id: line for line in lines}


def timeline(*lines: LifeEvent) -> Timeline:
    found = EMPTY
    for line in lines:
        found, _ = apply(found, line)
    return found


def test_what_stands_by_the_file_alone_is_annulled() -> None:
    wrong = of(event("a"), event("b"), event("c"), event("d"), about("e", "elsewhere", ChangeKind.CORRECTED))
    others = [
        about("x", "b", ChangeKind.ANNULLED),
        about("y", "c", ChangeKind.CORRECTED),
        event("unrelated", change=ChangeKind.CORRECTED, replaces="z"),
    ]
    found = sort(wrong, others, frozenset({"d"}))
    assert [each.id for each in found.standing] == ["a"]
    assert (found.annulled, found.corrected, found.told, found.speaking) == (1, 1, 1, 1)
    whole = sort(wrong, others, frozenset(), is_whole=True)
    assert [each.id for each in whole.standing] == ["a", "c", "d"]


def test_a_file_that_corrects_itself_is_annulled_by_its_facts() -> None:
    wrong = of(event("a"), about("b", "a", ChangeKind.CORRECTED), about("c", "b", ChangeKind.CORRECTED))
    found = sort(wrong, [], frozenset())
    assert [each.id for each in found.standing] == ["a"]
    assert found.speaking == 0
    assert sort(wrong, [about("x", "c", ChangeKind.CORRECTED)], frozenset()).corrected == 1
    assert sort(wrong, [about("x", "c", ChangeKind.ANNULLED)], frozenset()).annulled == 1


def test_an_annulment_ends_a_fact_and_a_second_one_is_a_duplicate() -> None:
    held = timeline(event("a"), event("b"))
    held, became = apply(held, annulment_of(event("a"), 200 * DAY_MS))
    assert became is Applied.APPLIED
    assert [live.root for live in held.live] == ["b"]
    assert apply(held, annulment_of(event("a"), 300 * DAY_MS))[1] is Applied.DUPLICATE


@given(st.integers(-20_000, 40_000), st.integers(0, 40_000), st.integers(0, 40_000), st.integers(0, 60))
def test_no_rule_finds_an_annulment_too_late(day: int, heard: int, at: int, accept: int) -> None:
    original = event("a", day, heard=heard * DAY_MS)
    line = annulment_of(original, at * DAY_MS)
    assert not is_late(of(original, line), line, lateness_of(Duration(accept, Unit.DAYS), HERE))
    assert line.recorded_at >= max(original.recorded_at, at * DAY_MS)


def test_an_officers_line_is_known_from_an_agencys() -> None:
    assert is_by_officer(annulment_of(event("a"), 0))
    assert not is_by_officer(about("b", "a", ChangeKind.ANNULLED))
    assert not is_by_officer(event("a"))
