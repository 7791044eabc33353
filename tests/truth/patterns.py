"""What searches are made of: situations, and small steps along a sorted list of events."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tests.truth.days import DAY, end_of_days, end_of_months
from tests.truth.life import Event

SETTLING = 3 * DAY
"""How long after it occurred the slowest feed records an event; states the same as every contract."""


@dataclass(frozen=True, slots=True)
class Situation:
    """A rule's pattern, complete.

    Attributes:
        person: whom it is about; of a rule for households whose event came last.
        persons: whose events it rests on.
        bound: ids of those events, in the order of the pattern; for a rule that speaks again, and the count.
        completed_at: when the pattern was complete, ms. due: earliest it can be known, ms.
    """

    rule: str
    person: str
    persons: frozenset[str]
    bound: tuple[str, ...]
    completed_at: int
    due: int
    span: int = 0


Timeline = Sequence[Event]
Found = Iterator[tuple[int, Situation]]
"""Candidates with the position of the last event each binds."""
Search = Callable[[Timeline], Found]
Test = Callable[[Event], bool]


def anything(_: Event) -> bool:
    """No condition."""
    return True


def following(line: Timeline, start: int, types: set[str], before: int, fits: Test = anything) -> int | None:
    """Position of the first fitting event of `types` after position `start` and before the instant `before`."""
    for position in range(start + 1, len(line)):
        if line[position].occurred_at >= before:
            return None
        if line[position].type in types and fits(line[position]):
            return position
    return None


def openings(line: Timeline, kind: str, fits: Test = anything) -> Iterator[int]:
    """Positions of the events that open a run."""
    return (position for position, event in enumerate(line) if event.type == kind and fits(event))


def bind(rule: str, line: Timeline, positions: Sequence[int], silence_until: int | None = None) -> Situation:
    """The situation on these events; `silence_until` is where its absence ended, at a deadline or an event, if any."""
    events = [line[position] for position in positions]
    recorded = max(event.recorded_at for event in events)
    completed, due = events[-1].occurred_at, recorded
    if silence_until is not None:
        completed, due = max(completed, silence_until), max(recorded, silence_until + SETTLING)
    span = events[-1].occurred_at - events[0].occurred_at
    persons = frozenset(event.person for event in events)
    return Situation(rule, events[-1].person, persons, tuple(event.id for event in events), completed, due, span)


def number(event: Event, name: str) -> float:
    """An attribute as a number; less than any where it is not one."""
    value = event.attributes.get(name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else float("-inf")


def days(count: int) -> Callable[[int], int]:
    """End of a window of days."""
    return lambda instant: end_of_days(instant, count)


def months(count: int) -> Callable[[int], int]:
    """End of a window of months."""
    return lambda instant: end_of_months(instant, count)


def for_ever(_: int) -> int:
    """A window without an end."""
    return 10**18
