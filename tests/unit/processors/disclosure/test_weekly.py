"""What counts in which week, and what comes too late."""

from __future__ import annotations

from dataclasses import replace

import pytest

from processors.civil_time import DAY_MS, Calendar, parse_instant
from processors.decisions import Decision, DecisionKind
from processors.disclosure.model import ALL, Measure, Tally
from processors.disclosure.weekly import Known, WeeklyFold, by_week, tally
from processors.disclosure.weeks import before, following, week_of, week_start
from processors.events import ChangeKind, LifeEvent
from processors.offers.actions import OutcomeCode
from processors.offers.model import OfferRecord, OfferState, Reason, Urgency

HERE = Calendar("Europe/Brussels")
WEEK, NEXT = "2025-W03", "2025-W04"
START, END = week_start(WEEK, HERE), week_start(NEXT, HERE)
NOBODY = Known((), {})


def event(id_: str, person: str = "anna", at: int = START, **more: object) -> LifeEvent:
    line = LifeEvent(id_, "moved", person, f"h-{person}", "hill", "reg", "reg.moves", at, at, 1)
    return replace(line, **more)  # type: ignore[arg-type]


def decision(match: str, kind: DecisionKind = DecisionKind.MATCHED, at: int = START, **more: object) -> Decision:
    return replace(Decision(kind, "rule", 1, match, "anna", "h-anna", "hill", at, START, START, START), **more)  # type: ignore[arg-type]


def offer(version: int = 1, state: OfferState = OfferState.OPEN, at: int = START, **more: object) -> OfferRecord:
    made = OfferRecord(
        "o1",
        version,
        "h1",
        "hill",
        state,
        None,
        at,
        START,
        START + 28 * DAY_MS,
        "care",
        Urgency.LOW,
        (),
        START,
        (),
        "m",
    )
    return replace(made, **more)  # type: ignore[arg-type]


def counts(fold: WeeklyFold, week: str = WEEK) -> dict[tuple[str, str, str], tuple[int, int]]:
    (found,) = by_week(fold.counted(), [week_start(week, HERE), week_start(following(week), HERE)])
    rows = tally(found, NOBODY)
    return {(row.measure.value, row.type, row.area): (row.count, row.size) for row in rows}


def folded(*values: LifeEvent | Decision | OfferRecord, open_from: int = 0) -> WeeklyFold:
    fold = WeeklyFold()
    fold.release(open_from)
    for value in values:
        fold.take(value)
    return fold


def test_an_event_counts_in_its_week_area_and_type_and_in_all():
    fold = folded(event("1"), event("2", "ben", area="dale"), event("3", "ben", END))
    assert counts(fold) == {
        ("events", "moved", "hill"): (1, 1), ("events", "moved", "dale"): (1, 1), ("events", "moved", ALL): (2, 2)
    }  # fmt: skip
    assert counts(fold, NEXT)["events", "moved", ALL] == (1, 1)


@pytest.mark.parametrize(("at", "is_in"), [(START - 1, False), (START, True), (END - 1, True), (END, False)])
def test_a_week_is_monday_to_monday_local_time(at: int, is_in: bool):
    assert parse_instant("2025-01-13", HERE) == START
    assert bool(counts(folded(event("1", at=at)))) is is_in


def test_what_is_repeated_corrected_or_annulled_counts_as_it_stands():
    lost = event("1")
    moved = event("2", change=ChangeKind.CORRECTED, replaces="1", area="dale", recorded_at=START + 1)
    gone = event("4", change=ChangeKind.ANNULLED, replaces="3", recorded_at=START + 1)
    fold = folded(lost, lost, moved, gone, event("3", person="anna"))
    assert counts(fold) == {("events", "moved", "dale"): (1, 1), ("events", "moved", ALL): (1, 1)}


def test_one_person_with_many_events_is_one_contributor_and_so_is_one_household():
    forty = [event(str(n), at=START + n) for n in range(40)]
    family = [event(f"f{n}", f"child{n}", household="one") for n in range(12)]
    assert counts(folded(*forty))["events", "moved", ALL] == (40, 1)
    assert counts(folded(*family))["events", "moved", ALL] == (12, 1)


def test_a_correction_into_another_week_counts_there_only():
    fold = folded(event("1"), event("2", at=END, change=ChangeKind.CORRECTED, replaces="1", recorded_at=END))
    assert counts(fold) == {}
    assert counts(fold, NEXT)["events", "moved", ALL] == (1, 1)


