"""Values plan works on: situations in, records about offers out.

Times are integer milliseconds since the epoch, UTC. Nothing here knows how these values look on the
wire (`schemas`), nor who a person is: persons and households are pseudonyms.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from processors.decisions import BoundEvent
from processors.events import derived_id
from processors.offers.actions import ActionKind, OutcomeCode


class SituationKind(StrEnum):
    """Whether a match of a rule holds, or no longer does."""

    MATCHED = "matched"
    WITHDRAWN = "withdrawn"


class Urgency(StrEnum):
    """How soon help is needed, as the rule's document says."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"

    @property
    def rank(self) -> int:
        """0 (low) to 2 (high).

        >>> max(Urgency.LOW, Urgency.HIGH, key=lambda urgency: urgency.rank).value
        'high'
        """
        return _RANKS[self]


_RANKS = {Urgency.LOW: 0, Urgency.NORMAL: 1, Urgency.HIGH: 2}


class OfferState(StrEnum):
    """Where an offer stands; `suppressed` is the fate of a situation that joined none.

    `open`: nobody has it yet; `taken`: a worker has; `contacted`: the household was reached;
    `closed`: its outcome is recorded. Only an open offer lapses.
    """

    OPEN = "open"
    TAKEN = "taken"
    CONTACTED = "contacted"
    CLOSED = "closed"
    WITHDRAWN = "withdrawn"
    LAPSED = "lapsed"
    SUPPRESSED = "suppressed"

    @property
    def is_live(self) -> bool:
        """Whether somebody has still to act on it."""
        return self in {OfferState.OPEN, OfferState.TAKEN, OfferState.CONTACTED}

    def permits(self, kind: ActionKind) -> bool:
        """Whether a worker may do that with an offer in this state; to take a taken one is to take it over.

        >>> OfferState.OPEN.permits(ActionKind.TAKEN), OfferState.OPEN.permits(ActionKind.CONTACTED)
        (True, False)
        """
        return self in _PERMITTING[kind]


_PERMITTING = {
    ActionKind.TAKEN: frozenset({OfferState.OPEN, OfferState.TAKEN, OfferState.CONTACTED}),
    ActionKind.CONTACTED: frozenset({OfferState.TAKEN}),
    ActionKind.CLOSED: frozenset({OfferState.TAKEN, OfferState.CONTACTED}),
}


class Reason(StrEnum):
    """Why a situation joined no offer, or why an offer was withdrawn."""

    OPTED_OUT = "opted-out"
    COOL_DOWN = "cool-down"
    CONTACT_CAP = "contact-cap"
    RETRACTED = "retracted"
    ALREADY_HELPED = "already-helped"


@dataclass(frozen=True, slots=True)
class Situation:
    """A match of a rule with everything plan needs, as correlate or households put it on `situations.v1`.

    Attributes:
        kind: `withdrawn` takes back the `matched` of the same match; of its other attributes only
            household, area and `known_at` are read.
        match: identity of the match (see `processors.decisions.Decision`).
        rule, version, title: which rule, in which version, called what.
        person, household, area: whom it concerns (pseudonyms); of a household's match, whose event was last.
        completed_at: event time, or deadline of an absence, at which the pattern was complete, ms.
        known_at: earliest clock at which this line could be known, ms.
        ripe_at: end of the hold, ms; not before `known_at`.
        respond_by: until when somebody must have responded, ms.
        replaces: match this one takes the place of.
        purpose: purpose the rule serves.
        services: ids of the services to offer, in the rule's order.
        urgency: as the rule says.
        respond_within: the rule's own words for `respond_by`, `2 working days`.
        lead: team in the lead.
        explanation: why, in plain words.
        events: what the match rests on, in order of the rule's steps.
    """

    kind: SituationKind
    match: str
    rule: str
    version: int
    title: str
    person: str
    household: str
    area: str
    completed_at: int
    known_at: int
    ripe_at: int
    respond_by: int = 0
    replaces: str | None = None
    purpose: str = ""
    services: tuple[str, ...] = ()
    urgency: Urgency = Urgency.LOW
    respond_within: str = ""
    lead: str = ""
    explanation: str = ""
    events: tuple[BoundEvent, ...] = ()

    @property
    def persons(self) -> tuple[str, ...]:
        """Everybody it is about, each once: of a household, whoever lived through one of its events."""
        return _persons(self.person, self.events)

    @property
    def is_of_household(self) -> bool:
        """Whether a household's rule found it: its events then say whose they are."""
        return any(event.person for event in self.events)


@dataclass(frozen=True, slots=True)
class SituationMark:
    """The clock of one who tells situations: "no line of mine is still to come up to `now`".

    Attributes:
        source_partition: correlate's input partition; those of households are numbered after correlate's. On plan's
            input 0: plan tells itself the minimum over all of them.
        source_partitions: how many there are of both; on plan's input 1.
        now: ms, inclusive.
    """

    source_partition: int
    source_partitions: int
    now: int

    @property
    def is_for_all(self) -> bool:
        """Whether it is the time of everybody who tells situations, as plan is told it."""
        return self.source_partitions == 1


@dataclass(frozen=True, slots=True)
class OfferedSituation:
    """A situation as an offer shows it: the why."""

    match: str
    rule: str
    version: int
    title: str
    person: str
    completed_at: int
    explanation: str
    events: tuple[BoundEvent, ...] = ()

    @property
    def persons(self) -> tuple[str, ...]:
        """Everybody it is about, each once."""
        return _persons(self.person, self.events)


def _persons(person: str, events: Iterable[BoundEvent]) -> tuple[str, ...]:
    return tuple(dict.fromkeys([person, *(event.person for event in events if event.person)]))


@dataclass(frozen=True, slots=True)
class OfferRecord:
    """One line on `offers.v1`: a version of an offer, or the fate of a suppressed situation.

    Attributes:
        offer: `offer_id(household, number)`; `''` when suppressed.
        version: 1, 2, .. per offer without a gap; 0 when suppressed.
        state: of the offer after this line.
        reason: for `suppressed` and `withdrawn` only.
        at: when it happened on plan's clock, ms; never decreases within a household.
        opened_at, closes_at: open in `[opened_at, closes_at)`, ms; both `at` when suppressed.
        lead: team in the lead: that of the most urgent situation, the earliest joined of equals; once
            somebody took the offer, theirs.
        urgency: the greatest of its situations.
        services: union, in order of joining.
        respond_by: the earliest of its situations, ms.
        situations: live situations of the offer in order of joining; the situation itself when
            suppressed; none when withdrawn (then lead, urgency, services and `respond_by` are those
            it had last).
        cause: match this line accounts for: the one that joined, left or was suppressed; `''` when
            the offer lapsed or a worker acted.
        contact: the household's named contact (a worker's pseudonym); `''` until somebody took it.
        outcome: how it ended, for `closed` only.
        action: the action this line answers; `''` when it answers none.
    """

    offer: str
    version: int
    household: str
    area: str
    state: OfferState
    reason: Reason | None
    at: int
    opened_at: int
    closes_at: int
    lead: str
    urgency: Urgency
    services: tuple[str, ...]
    respond_by: int
    situations: tuple[OfferedSituation, ...]
    cause: str
    contact: str = ""
    outcome: OutcomeCode | None = None
    action: str = ""


def offer_id(household: str, number: int) -> str:
    """The id of a household's offer with that running number (1, 2, ..).

    >>> offer_id("h1", 1) == offer_id("h1", 1) != offer_id("h1", 2)
    True
    """
    return derived_id("offer", household, number)
