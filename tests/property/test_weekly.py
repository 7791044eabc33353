"""Weekly counts under anything: interleaving, repetition, restart, release at any point."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from processors.civil_time import DAY_MS, Calendar
from processors.decisions import Decision, DecisionKind
from processors.disclosure.model import ALL, Measure, Tally
from processors.disclosure.weekly import Known, WeeklyFold, by_week, tally
from processors.disclosure.weeks import before, following, week_start
from processors.events import ChangeKind, LifeEvent
from processors.offers.model import OfferRecord, OfferState, Urgency

HERE = Calendar("Europe/Brussels")
FIRST, LAST = "2025-W10", "2025-W13"
WEEKS = tuple(before(LAST, back) for back in (3, 2, 1, 0))
BEGIN = week_start(FIRST, HERE)
NOBODY = Known((), {})

Value = LifeEvent | Decision | OfferRecord
Log = list[Value]
"""What one partition holds, in its order."""

patient = settings(deadline=None)
moments = st.integers(0, 4 * 7 * 24 - 1).map(lambda hours: BEGIN + hours * 3_600_000)


@st.composite
def lives(draw: st.DrawFn, person: str) -> Log:
    """Facts of one person, some corrected or annulled, in any order."""
    lines: Log = []
    for number in range(draw(st.integers(0, 4))):
        at, id_ = draw(moments), f"{person}-{number}"
        area, type_ = draw(st.sampled_from("xy")), draw(st.sampled_from(["moved", "born"]))
        line = LifeEvent(id_, type_, person, f"h{person[-1:]}", area, "reg", "reg.a", at, at, number)
        lines.append(line)
        change = draw(st.sampled_from([None, None, ChangeKind.CORRECTED, ChangeKind.ANNULLED, ChangeKind.ENDED]))
        if change is not None:
            moved = draw(moments) if change is ChangeKind.CORRECTED else at
            lines.append(
                replace(line, id=f"{id_}+", change=change, replaces=id_, occurred_at=moved, recorded_at=at + DAY_MS)
            )
    return draw(st.permutations(lines))


@st.composite
def matches(draw: st.DrawFn, match: str) -> Log:
    """A match that is made, perhaps taken back, perhaps made again."""
    completed = draw(moments)
    kinds = [DecisionKind.MATCHED, DecisionKind.WITHDRAWN, DecisionKind.MATCHED][: draw(st.integers(1, 3))]
    made = Decision(DecisionKind.MATCHED, "rule", 1, match, match, f"h{match[-1:]}", "x", 0, completed, completed, 0)
    return [replace(made, kind=kind, at=completed + step * DAY_MS) for step, kind in enumerate(kinds)]


@st.composite
def offers(draw: st.DrawFn, offer: str) -> Log:
    """An offer that opens, perhaps changes, perhaps ends."""
    opened = draw(moments)
    states = draw(
        st.sampled_from([[], [OfferState.TAKEN], [OfferState.LAPSED], [OfferState.OPEN, OfferState.WITHDRAWN]])
    )
    at = [opened, *(opened + draw(st.integers(0, 14)) * DAY_MS for _ in states)]
    made = OfferRecord(
        offer, 1, f"h{offer}", "y", OfferState.OPEN, None, 0, opened, opened, "care", Urgency.LOW, (), 0, (), ""
    )
    return [
        replace(made, version=version, state=state, at=when)
        for version, (state, when) in enumerate(zip([OfferState.OPEN, *states], sorted(at), strict=True), start=1)
    ]


logs = st.tuples(
    *(lives(f"p{n}") for n in range(4)), *(matches(f"m{n}") for n in range(3)), *(offers(f"o{n}") for n in range(3))
)


@st.composite
def interleaved(draw: st.DrawFn, partitions: Sequence[Log]) -> Log:
    """Partitions read side by side, each in its order, some values told again at once."""
    turns = draw(st.permutations([at for at, log in enumerate(partitions) for _ in log]))
    waiting = [iter(log) for log in partitions]
    return [value for at in turns for value in [next(waiting[at])] * draw(st.integers(1, 2))]


def all_tallies(folds: Iterable[WeeklyFold], weeks: Sequence[str] = WEEKS) -> dict[str, list[Tally]]:
    starts = [week_start(week, HERE) for week in (*weeks, following(weeks[-1]))]
    counted = by_week((one for fold in folds for one in fold.counted()), starts)
    return {week: tally(found, NOBODY) for week, found in zip(weeks, counted, strict=True)}


def folded(log: Log, fold: WeeklyFold | None = None) -> WeeklyFold:
    fold = fold or WeeklyFold()
    for value in log:
        fold.take(value)
    return fold


@patient
@given(logs, st.data())
def test_interleaving_and_repetition_change_nothing(partitions: tuple[Log, ...], data: st.DataObject):
    one, other = data.draw(interleaved(partitions)), data.draw(interleaved(partitions))
    assert all_tallies([folded(one)]) == all_tallies([folded(other)]) == all_tallies(map(folded, partitions))


@patient
@given(logs)
def test_counts_are_those_of_a_plain_reading(partitions: tuple[Log, ...]):
    """Each fact, match and offer by its last word, without the fold."""
    expected: dict[tuple[str, Measure, str, str], int] = defaultdict(int)

    def count(at: int, measure: Measure, area: str, type_: str) -> None:
        for week in WEEKS:
            if week_start(week, HERE) <= at < week_start(following(week), HERE):
                expected[week, measure, area, type_] += 1
                expected[week, measure, ALL, type_] += 1

    for log in partitions:
        events = [value for value in log if isinstance(value, LifeEvent)]
        gone = {line.replaces for line in events if line.change is ChangeKind.ANNULLED}
        now = {line.replaces: line for line in events if line.change is ChangeKind.CORRECTED}
        for line in events:
            if line.change is ChangeKind.CREATED and line.id not in gone:
                stands = now.get(line.id, line)
                count(stands.occurred_at, Measure.EVENTS, stands.area, stands.type)
        last = log[-1] if log else None
        if isinstance(last, Decision) and last.kind is DecisionKind.MATCHED:
            count(last.completed_at, Measure.SITUATIONS, last.area, last.rule)
        if isinstance(last, OfferRecord):
            count(last.opened_at, Measure.OFFERS, last.area, last.lead)
            if not last.state.is_live:
                count(last.at, Measure.OUTCOMES, last.area, last.state.value)
    found = all_tallies(map(folded, partitions))
    counted = {(week, t.measure, t.area, t.type): t.count for week, rows in found.items() for t in rows if t.count}
    assert counted == dict(expected)


@patient
@given(logs, st.data())
def test_a_fact_is_counted_in_one_week_at_most_whenever_weeks_are_released(
    partitions: tuple[Log, ...], data: st.DataObject
):
    """And a fold begun anew that forgets at the same positions counts the same, lines dropped included."""
    log = data.draw(interleaved(partitions))
    points = sorted(data.draw(st.lists(st.integers(0, len(log)), min_size=len(WEEKS), max_size=len(WEEKS))))
    live, published = WeeklyFold(), {}
    for week, (begin, end) in zip(WEEKS, pairwise([0, *points]), strict=True):
        folded(log[begin:end], live)
        again = replayed(log[:end], points[: WEEKS.index(week)])
        published[week] = all_tallies([live], [week])[week]
        assert all_tallies([again], [week])[week] == published[week]
        assert again.dropped == live.dropped
        live.release(week_start(following(week), HERE))
    facts = {value.id.rstrip("+") for value in log if isinstance(value, LifeEvent)}
    counted = [row for rows in published.values() for row in rows if row.area == ALL]
    assert sum(row.count for row in counted if row.measure is Measure.EVENTS) <= len(facts)
    live.release(week_start(following(LAST), HERE) + 60 * DAY_MS)
    assert live.held == 0, "nothing is held for ever"


def replayed(log: Log, points: Sequence[int]) -> WeeklyFold:
    """A fold begun anew, which forgets each week where it was released."""
    fold = WeeklyFold()
    for week, (begin, end) in zip(WEEKS, pairwise([0, *points]), strict=False):
        folded(log[begin:end], fold).release(week_start(following(week), HERE))
    return folded(log[points[-1] if points else 0 :], fold)