def test_matches_count_while_they_stand_and_what_is_only_looked_at_never():
    fold = folded(decision("m1"), decision("m2"), decision("m3", DecisionKind.LATE))
    fold.take(decision("m1", DecisionKind.REVIEW, START + 1))
    assert counts(fold)["situations", "rule", "hill"] == (2, 1)
    fold.take(decision("m2", DecisionKind.WITHDRAWN, START + 1))
    fold.take(decision("m2"))  # told again
    assert counts(fold)["situations", "rule", "hill"] == (1, 1)
    fold.take(decision("m2", at=START + 2))
    assert counts(fold)["situations", "rule", "hill"] == (2, 1)


def test_an_offer_counts_when_it_opened_and_when_it_ended():
    ended = offer(3, OfferState.CLOSED, END, outcome=OutcomeCode.HELP_STARTED)
    fold = folded(offer(), offer(2, OfferState.TAKEN, START + 1), ended, offer())
    assert counts(fold) == {("offers", "care", "hill"): (1, 1), ("offers", "care", ALL): (1, 1)}
    assert counts(fold, NEXT)["outcomes", "help-started", ALL] == (1, 1)
    assert counts(folded(offer(2, OfferState.LAPSED, END)), NEXT)["outcomes", "lapsed", ALL] == (1, 1)
    suppressed = offer(0, OfferState.SUPPRESSED, offer="", reason=Reason.COOL_DOWN)
    assert counts(folded(suppressed)) == {}


def test_what_is_known_has_a_row_in_every_area():
    known = Known(("hill", "dale"), {Measure.EVENTS: ("moved", "born")})
    rows = tally([one for _, one in folded(event("1")).counted()], known)
    assert rows == [
        Tally(Measure.EVENTS, "dale", "born", 0, 0), Tally(Measure.EVENTS, "hill", "born", 0, 0),
        Tally(Measure.EVENTS, ALL, "born", 0, 0),
        Tally(Measure.EVENTS, "dale", "moved", 0, 0), Tally(Measure.EVENTS, "hill", "moved", 1, 1),
        Tally(Measure.EVENTS, ALL, "moved", 1, 1),
    ]  # fmt: skip


def test_a_released_week_is_forgotten_and_the_others_are_not():
    fold = folded(event("1"), event("2", at=END), decision("m1"), offer())
    fold.release(END)
    assert fold.held == 1
    assert counts(fold) == {}
    assert counts(fold, NEXT)["events", "moved", ALL] == (1, 1)


def test_what_comes_after_release_is_dropped_and_counted():
    fold = folded(
        event("1"), decision("m1"), decision("m2", DecisionKind.WITHDRAWN), offer(), offer(2, OfferState.LAPSED),
        open_from=END,
    )  # fmt: skip
    assert fold.held == 0
    assert fold.dropped == {Measure.EVENTS: 1, Measure.SITUATIONS: 2, Measure.OFFERS: 1, Measure.OUTCOMES: 1}


def test_a_correction_of_a_fact_already_counted_counts_in_no_other_week():
    fold = folded(event("1"))
    fold.release(END)
    fold.take(event("2", at=END, change=ChangeKind.CORRECTED, replaces="1", recorded_at=END))
    assert counts(fold, NEXT) == {}
    fold.release(week_start("2025-W05", HERE))
    assert fold.held == 0
    assert fold.dropped == {Measure.EVENTS: 1}


def test_a_fact_still_open_is_annulled_by_a_line_that_names_a_released_day():
    fold = folded(event("1"), event("2", at=END, change=ChangeKind.CORRECTED, replaces="1", recorded_at=END))
    fold.release(END)
    assert counts(fold, NEXT)["events", "moved", ALL] == (1, 1)
    fold.take(event("3", change=ChangeKind.ANNULLED, replaces="1", recorded_at=END + 1))
    assert counts(fold, NEXT) == {}


def test_an_offer_opened_in_a_released_week_is_held_again_when_it_ends():
    fold = folded(offer(), open_from=END)
    fold.take(offer(2, OfferState.LAPSED, END + 1))
    assert counts(fold, NEXT) == {("outcomes", "lapsed", "hill"): (1, 1), ("outcomes", "lapsed", ALL): (1, 1)}


def test_weeks_follow_each_other_over_the_year():
    assert [week_of(week_start(week, HERE), HERE) for week in ("2026-W53", "2027-W01")] == ["2026-W53", "2027-W01"]
    assert following("2026-W53") == "2027-W01"
    assert before("2027-W01", 2) == "2026-W52"
    assert week_start("2025-W14", HERE) - week_start("2025-W13", HERE) == 7 * DAY_MS - 3_600_000


@pytest.mark.parametrize("name", ["2025-3", "2025-W54", "2025-W00", "", "../W01"])
def test_a_name_that_is_no_week_is_refused(name: str):
    with pytest.raises(ValueError, match=r"week"):
        week_start(name, HERE)
