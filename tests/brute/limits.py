"""What keeps an event from taking a place: windows, rows that must not be broken, stops.

Each limit answers one question: may the event at this place come next, after what is bound?
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from tests.brute.civil import Edge, Length, Place, end_after, is_before_end
from tests.brute.events import Event


@dataclass(frozen=True)
class Bound:
    """One event of a match: its place on the timeline, its name, the step it stands for."""

    place: int
    name: str
    path: tuple[int, ...]


@dataclass(frozen=True)
class Round:
    """A finished round of a group, for the absences checked in it: its names and its events."""

    names: frozenset[str]
    since: int
    until: int


@dataclass(frozen=True)
class Check:
    """An absence still to be checked: its step, the last event bound before it, the rounds around it."""

    path: tuple[int, ...]
    after: int
    rounds: tuple[Round, ...] = ()


@dataclass(frozen=True)
class State:
    """A run on its way.

    `at` is the place of the last event bound, at first the one before the opening event.
    `missing` says which optional steps are not there and when their windows end (None: never).
    """

    at: int
    bound: tuple[Bound, ...] = ()
    checks: tuple[Check, ...] = ()
    deadlines: tuple[int, ...] = ()
    missing: tuple[tuple[tuple[int, ...], Edge | None], ...] = ()

    def bind(self, place: int, name: str, path: tuple[int, ...]) -> State:
        """With one more event."""
        return replace(self, at=place, bound=(*self.bound, Bound(place, name, path)))

    def places(self, name: str) -> list[int]:
        """Where the events of a name are."""
        return [one.place for one in self.bound if one.name == name]


class Limit:
    """Any of the limits below."""

    def allows(self, state: State, place: int, event: Event) -> bool:
        """Whether this event may come next."""
        raise NotImplementedError

    def end(self, state: State, events: tuple[Event, ...]) -> Edge | None:
        """When it is over, if the clock ends it."""
        return None


@dataclass(frozen=True)
class Until(Limit):
    """A window with a known end."""

    edge: Edge

    def allows(self, state: State, place: int, event: Event) -> bool:
        return is_before_end(event.occurred_at, self.edge)

    def end(self, state: State, events: tuple[Event, ...]) -> Edge:
        return self.edge


@dataclass(frozen=True)
class SinceFirst(Limit):
    """A window from the earliest event of the match; of the first event itself, from itself."""

    much: Length
    civil: Place
    events: tuple[Event, ...]

    def allows(self, state: State, place: int, event: Event) -> bool:
        edge = self.end(state, self.events)
        return edge is None or is_before_end(event.occurred_at, edge)

    def end(self, state: State, events: tuple[Event, ...]) -> Edge | None:
        if not state.bound:
            return None
        return end_after(events[state.bound[0].place].occurred_at, self.much, self.civil)


@dataclass(frozen=True)
class Never(Limit):
    """The window of a name that is not bound."""

    def allows(self, state: State, place: int, event: Event) -> bool:
        return False


@dataclass(frozen=True)
class Before(Limit):
    """A repetition is stopped by the event at this place."""

    stop: int

    def allows(self, state: State, place: int, event: Event) -> bool:
        return place < self.stop


@dataclass(frozen=True)
class InRow(Limit):
    """Nothing in between, once more than `since` events are bound."""

    since: int

    def allows(self, state: State, place: int, event: Event) -> bool:
        return len(state.bound) <= self.since or place == state.at + 1


@dataclass(frozen=True)
class Gap(Limit):
    """The first event of a round comes before this edge; `since` events are bound before it."""

    edge: Edge
    since: int

    def allows(self, state: State, place: int, event: Event) -> bool:
        return len(state.bound) != self.since or is_before_end(event.occurred_at, self.edge)
