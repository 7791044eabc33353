"""One run of a rule over a timeline: what it has bound so far, and how long it may go on.

A run is a value: every step gives new ones, so that a search can go two ways from the same state.
Decides nothing about steps: that is `search`, `repetition` and `absences`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple, Protocol

from processors.civil_time import Duration, window_of
from processors.rules.conditions import BEFORE, Condition, Fields, Names, Verdict, evaluate
from processors.rules.matching.plan import FOREVER, AbsencePlan, Alternative, Choice, Guard, Plan, Source
from processors.rules.model import FIRST, PREVIOUS, Window
from processors.timeline import LiveEvent


class Wait(NamedTuple):
    """What has to pass before something still to come can change nothing any more.

    Attributes:
        due: clock from which it may be concluded: deadline + settling, ms.
        heard: up to when (ms, inclusive) every one of `feeds` must have been heard.
        latest: first instant at which a match it is part of can bind nothing any more, ms.
        absence: that waits; None: a step does, which may still bind something.
    """

    due: int
    heard: int
    feeds: tuple[str, ...]
    latest: int
    absence: AbsencePlan | None = None


class Limit(NamedTuple):
    """Until when a step may bind: `end` is the first instant outside, `over` when that is decided, ms."""

    end: int
    over: int


_NO_NAMES: Names = {}
MOST_TRIES = 20_000
"""Ways a rule tries on one timeline. Repetitions of the same type one after the other multiply them; no
person's timeline may hold up the others of its partition."""
NO_LIMIT = Limit(FOREVER, FOREVER)
CLOSED = Limit(-FOREVER, -FOREVER)


class Bound(NamedTuple):
    """One event bound: by which step (its order and position), under which name, at which place."""

    order: int
    name: str
    event: LiveEvent
    member: int


class Mark(NamedTuple):
    """A place on the way at which an absence stands."""

    absence: AbsencePlan


Trail = tuple[Bound | Mark, ...]


class Tight(IntEnum):
    """Whether other events may lie between what a run binds.

    `loose`: they may. `once begun`: not once something is bound. `next`: only the very next event will do.
    """

    LOOSE = 0
    ONCE_BEGUN = 1
    NEXT = 2

    @property
    def after_event(self) -> Tight:
        """What holds once an event was bound."""
        return Tight.LOOSE if self is Tight.LOOSE else Tight.NEXT


class State(NamedTuple):
    """What a run has bound.

    Attributes:
        next: place on the timeline from which it goes on.
        trail: what it bound and passed, in order.
        first, last: events bound first and last.
        windows: windows of groups it is in, with the event bound before each.
        tight: whether other events may lie between.
        waits: what has to pass before this way is the right one.
        over: latest deadline of an absence that took a step, ms. ends_day: it is the end of a day.
    """

    next: int
    trail: Trail = ()
    first: LiveEvent | None = None
    last: LiveEvent | None = None
    windows: tuple[tuple[Window, LiveEvent | None], ...] = ()
    tight: Tight = Tight.LOOSE
    waits: tuple[Wait, ...] = ()
    over: int = -FOREVER
    ends_day: bool = False

    def bind(self, bound: Sequence[Bound], place: int) -> State:
        """The state after these events, the last of them at `place`."""
        first = self.first if self.first is not None else bound[0].event
        tight = self.tight.after_event
        trail = (*self.trail, *bound)
        return State(
            place + 1, trail, first, bound[-1].event, self.windows, tight, self.waits, self.over, self.ends_day
        )

    def seen_from(self, place: int) -> State:
        """The state as it was before what stands at `place` of the trail, as far as names go."""
        return State(self.next, self.trail[:place], self.first, self.last)

    def passing(self, mark: Mark) -> State:
        """The state behind an absence."""
        trail = (*self.trail, mark)
        return State(
            self.next, trail, self.first, self.last, self.windows, self.tight, self.waits, self.over, self.ends_day
        )

    def binds(self, event: LiveEvent) -> bool:
        """Whether it bound that event."""
        return any(isinstance(entry, Bound) and entry.event is event for entry in self.trail)

    def names(self) -> dict[str, list[LiveEvent]]:
        """Events bound under each name, in order."""
        found: dict[str, list[LiveEvent]] = {}
        for entry in self.trail:
            if isinstance(entry, Bound):
                found.setdefault(entry.name, []).append(entry.event)
        return found

    def named(self, name: str) -> LiveEvent | None:
        """The last event bound under a name."""
        for entry in reversed(self.trail):
            if isinstance(entry, Bound) and entry.name == name:
                return entry.event
        return None


class Ends(NamedTuple):
    """What came of a way: complete states (several where it forks), and what it still waits for.

    Neither: it failed for good. `is_stopped`: the event asked about ended a repetition and is bound by nothing.
    """

    complete: tuple[State, ...] = ()
    opens: tuple[Wait, ...] = ()
    is_stopped: bool = False

    def takes(self, event: LiveEvent) -> bool:
        """Whether a complete state binds that event."""
        return any(state.binds(event) for state in self.complete)

    def pending(self, before: State) -> tuple[Wait, ...]:
        """What it waits for beyond what `before` waited for."""
        known = len(before.waits)
        return (*self.opens, *(wait for state in self.complete for wait in state.waits[known:]))


FAILED = Ends()


class Way(Protocol):
    """The rest of a rule from some step on."""

    def go(self, run: Run, state: State) -> Ends:
        """Goes on from a state."""

    def at(self, run: Run, state: State, place: int) -> Ends | None:
        """Goes on with the event at `place`; None if the rest cannot begin with it."""


