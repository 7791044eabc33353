"""Runs of one rule over one timeline: which events it binds, and when that is complete.

A run takes the earliest fitting event for each step; absences are checked on what was bound
(`rules.md`, Meaning 3 and 4). Every run is found anew from the timeline; nothing is remembered
here. Does not choose between runs nor tell anybody: that is `decide`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from processors.civil_time import Calendar, deadline, window_end
from processors.events import derived_id
from processors.rules.conditions import Condition, Fields, evaluate
from processors.rules.model import ANY_TYPE, FIRST, PREVIOUS, AbsenceStep, EventStep, Member, Rule, Step
from processors.timeline import Lateness, LiveEvent, Position

FOREVER = 1 << 62


@dataclass(frozen=True, slots=True)
class Plan:
    """A rule made ready to match.

    Attributes:
        rule: as written.
        calendar: for its windows.
        conditions: compiled conditions by source.
        never_bound: types `"*"` may not bind in a positive step (help seeking, benefit receipt).
        granted: types of the rule's timeline; None: all.
        feeds: per absence step position, the feeds that could contradict it.
        settles_ms: per absence step position, how long the slowest of them takes.
        lateness: which lines come too late for it.
        horizon_ms: sum of its windows and `late.accept`, ms.
        valid_from, valid_until: ms; matches completing in [from, until) are its own.
    """

    rule: Rule
    calendar: Calendar
    conditions: Mapping[str, Condition]
    never_bound: frozenset[str]
    granted: frozenset[str] | None
    feeds: Mapping[int, tuple[str, ...]]
    settles_ms: Mapping[int, int]
    lateness: Lateness
    horizon_ms: int
    valid_from: int
    valid_until: int
    event_steps: tuple[EventStep, ...]
    absence_steps: tuple[AbsenceStep, ...]


@dataclass(frozen=True, slots=True)
class Wait:
    """Until when an absence has to wait.

    Attributes:
        due: clock from which it may be concluded: deadline + settling, ms.
        heard: up to when (ms, inclusive) every one of `feeds` must have been heard.
    """

    due: int
    heard: int
    feeds: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Bound:
    """Events bound by a step: its position, the name they appear under, the events in order."""

    position: int
    name: str
    events: tuple[LiveEvent, ...]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A run whose events are all bound and whose absences nothing contradicts so far.

    Attributes:
        match: identity of the match.
        completed_at: event time or deadline at which the pattern is complete, ms.
        ends_day: whether that is the end of a civil day, so that the day before is meant.
        waits: absences that the clock has to conclude.
    """

    plan: Plan
    match: str
    bound: tuple[Bound, ...]
    completed_at: int
    ends_day: bool
    waits: tuple[Wait, ...]

    @property
    def first(self) -> LiveEvent:
        """The event that opened the run."""
        return self.bound[0].events[0]

    @property
    def last(self) -> LiveEvent:
        """The last event bound."""
        return self.bound[-1].events[-1]

    @property
    def order(self) -> tuple[int, Position]:
        """Matches are taken in order of completion, then of opening."""
        return (self.completed_at, self.first.at)


class _Run:
    """A run in the making; `names` is what conditions and windows see."""

    def __init__(self, plan: Plan, live: Sequence[LiveEvent], fields: Fields) -> None:
        self.plan, self.live, self.fields = plan, live, fields
        self.bound: list[Bound] = []
        self.names: dict[str, tuple[LiveEvent, ...]] = {}
        self.next = 0

    def bind(self, step: EventStep, name: str, places: Sequence[int]) -> None:
        events = tuple(self.live[place] for place in places)
        self.bound.append(Bound(step.position, name, events))
        self.names[name] = events
        self.next = places[-1] + 1

    def anchor(self, name: str) -> LiveEvent | None:
        """The event a window counts from: of several, the last."""
        if name == FIRST:
            return self.bound[0].events[0]
        if name == PREVIOUS:
            return self.bound[-1].events[-1]
        events = self.names.get(name)
        return events[-1] if events else None


def candidates(plan: Plan, live: Sequence[LiveEvent], fields: Fields) -> Iterator[Candidate]:
    """Every run of the rule whose events are there, in order of opening; no match twice.

    Args:
        plan: the rule.
        live: the timeline as the rule sees it, in order.
        fields: decodes attributes on demand.
    """
    seen: set[str] = set()
    for place in range(len(live)):
        run = _open(plan, live, place, fields)
        found = _complete(run) if run is not None else None
        if found is not None and found.match not in seen:
            seen.add(found.match)
            yield found


def _open(plan: Plan, live: Sequence[LiveEvent], place: int, fields: Fields) -> _Run | None:
    step = plan.event_steps[0]
    if live[place].line.type not in step.types and ANY_TYPE not in step.types:
        return None
    run = _Run(plan, live, fields)
    if not _bind_at(run, step, place, FOREVER):
        return None
    return run if all(_bind_next(run, step) for step in plan.event_steps[1:]) else None


def _bind_next(run: _Run, step: EventStep) -> bool:
    """Binds the earliest fitting event (or group of them) after what is bound."""
    limit = _limit(run, step)
    for place in range(run.next, len(run.live)):
        if run.live[place].line.occurred_at >= limit:
            return False
        if _bind_at(run, step, place, limit):
            return True
    return False


def _limit(run: _Run, step: EventStep) -> int:
    """First instant at which the step may bind nothing any more, ms."""
    limit = FOREVER
    if step.within is not None:
        anchor = run.anchor(step.within.anchor)
        if anchor is None:
            return 0
        limit = window_end(anchor.line.occurred_at, step.within.duration, run.plan.calendar)
    if run.plan.rule.within is not None:
        opened = run.bound[0].events[0].line.occurred_at
        limit = min(limit, window_end(opened, run.plan.rule.within, run.plan.calendar))
    return limit


