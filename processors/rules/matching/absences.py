"""Absences, checked on what a run has bound (`rules.md`, Steps and Meaning 2 and 3).

An absence is a check, not a station: it stands at its place on the trail and looks at the timeline
once all events are bound.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from processors.civil_time import Duration, deadline, window_end, window_start
from processors.rules.matching.plan import FOREVER, AbsencePlan
from processors.rules.matching.run import Bound, Mark, Run, State, Trail, Wait
from processors.rules.model import FIRST, PREVIOUS
from processors.timeline import LiveEvent, Position


@dataclass(frozen=True, slots=True)
class Lookback:
    """Feeds that must have begun by `since`, ms, for an absence that looks back to be known."""

    feeds: tuple[str, ...]
    since: int


@dataclass(frozen=True, slots=True)
class Concluded:
    """What the absences of a complete run say.

    Attributes:
        over: latest deadline, ms (-FOREVER: none). ends_day: it is the end of a civil day.
        waits: what the clock has to conclude.
        lookbacks: what must have been heard at all.
    """

    over: int
    ends_day: bool
    waits: tuple[Wait, ...]
    lookbacks: tuple[Lookback, ...]


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Why a run whose events are all bound is no match.

    Attributes:
        absence: that does not hold.
        event: against it, if there is one.
        is_for_now: whether only the next event will tell.
    """

    absence: AbsencePlan
    event: LiveEvent | None
    is_for_now: bool = False


@dataclass(frozen=True, slots=True)
class _Span:
    """Where an absence holds: after `start`, before instant `end` or before position `until`.

    Attributes:
        begin: events that occurred before, ms, do not count.
        over: when its time is over, ms (-FOREVER without `for`).
        own: roots of the events of the names it speaks of, which never count as the absent ones.
    """

    start: Position | None
    begin: int
    end: int
    until: Position | None
    over: int
    own: frozenset[str]


def conclude(run: Run, state: State) -> Concluded | Contradiction:
    """Checks every absence of a complete run, but for the firings of `again`."""
    over, ends_day, waits, lookbacks = state.over, state.ends_day, list(state.waits), list[Lookback]()
    for_now: Contradiction | None = None
    for place, entry in enumerate(state.trail):
        if not isinstance(entry, Mark) or entry.absence.step.is_again:
            continue
        absence = entry.absence
        spans = _spans(run, absence, state, place)
        if spans is None:
            for_now = for_now or Contradiction(absence, None, is_for_now=True)
            continue
        if not spans:
            return Contradiction(absence, None)
        for span in spans:
            against = _against(run, absence, span, state.seen_from(place))
            if against is not None:
                return Contradiction(absence, against)
            if absence.step.is_looking_back:
                lookbacks.append(Lookback(absence.source.feeds, span.begin))
            if span.over > over:
                over, ends_day = span.over, absence.step.duration is not None and not absence.step.duration.is_exact
            waits.append(_wait(absence, span))
    return for_now or Concluded(over, ends_day, tuple(waits), tuple(lookbacks))


def again(run: Run, state: State, now: int) -> Iterator[tuple[int, bool, Wait]]:
    """Firings of a trailing `again`, first to last: deadline, whether it ends a day, what it waits for.

    Up to the first whose deadline is after `now`, ms: the later ones are not yet of interest.
    """
    mark = state.trail[-1] if state.trail else None
    if not isinstance(mark, Mark) or mark.absence.step.duration is None:
        return
    absence, duration = mark.absence, mark.absence.step.duration
    assert duration is not None
    anchor = _anchor(absence.step.anchor, state.trail[:-1], state.first)
    if anchor is None:
        return
    within = run.plan.rule.within
    last = FOREVER if within is None or state.first is None else run.after(state.first, within).over
    count = 1
    while True:
        longer = Duration(duration.amount * count, duration.unit, duration.is_less)
        start = anchor.line.occurred_at
        end, over = window_end(start, longer, run.plan.calendar), deadline(start, longer, run.plan.calendar)
        span = _Span(anchor.at, -FOREVER, end, None, over, _roots(absence.step.anchor, state.trail, state.first))
        if over > last or duration.amount == 0 or _against(run, absence, span, state) is not None:
            return
        wait = _wait(absence, span)
        yield over, not duration.is_exact, wait
        if wait.due > now:
            return
        count += 1


def _spans(run: Run, absence: AbsencePlan, state: State, place: int) -> list[_Span] | None:
    """Where an absence holds: nowhere if a name it counts from was not bound; None: the next event is yet to come."""
    passed, step = state.trail[:place], absence.step
    if step.is_looking_back:
        return _looking_back(run, absence, state, passed)
    before = _anchor(PREVIOUS, passed, state.first)
    span = None if before is None else _stretch(run, absence, passed, state.first, before)
    if before is None or span is None:
        return []
    if step.until is None:
        return [span]
    if absence.until is not None:
        return [_until(run, absence.until, state, place, span)]
    following = next((event for event in run.live if event.at > before.at and _counts(run, absence, event)), None)
    if following is None:
        return None
    next_only = _Span(before.at, -FOREVER, -FOREVER, _behind(following), following.line.occurred_at, frozenset())
    return [next_only] if step.duration is None else [span, next_only]