class Done:
    """The end of the steps."""

    def go(self, run: Run, state: State) -> Ends:
        """The state is complete."""
        del run
        return Ends((state,))

    def at(self, run: Run, state: State, place: int) -> Ends | None:
        """Nothing begins after the end."""
        del run, state, place
        return None


DONE = Done()


class Rejection(NamedTuple):
    """A condition that was false on an event, with the other events it could read by name."""

    event: LiveEvent
    condition: Condition
    names: Names
    verdict: Verdict


@dataclass(slots=True)
class Attempt:
    """How far one run came and why no further, for `why`.

    Attributes:
        state: the furthest it came.
        order: of the step it could not pass there; None: it passed them all.
        limit: until when that step may still bind.
        event: the event that stood in the way for good.
        rejected: conditions that were false, in the order tried; an event may be tried more than once.
    """

    state: State = field(default_factory=lambda: State(0))
    order: int | None = None
    limit: Limit = NO_LIMIT
    event: LiveEvent | None = None
    rejected: list[Rejection] = field(default_factory=list)


class Run:
    """A rule over one timeline; the same for all its runs."""

    __slots__ = ("attempt", "fields", "live", "plan", "tries")

    def __init__(self, plan: Plan, live: Sequence[LiveEvent], fields: Fields) -> None:
        self.plan, self.live, self.fields = plan, live, fields
        self.attempt: Attempt | None = None
        self.tries = 0

    @property
    def is_given_up(self) -> bool:
        """Whether it has tried so many ways that it goes no further."""
        return self.tries > MOST_TRIES

    def again(self) -> bool:
        """Counts one more way to try; False once they are too many, which counts as an error of the rule."""
        self.tries += 1
        if self.tries == MOST_TRIES + 1:
            self.fields.errors += 1
        return not self.is_given_up

    def stuck(self, state: State, order: int, limit: Limit = NO_LIMIT, event: LiveEvent | None = None) -> None:
        """Notes where a way ends, if somebody asked why."""
        attempt = self.attempt
        if attempt is not None and len(state.trail) >= len(attempt.state.trail):
            attempt.state, attempt.order, attempt.limit, attempt.event = state, order, limit, event

    def limit(self, state: State, window: Window | None, previous: LiveEvent | None) -> Limit:
        """Until when an event may be bound; `previous` is what `window` counts from as such."""
        limit = NO_LIMIT
        if window is not None:
            limit = self._window(state, window, previous)
        if state.windows:
            limit = min(limit, *(self._window(state, each, before) for each, before in state.windows))
        within = self.plan.rule.within
        if within is not None and state.first is not None:
            limit = min(limit, self.after(state.first, within))
        return limit

    def _window(self, state: State, window: Window, previous: LiveEvent | None) -> Limit:
        if state.first is None:
            return NO_LIMIT
        if window.anchor == FIRST:
            anchor: LiveEvent | None = state.first
        elif window.anchor == PREVIOUS:
            anchor = previous or state.first
        else:
            anchor = state.named(window.anchor)
        return CLOSED if anchor is None else self.after(anchor, window.duration)

    def after(self, anchor: LiveEvent, duration: Duration) -> Limit:
        """The window that begins with an event."""
        span = self.plan.spans.get(duration)
        if span is None:
            span = self.plan.spans[duration] = window_of(duration, self.plan.calendar)
        return Limit(*span.ends(anchor.line.occurred_at))

    def fit(self, choice: Choice, place: int, state: State) -> Alternative | None:
        """The first listed alternative that takes the event at `place`."""
        for alternative in choice.of(self.live[place].line.type):
            if not alternative.guards or self.holds(alternative, place, state):
                return alternative
        return None

    def holds(self, alternative: Alternative, place: int, state: State) -> bool:
        """Whether the event at `place` holds every condition of an alternative."""
        event = self.live[place]
        for guard in alternative.guards:
            names = _NO_NAMES if guard.is_own else self._names(guard, place, state)
            verdict = evaluate(guard.condition, event, names, self.fields)
            if not verdict.holds:
                if self.attempt is not None:
                    self.attempt.rejected.append(Rejection(event, guard.condition, names, verdict))
                return False
        return True

    def _names(self, guard: Guard, place: int, state: State) -> dict[str, LiveEvent | tuple[LiveEvent, ...]]:
        event = self.live[place]
        names: dict[str, LiveEvent | tuple[LiveEvent, ...]] = dict.fromkeys(self.plan.lists, ())
        for name, events in state.names().items():
            names[name] = tuple(events) if name in self.plan.lists else events[-1]
        if guard.own_name is not None:
            before = names.get(guard.own_name, ())
            earlier = before if isinstance(before, tuple) else ()
            names[guard.own_name] = (*earlier, event) if guard.is_list else event
        if guard.reads_before and place > 0 and self.live[place - 1].line.type not in guard.hidden:
            names[BEFORE] = self.live[place - 1]
        return names


def waiting(limit: Limit, source: Source) -> Wait:
    """What has to pass before a step with that limit can bind nothing any more."""
    heard = limit.end - 1 + source.settles_ms
    return Wait(limit.over + source.settles_ms, heard, source.feeds, limit.end + source.later_ms)


def with_waits(ends: Ends, waits: tuple[Wait, ...]) -> Ends:
    """The same, but only right once these have passed."""
    if not waits:
        return ends
    complete = tuple(state._replace(waits=(*state.waits, *waits)) for state in ends.complete)
    return Ends(complete, (*ends.opens, *waits))


def joined(ends: Sequence[Ends]) -> Ends:
    """Several ways of a fork as one."""
    return Ends(tuple(s for each in ends for s in each.complete), tuple(w for each in ends for w in each.opens))
