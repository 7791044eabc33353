"""What becomes of a household's situations: one joined-up offer, or none and why.

One household at a time, one list of things that happen, sorted by when they are due.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from operator import itemgetter

from tests.truth.days import DAY
from tests.truth.knowledge import Spell
from tests.truth.life import OptOut
from tests.truth.promises import PROMISES
from tests.truth.rules import RULES

OPEN_FOR = 30 * DAY
COOL_DOWN = 60 * DAY
CAP, CAP_WITHIN = 2, 365 * DAY

LAPSE, CONTROL, WITHDRAWAL, RIPENING = range(4)
"""What happens, in the order in which simultaneous things happen."""


@dataclass(slots=True)
class Offer:
    """An offer while it is worked out; `joined` is in order of joining."""

    household: str
    opened_at: int
    state: str = "open"
    reason: str | None = None
    joined: list[Spell] = field(default_factory=list)
    services: list[str] = field(default_factory=list)
    leads: list[str] = field(default_factory=list)

    def join(self, spell: Spell) -> None:
        """Adds a situation."""
        self.joined.append(spell)
        self._restate()

    def leave(self, leaving: Iterable[Spell], reason: str) -> None:
        """Takes situations out; the offer is withdrawn, as it last was, when none is left."""
        gone = list(leaving)
        if not gone:
            return
        self.joined = [spell for spell in self.joined if spell not in gone]
        if self.joined:
            self._restate()
        else:
            self.state, self.reason = "withdrawn", reason

    def _restate(self) -> None:
        promises = [PROMISES[spell.situation.rule] for spell in self.joined]
        self.services = list(dict.fromkeys(service for promise in promises for service in promise.services))
        self.leads = self._possible_leads(max(promise.rank for promise in promises))

    def _possible_leads(self, rank: int) -> list[str]:
        """Teams of the most urgent situation that joined first; of several at one instant any may lead."""
        urgent = [spell for spell in self.joined if PROMISES[spell.situation.rule].rank == rank]
        first = [spell for spell in urgent if spell.ripe_at == urgent[0].ripe_at]
        return sorted({PROMISES[spell.situation.rule].lead for spell in first})


_OF_HOUSEHOLDS = frozenset(rule.name for rule in RULES if rule.per_household)


def _is_about(spell: Spell, members: set[str]) -> bool:
    """Whether a situation is about any of these members of its household."""
    return spell.situation.rule in _OF_HOUSEHOLDS or not spell.situation.persons.isdisjoint(members)


@dataclass(slots=True)
class Household:
    """What the planner knows of one household."""

    name: str
    offers: list[Offer] = field(default_factory=list)
    suppressed: list[dict[str, object]] = field(default_factory=list)
    opted_out: set[str] = field(default_factory=set)

    def lapse(self, now: int) -> None:
        """Closes the open offer if nobody took it up in time."""
        for offer in self.offers:
            if offer.state == "open" and offer.opened_at + OPEN_FOR <= now:
                offer.state = "lapsed"

    def opt_out(self, person: str) -> None:
        """Nothing any more that rests on events of this person, or is about the household as a whole."""
        self.opted_out.add(person)
        for offer in self.offers:
            if offer.state == "open":
                offer.leave([spell for spell in offer.joined if _is_about(spell, {person})], "opted-out")

    def withdraw(self, spell: Spell) -> None:
        """A situation no longer holds."""
        for offer in self.offers:
            if offer.state == "open":
                offer.leave([joined for joined in offer.joined if joined is spell], "retracted")

    def ripen(self, spell: Spell, now: int) -> None:
        """A situation's hold is over and it still holds."""
        reason = self._refusal(spell, now)
        if reason is not None:
            self.suppress(spell, reason)
            return
        if not self._is_open():
            self.offers.append(Offer(self.name, now))
        self.offers[-1].join(spell)

    def suppress(self, spell: Spell, reason: str) -> None:
        """Notes a situation that led to nothing."""
        found = spell.situation
        self.suppressed.append(
            {
                "household": self.name,
                "person": found.person,
                "rule": found.rule,
                "completed_at": found.completed_at,
                "reason": reason,
            }
        )

    def _refusal(self, spell: Spell, now: int) -> str | None:
        if self.opted_out and _is_about(spell, self.opted_out):
            return "opted-out"
        if self._is_open():
            return None
        lapsed = [offer for offer in self.offers if offer.state == "lapsed"]
        if lapsed and now < lapsed[-1].opened_at + OPEN_FOR + COOL_DOWN:
            return "cool-down"
        if sum(offer.opened_at > now - CAP_WITHIN for offer in lapsed) >= CAP:
            return "contact-cap"
        return None

    def _is_open(self) -> bool:
        return bool(self.offers) and self.offers[-1].state == "open"


def plan(name: str, found: Sequence[Spell], opt_outs: Iterable[OptOut], end: int) -> Household:
    """Works out one household's offers up to and including `end`."""
    household = Household(name)
    for at, kind, _, subject in _agenda(found, opt_outs):
        if at > end:
            break
        household.lapse(at)
        if isinstance(subject, OptOut):
            household.opt_out(subject.person)
        elif kind == WITHDRAWAL:
            household.withdraw(subject)
        elif subject.withdrawn_at is None or subject.withdrawn_at > at:
            household.ripen(subject, at)
        elif not _is_followed(subject, found, at):
            household.suppress(subject, "retracted")
    household.lapse(end)
    return household


def _is_followed(gone: Spell, found: Iterable[Spell], before: int) -> bool:
    """Whether a situation of the same kind on some of the same events took its place in time."""
    return any(
        other is not gone
        and other.situation.rule == gone.situation.rule
        and other.situation.person == gone.situation.person
        and (gone.withdrawn_at or 0) <= other.known_at < before
        and not set(other.situation.bound).isdisjoint(gone.situation.bound)
        for other in found
    )


def _agenda(found: Iterable[Spell], opt_outs: Iterable[OptOut]) -> list[tuple[int, int, str, Spell | OptOut]]:
    """Everything that happens to a household, in order of due time."""
    agenda: list[tuple[int, int, str, Spell | OptOut]] = []
    agenda += [(choice.at, CONTROL, choice.person, choice) for choice in opt_outs]
    for spell in found:
        key = f"{spell.situation.rule} {spell.situation.bound}"
        ripe_at = spell.ripe_at
        agenda.append((ripe_at, RIPENING, key, spell))
        if spell.withdrawn_at is not None and spell.withdrawn_at > ripe_at:
            agenda.append((spell.withdrawn_at, WITHDRAWAL, key, spell))
    return sorted(agenda, key=itemgetter(0, 1, 2))