def _bind_at(run: _Run, step: EventStep, place: int, limit: int) -> bool:
    """Binds the event at `place`, or for a sliding count the group that begins there."""
    member = _fitting(run, step, run.live[place])
    if member is None:
        return False
    places = [place] if step.in_any is None else _counted(run, step, place, limit)
    if not places:
        return False
    run.bind(step, step.name_of(member), places)
    return True


def _fitting(run: _Run, step: Step, event: LiveEvent) -> Member | None:
    """The first listed member that fits the event."""
    actual = event.line.type
    if actual not in step.types and ANY_TYPE not in step.types:
        return None
    for member in step.members:
        if _is_type(run.plan, step, member.type, actual) and _holds(run, step, member, event):
            return member
    return None


def _is_type(plan: Plan, step: Step, wanted: str, actual: str) -> bool:
    if wanted != ANY_TYPE:
        return wanted == actual
    if plan.granted is not None and actual not in plan.granted:
        return False
    return isinstance(step, AbsenceStep) or actual not in plan.never_bound


def _holds(run: _Run, step: Step, member: Member, event: LiveEvent) -> bool:
    for where in (member.where, step.where):
        if where is not None:
            condition = run.plan.conditions[where.source]
            if not evaluate(condition, event, run.names, run.fields).holds:
                return False
    return True


def _counted(run: _Run, step: EventStep, place: int, limit: int) -> list[int]:
    """Places of the events that make up the count beginning at `place`; empty if it is not reached.

    With `distinct` the latest event of each source is bound; a group that then begins later is
    found from its own beginning.
    """
    assert step.in_any is not None
    opened = run.live[place].line.occurred_at
    end = min(limit, window_end(opened, step.in_any, run.plan.calendar), _rule_end(run, opened))
    latest: dict[str, int] = {}
    for here in range(place, len(run.live)):
        event = run.live[here]
        if event.line.occurred_at >= end:
            break
        if here != place and _fitting(run, step, event) is None:
            continue
        latest[str(getattr(event.line, step.distinct)) if step.distinct else event.root] = here
        if len(latest) == step.count:
            places = sorted(latest.values())
            return places if places[0] == place else []
    return []


def _rule_end(run: _Run, opened: int) -> int:
    within = run.plan.rule.within
    return FOREVER if run.bound or within is None else window_end(opened, within, run.plan.calendar)


def _complete(run: _Run) -> Candidate | None:
    """Checks the absences of a run whose events are all bound."""
    last = run.bound[-1].events[-1].line.occurred_at
    completed_at, ends_day, waits = last, False, []
    for step in run.plan.absence_steps:
        span = _span(run, step)
        if span is None or any(_contradicts(run, step, span, event) for event in run.live):
            return None
        if span.deadline > completed_at:
            completed_at, ends_day = span.deadline, step.duration is not None and not step.duration.is_exact
        waits.append(_wait(run.plan, step, span))
    match = derived_id(run.plan.rule.name, run.plan.rule.version, *_identity(run.bound))
    return Candidate(run.plan, match, tuple(run.bound), completed_at, ends_day, tuple(waits))


def _identity(bound: Sequence[Bound]) -> Iterator[str]:
    for step in bound:
        yield step.name
        yield from (event.root for event in step.events)


@dataclass(frozen=True, slots=True)
class _Span:
    """Where an absence holds: after `start`, before instant `end` or before position `until`.

    `deadline` is when its time is over (0 without `for`); `own` are the events of the names it
    speaks of, which never count as the absent ones.
    """

    start: Position
    end: int
    until: Position | None
    deadline: int
    own: frozenset[str]


def _span(run: _Run, step: AbsenceStep) -> _Span | None:
    """The span of an absence; None if a name it counts from was not bound."""
    before = [bound for bound in run.bound if bound.position < step.position][-1]
    start, end, over, own = before.events[-1], 0, 0, set[str]()
    if step.duration is not None and step.after is not None:
        anchor = run.anchor(step.after) if step.after != PREVIOUS else before.events[-1]
        if anchor is None:
            return None
        start = anchor
        end = window_end(anchor.line.occurred_at, step.duration, run.plan.calendar)
        over = deadline(anchor.line.occurred_at, step.duration, run.plan.calendar)
        own |= {event.root for event in run.names.get(step.after, (anchor,))}
    until = _until(run, step)
    own |= {event.root for event in until}
    return _Span(start.at, end, until[0].at if until else None, over, frozenset(own))


def _until(run: _Run, step: AbsenceStep) -> tuple[LiveEvent, ...]:
    """Events of the later step that `until` names (whichever of its members was bound)."""
    if step.until is None:
        return ()
    for later in run.plan.event_steps:
        if step.until == later.name or any(member.name == step.until for member in later.members):
            return next(bound.events for bound in run.bound if bound.position == later.position)
    return ()


def _contradicts(run: _Run, step: AbsenceStep, span: _Span, event: LiveEvent) -> bool:
    if event.line.type not in step.types and ANY_TYPE not in step.types:
        return False
    if event.at <= span.start or event.root in span.own:
        return False
    if event.line.occurred_at >= span.end and (span.until is None or event.at >= span.until):
        return False
    return _fitting(run, step, event) is not None


def _wait(plan: Plan, step: AbsenceStep, span: _Span) -> Wait:
    until = span.until[0] if span.until is not None else 0
    settles = plan.settles_ms[step.position]
    return Wait(max(span.deadline, until) + settles, max(span.end, until) - 1 + settles, plan.feeds[step.position])
