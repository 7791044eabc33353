"""The notebook in which a household's life is written down, day by day, and turned into facts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random
from typing import Any

from streams.simulation.facts import DAY_PRECISE, PROMPT, REGISTERED_BEFORE, Fact, booked, feed_of
from streams.simulation.population import Household, Person
from streams.simulation.span import HOUR_MS, Span

MOST_FACTS = 1_000
"""Facts a household has room for; numbers of facts are `household * MOST_FACTS + position`."""

TIMED = frozenset({"hospital_discharged", "prison_released"})
"""Types that occur at a time of day; all others on a day."""

REORDERING_MS = 20 * HOUR_MS
"""What happened first may be recorded later than what happened next, but by no more than this."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that happens on a day (number from 0); `delay` is when it is recorded, days and ms."""

    day: int
    type: str
    people: tuple[tuple[Person, str], ...]
    attributes: dict[str, Any]
    occurs_ms: int
    delay: tuple[int, int]
    annulled_after_ms: int | None = None


class Diary:
    """Collects what happens to one household; at most one kind of thing a day, so that order is plain.

    Args:
        rng: the household's own generator.
    """

    def __init__(self, rng: Random, household: Household, span: Span, *, is_planted: bool = False) -> None:
        self.rng = rng
        self.household = household
        self.span = span
        self._is_planted = is_planted
        self._entries: list[Entry] = []
        self._days: set[int] = set()
        self._died: dict[int, int] = {}

    def note(
        self,
        kind: str,
        day: int,
        person: Person,
        role: str = "",
        others: tuple[tuple[Person, str], ...] = (),
        **attributes: object,
    ) -> int | None:
        """Notes that something happens to `person` (and `others`) on that day, or the next free one.

        Returns:
            The day it happens, None if that is not in the span (nor allowed before it).
        """
        while day in self._days:
            day += 1
        if day >= self.span.days or (day < 0 and kind not in REGISTERED_BEFORE):
            return None
        self._days.add(day)
        self._entries.append(self._entry(kind, day, ((person, role), *others), attributes))
        if kind == "died":
            self._died[person.number] = day
        return day

    def note_for_all(self, kind: str, day: int, **attributes: object) -> None:
        """Notes the same thing for each member on one day, as a fact each."""
        while day in self._days:
            day += 1
        if not 0 <= day < self.span.days:
            return
        self._days.add(day)
        for person in self.household.members:
            if person.age >= 0:
                self._entries.append(self._entry(kind, day, ((person, ""),), attributes))

    def change_last(self, *, delay: tuple[int, int] | None = None, annulled_after_ms: int | None = None) -> None:
        """Gives the newest entry another delay (days, ms of the day) or an annulment (stories only)."""
        last = self._entries[-1]
        self._entries[-1] = replace(last, delay=delay or last.delay, annulled_after_ms=annulled_after_ms)

    def is_free_around(self, day: int, margin: int) -> bool:
        """Whether nothing happens within `margin` days of `day`."""
        return all(near not in self._days for near in range(day - margin, day + margin + 1))

    @property
    def has_died(self) -> bool:
        """Whether anybody dies."""
        return bool(self._died)

    def facts(self) -> list[Fact]:
        """What the agencies record before the end of the span, in order of occurrence."""
        living = [entry for entry in self._entries if self._is_possible(entry)]
        living.sort(key=lambda entry: (entry.day, entry.people[0][0].number))
        facts = [self._fact(position, entry) for position, entry in enumerate(living)]
        facts = facts if self._is_planted else _in_reasonable_order(facts)
        return [fact for fact in facts if fact.booked_at < self.span.end]

    def fact_about(self, position: int, day: int, kind: str, person: Person, attributes: dict[str, Any]) -> Fact:
        """A fact outside the diary; `position` keeps its number apart from the diary's own."""
        return self._fact(position, self._entry(kind, day, ((person, ""),), attributes))

    def _entry(self, kind: str, day: int, people: tuple[tuple[Person, str], ...], attributes: dict[str, Any]) -> Entry:
        occurs_ms = (9 + self.rng.randrange(7)) * HOUR_MS if kind in TIMED else 0
        return Entry(day, kind, people, attributes, occurs_ms, self._delay(feed_of(kind, attributes)))

    def _delay(self, feed: str) -> tuple[int, int]:
        """Same day, next or second (not where the feed is prompt), in office hours."""
        draw = self.rng.random()
        days = 0 if draw < 0.55 else 1 if draw < 0.9 or feed in PROMPT else 2
        return days, (8 * 3600 + self.rng.randrange((3 if days == 2 else 9) * 3600)) * 1000

    def _is_possible(self, entry: Entry) -> bool:
        """Nobody does anything after death, save being the one who died."""
        died = self._died.get(entry.people[0][0].number)
        return died is None or entry.day < died or (entry.type == "died" and entry.day == died)

    def _fact(self, position: int, entry: Entry) -> Fact:
        span = self.span
        occurred = span.midnight_of(entry.day) + entry.occurs_ms
        booked_on = span.midnight_of(min(entry.day + entry.delay[0], len(span.midnights) - 1))
        made_at = max(booked_on + entry.delay[1], occurred + HOUR_MS)
        is_day_precise = feed_of(entry.type, entry.attributes) in DAY_PRECISE
        return Fact(
            number=self.household.number * MOST_FACTS + position,
            household=self.household,
            type=entry.type,
            people=entry.people,
            attributes=entry.attributes,
            occurred_at=occurred,
            recorded_at=booked_on if is_day_precise else made_at,
            booked_at=made_at,
            annulled_at=None if entry.annulled_after_ms is None else made_at + entry.annulled_after_ms,
            is_planted=self._is_planted,
        )


def _in_reasonable_order(facts: list[Fact]) -> list[Fact]:
    """Keeps records from overtaking each other by more than `REORDERING_MS`, by recording earlier; no two at once."""
    soonest: int | None = None
    taken: set[int] = set()
    ordered: list[Fact] = []
    for fact in reversed(facts):
        at = fact.booked_at if soonest is None else min(fact.booked_at, soonest + REORDERING_MS)
        at = at if at == fact.booked_at else soonest or at
        while at in taken:
            at -= 1000
        taken.add(at)
        soonest = at if soonest is None else min(soonest, at)
        ordered.append(fact if at == fact.booked_at else booked(fact, at))
    return ordered[::-1]
