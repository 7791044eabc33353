"""Situations as they become known and are found wrong, by looking again at every instant that matters."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from tests.truth.life import Event
from tests.truth.patterns import Situation
from tests.truth.promises import hold_end
from tests.truth.rules import RULES, Rule, situations


@dataclass(frozen=True, slots=True)
class Spell:
    """One situation from when it was known until it no longer held.

    Attributes:
        known_at: ms. withdrawn_at: ms, None if it still holds.
    """

    household: str
    situation: Situation
    known_at: int
    withdrawn_at: int | None = None

    @property
    def ripe_at(self) -> int:
        """End of the hold: from then on it may lead to an offer, ms."""
        return hold_end(self.situation.rule, self.known_at)


def spells(events: Iterable[Event], end: int) -> list[Spell]:
    """Every situation of a town that became known by `end`, in no particular order."""
    usable = [event for event in events if not event.is_late]
    found: list[Spell] = []
    for rule in RULES:
        opening = {_subject(rule, event) for event in usable if event.type in rule.opens}
        lines: dict[str, list[Event]] = defaultdict(list)
        for event in usable:
            if _subject(rule, event) in opening:
                lines[_subject(rule, event)].append(event)
        for line in lines.values():
            found += _spells_of(rule, line, end)
    return found


def _subject(rule: Rule, event: Event) -> str:
    return event.household if rule.per_household else event.person


def _spells_of(rule: Rule, line: list[Event], end: int) -> list[Spell]:
    """What one rule knew about one subject, instant by instant."""
    line.sort(key=lambda event: (event.occurred_at, event.recorded_at, event.id))
    open_now: dict[tuple[str, ...], Spell] = {}
    closed: list[Spell] = []
    household = line[-1].household
    for now in _instants(rule, line, end):
        holding = {found.bound: found for found in _at(rule, line, now)}
        for bound in [bound for bound in open_now if bound not in holding]:
            spell = open_now.pop(bound)
            closed.append(Spell(household, spell.situation, spell.known_at, now))
        for bound, found in holding.items():
            open_now.setdefault(bound, Spell(household, found, now))
    return closed + list(open_now.values())


def _at(rule: Rule, line: Sequence[Event], now: int) -> list[Situation]:
    return situations(rule, [event for event in line if event.is_known(now)], now)


def _instants(rule: Rule, line: Sequence[Event], end: int) -> list[int]:
    """When anything can change: an event is recorded or annulled, an absence is due."""
    changes = {event.recorded_at for event in line}
    changes |= {event.annulled_at for event in line if event.annulled_at is not None}
    deadlines: set[int] = set()
    for change in changes:
        known = [event for event in line if event.is_known(change)]
        deadlines |= {found.due for _, found in rule.search(known)}
    return [instant for instant, _ in groupby(sorted(changes | deadlines)) if instant <= end]