def _stretch(run: Run, absence: AbsencePlan, passed: Trail, first: LiveEvent | None, before: LiveEvent) -> _Span | None:
    """The span of `for: D after NAME`, empty without it; None if NAME was not bound."""
    step = absence.step
    if step.duration is None:
        return _Span(before.at, -FOREVER, -FOREVER, None, -FOREVER, frozenset())
    anchor = _anchor(step.anchor, passed, first)
    if anchor is None:
        return None
    end, over = run.after(anchor, step.duration)
    own = _roots(step.anchor, _in_round(passed, absence, step.anchor), first)
    return _Span(anchor.at, -FOREVER, end, None, over, own)


def _counts(run: Run, absence: AbsencePlan, event: LiveEvent) -> bool:
    """Whether an event can be the next one: seeking help brings no match about, but may be what is absent."""
    return event.line.type not in run.plan.never or event.line.type in absence.choice.by_type


def _in_round(passed: Trail, absence: AbsencePlan, name: str | None) -> Trail:
    """What was bound in the round the absence stands in, if its name was bound there; else all of it."""
    before = max((place for place, e in enumerate(passed) if isinstance(e, Mark) and e.absence is absence), default=-1)
    own = passed[before + 1 :]
    return own if any(isinstance(e, Bound) and e.name == name for e in own) else passed


def _behind(event: LiveEvent) -> Position:
    occurred_at, recorded_at, arrival, line_id = event.at
    return (occurred_at, recorded_at, arrival, line_id + "\x00")


def _until(run: Run, order: int, state: State, place: int, span: _Span) -> _Span:
    """The span up to the step of that order.

    If that step is missing it is the step after it; if there is none either, the end of the missing
    step's window.
    """
    mark, behind = state.trail[place], state.trail[place + 1 :]
    later = [e for e in behind if isinstance(e, Bound) and e.order >= order]
    if later:
        end = next((number for number, e in enumerate(behind) if isinstance(e, Mark) and e == mark), len(behind))
        roots = {e.event.root for e in behind[:end] if isinstance(e, Bound) and e.order == later[0].order}
        return replace(span, until=later[0].event.at, own=span.own | roots)
    limit = run.limit(state, run.plan.windows[order], state.last)
    return replace(span, until=(limit.end, -FOREVER, 0, ""), over=max(span.over, limit.over))


def _looking_back(run: Run, absence: AbsencePlan, state: State, passed: Trail) -> list[_Span]:
    step = absence.step
    assert step.duration is not None
    passed = _in_round(passed, absence, step.anchor)
    first = _first(step.anchor, passed, state.first)
    if first is None:
        return []
    begin = window_start(first.line.occurred_at, step.duration, run.plan.calendar)
    return [_Span(None, begin, -FOREVER, first.at, -FOREVER, _roots(step.anchor, passed, state.first))]


def _anchor(name: str | None, passed: Trail, first: LiveEvent | None) -> LiveEvent | None:
    """The last event of a name."""
    if name == FIRST:
        return first
    named = (e.event for e in reversed(passed) if isinstance(e, Bound) and name in (e.name, PREVIOUS))
    return next(named, None)


def _first(name: str | None, passed: Trail, first: LiveEvent | None) -> LiveEvent | None:
    """The first event of a name."""
    if name == FIRST:
        return first
    return next((e.event for e in passed if isinstance(e, Bound) and e.name == name), None)


def _roots(name: str | None, passed: Trail, first: LiveEvent | None) -> frozenset[str]:
    if name == FIRST:
        return frozenset({first.root} if first is not None else ())
    return frozenset(entry.event.root for entry in passed if isinstance(entry, Bound) and entry.name == name)


def _against(run: Run, absence: AbsencePlan, span: _Span, state: State) -> LiveEvent | None:
    """The event that contradicts an absence; with `all_of` the one that completes them."""
    free: Sequence[int] = range(absence.choice.size)
    for place, event in enumerate(run.live):
        if not _is_inside(event, span):
            continue
        if not absence.step.is_all:
            if run.fit(absence.choice, place, state) is not None:
                return event
            continue
        taken = _free(run, absence, place, state, free)
        free = [each for each in free if each != taken]
        if not free:
            return event
    return None


def _free(run: Run, absence: AbsencePlan, place: int, state: State, free: Sequence[int]) -> int | None:
    for alternative in absence.choice.of(run.live[place].line.type):
        if alternative.place in free and run.holds(alternative, place, state):
            return alternative.place
    return None


def _is_inside(event: LiveEvent, span: _Span) -> bool:
    if span.start is not None and event.at <= span.start:
        return False
    if event.root in span.own or event.line.occurred_at < span.begin:
        return False
    return event.line.occurred_at < span.end or (span.until is not None and event.at < span.until)


def _wait(absence: AbsencePlan, span: _Span) -> Wait:
    until = span.until[0] if span.until is not None else -FOREVER
    settles = absence.source.settles_ms
    end = max(span.end, until)
    return Wait(
        max(span.over, until) + settles, end - 1 + settles, absence.source.feeds, end + absence.source.later_ms, absence
    )
