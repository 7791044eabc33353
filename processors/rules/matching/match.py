"""Runs of one rule over one timeline: which matches there are, and when each is complete.

Every run is found anew from the timeline; nothing is remembered here. Does not choose between
matches nor tell anybody: that is `overlap` and `decide`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

from processors.events import derived_id
from processors.rules.conditions import Fields
from processors.rules.matching import absences
from processors.rules.matching.absences import Contradiction, Lookback
from processors.rules.matching.plan import (
    AbsencePlan,
    AllPlan,
    CountPlan,
    GroupPlan,
    NodePlan,
    OnePlan,
    Plan,
    RepeatPlan,
)
from processors.rules.matching.repetition import Repeat
from processors.rules.matching.run import Ends, Mark, Run, State, Wait, Way
from processors.rules.matching.search import Absence, All, Count, Group, Node, One, OneOrSilence, way
from processors.rules.matching.view import visible
from processors.rules.model import Runs, Subject
from processors.timeline import LiveEvent, Position, Timeline

_START = State(0)


class Step(NamedTuple):
    """Events bound under one name, in order."""

    name: str
    events: tuple[LiveEvent, ...]


class Candidate(NamedTuple):
    """A run whose events are all bound and whose absences nothing contradicts so far.

    Attributes:
        steps: what it binds, in order of binding.
        first, last: events that opened it and that it bound last.
        completed_at: event time or deadline at which the pattern is complete, ms.
        ends_day: whether that is the end of a civil day, so that the day before is meant.
        waits: what has to pass before nothing still to come can change it.
        lookbacks: what must have been heard at all.
        fires: which firing of `again` it is, from 1; 0 for others.
    """

    plan: Plan
    steps: tuple[Step, ...]
    first: LiveEvent
    last: LiveEvent
    completed_at: int
    ends_day: bool
    waits: tuple[Wait, ...]
    lookbacks: tuple[Lookback, ...]
    fires: int = 0

    @property
    def match(self) -> str:
        """Identity of the match; worked out when asked for, because most candidates never come so far."""
        rule = self.plan.rule
        parts = [part for step in self.steps for part in (step.name, *(event.root for event in step.events))]
        if rule.per is Subject.HOUSEHOLD:
            parts.append(self.last.line.household)  # a fact may move: what both homes saw are two matches
        return derived_id(rule.name, rule.version, *parts, *([f"firing {self.fires}"] if self.fires else []))

    @property
    def order(self) -> tuple[int, Position]:
        """Matches are taken in order of completion, then of opening."""
        return (self.completed_at, self.first.at)

    @property
    def growth(self) -> tuple[Wait, ...]:
        """What it waits for because a step may still bind more."""
        return tuple(wait for wait in self.waits if wait.absence is None)

    @property
    def events(self) -> Iterator[LiveEvent]:
        """Every event it binds."""
        return (event for step in self.steps for event in step.events)


class Opening(NamedTuple):
    """A run that was opened and could still bind more: the event that opened it, what it waits for."""

    first: LiveEvent
    waits: tuple[Wait, ...]


class Found(NamedTuple):
    """What there is of one rule on one timeline, in order of opening; no match twice."""

    candidates: tuple[Candidate, ...]
    openings: tuple[Opening, ...]


NOTHING = Found((), ())


def find(plan: Plan, timeline: Timeline, fields: Fields, now: int) -> Found:
    """Every run of the rule whose events are there, and every one that is still open.

    Args:
        plan: the rule.
        timeline: as it stands; the rule sees its own part of it.
        fields: decodes attributes on demand.
        now: the clock, ms; firings of `again` are listed up to the first after it.
    """
    live = visible(plan, timeline, fields)
    run = Run(plan, live, fields)
    rule_way = way_of(plan)
    found: list[Candidate] = []
    openings: list[Opening] = []
    is_first_only = plan.rule.runs is Runs.FIRST_ONLY
    opening = plan.opening
    for place in range(len(live)):
        if opening is not None and live[place].line.type not in opening:
            continue
        ends = rule_way.at(run, _START, place)
        if ends is None:
            continue
        if ends.complete:
            complete = _complete(run, ends, now, openings)
            found += _once(complete) if plan.is_forking else complete
        if ends.opens:
            openings.append(Opening(live[place], ends.opens))
        if is_first_only or run.is_given_up:
            break
    return Found(tuple(found), tuple(openings)) if found or openings else NOTHING


def _once(candidates: Iterable[Candidate]) -> Iterable[Candidate]:
    """No match twice: forks of a run can come to the same end."""
    return {candidate.match: candidate for candidate in candidates}.values()


def _complete(run: Run, ends: Ends, now: int, openings: list[Opening]) -> Iterator[Candidate]:
    """Candidates among complete states; what only the next event can make one is added to `openings`."""
    for state in ends.complete:
        concluded = absences.conclude(run, state)
        if isinstance(concluded, Contradiction):
            if concluded.is_for_now:
                openings += _until_next_event(run, state)
            continue
        last = state.trail[-1]
        if not isinstance(last, Mark) or not last.absence.step.is_again:
            yield _candidate(run.plan, state, concluded)
            continue
        for fires, (over, ends_day, wait) in enumerate(absences.again(run, state, now), start=1):
            if over > concluded.over:
                later = replace(concluded, over=over, ends_day=ends_day, waits=(*concluded.waits, wait))
            else:
                later = replace(concluded, waits=(*concluded.waits, wait))
            yield _candidate(run.plan, state, later, fires)


def _until_next_event(run: Run, state: State) -> Iterator[Opening]:
    """A run that the next event may make a match as it is, or that may bind more.

    The next event may never come: it is reckoned with until the rule's `within` is over, no longer.
    """
    assert state.first is not None
    assert state.last is not None
    within = run.plan.rule.within
    if within is not None:
        over = run.after(state.first, within).over + run.plan.settles_ms
        yield Opening(state.first, (Wait(over, over, run.plan.feeds, state.last.line.occurred_at + 1),))
    if state.waits:
        yield Opening(state.first, state.waits)


def _candidate(plan: Plan, state: State, concluded: absences.Concluded, fires: int = 0) -> Candidate:
    assert state.first is not None
    assert state.last is not None
    steps = _steps(state)
    last_at = state.last.line.occurred_at
    is_later = concluded.over > last_at
    return Candidate(
        plan=plan,
        steps=steps,
        first=state.first,
        last=state.last,
        completed_at=concluded.over if is_later else last_at,
        ends_day=is_later and concluded.ends_day,
        waits=concluded.waits,
        lookbacks=concluded.lookbacks,
        fires=fires,
    )


def _steps(state: State) -> tuple[Step, ...]:
    return tuple(Step(name, tuple(events)) for name, events in state.names().items())


@lru_cache(maxsize=4_096)
def way_of(plan: Plan) -> Way:
    """The rule's steps as a way; worked out once for each plan."""
    return way([_node(each) for each in plan.nodes])


def _node(plan: NodePlan) -> Node:
    match plan:
        case OnePlan():
            return OneOrSilence(plan) if plan.silences else One(plan)
        case AllPlan():
            return All(plan)
        case CountPlan():
            return Count(plan)
        case AbsencePlan():
            return Absence(plan)
        case GroupPlan():
            return Group(plan, [_node(each) for each in plan.nodes])
        case RepeatPlan():
            return Repeat(plan, _node(plan.unit))
