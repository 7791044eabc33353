"""What a case store takes in and gives out; the same for every database."""

from __future__ import annotations

import secrets
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from processors.offers.actions import ActionKind, OfferAction, OutcomeCode, action_id, check_outcome
from processors.offers.model import OfferedSituation, OfferRecord, OfferState, Reason, Urgency


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of a chunk: `written` + `older` = its records.

    Attributes:
        written: records newer than what the store had (of several of one offer the last one stays).
        older: records the store already had, or had a newer one of.
    """

    written: int
    older: int


@dataclass(frozen=True, slots=True)
class CaseOffer:
    """An offer as it stands; see `processors.offers.model.OfferRecord`. Times in ms, UTC."""

    offer: str
    version: int
    household: str
    area: str
    state: OfferState
    reason: Reason | None
    lead: str
    urgency: Urgency
    services: tuple[str, ...]
    opened_at: int
    closes_at: int
    respond_by: int
    updated_at: int
    situations: tuple[OfferedSituation, ...]
    contact: str = ""
    outcome: OutcomeCode | None = None
    action: str = ""


@dataclass(frozen=True, slots=True)
class Scope:
    """What a user may see: offers their team leads in its planning areas."""

    team: str
    areas: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Worker:
    """A member of a duty team; `id` is the pseudonym that travels, `name`, as first given, stays in the database."""

    id: str
    team: str
    name: str


class ActResult(StrEnum):
    """What became of a worker's wish to act on an offer."""

    ACCEPTED = "accepted"
    REPEATED = "repeated"
    OVERTAKEN = "overtaken"
    STALE = "stale"
    IMPOSSIBLE = "impossible"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Acted:
    """The answer to a wish.

    Attributes:
        result: `accepted`: written, plan will answer; `repeated`: the same wish was written before (a double
            click); `overtaken`: somebody else acted on that version first; `stale`: the offer has changed
            since; `impossible`: not in its state, or not by somebody who is not its contact; `unknown`: there
            is no such offer for this user.
        by: who was faster, when overtaken.
    """

    result: ActResult
    by: Worker | None = None


@dataclass(frozen=True, slots=True)
class Wish:
    """What a worker wants to do with the version of an offer they see; `at` in ms on the board's clock.

    Raises:
        ValueError: an outcome is missing or out of place.
    """

    offer: str
    version: int
    kind: ActionKind
    outcome: OutcomeCode | None
    at: int

    def __post_init__(self) -> None:
        """Refuses an end without an outcome, and an outcome before the end."""
        check_outcome(self.kind, self.outcome)


@dataclass(frozen=True, slots=True)
class PendingAction:
    """An action plan has not answered yet; `at` in ms."""

    kind: ActionKind
    outcome: OutcomeCode | None
    worker: Worker
    at: int


@dataclass(frozen=True, slots=True)
class OutboxItem:
    """An action to be put on Kafka; `number` ascends in the order of writing."""

    number: int
    action: OfferAction


@dataclass(frozen=True, slots=True)
class CaseSuppressed:
    """A situation that joined no offer (the last time it was suppressed); `at` in ms, UTC."""

    match: str
    household: str
    person: str
    area: str
    rule: str
    version: int
    title: str
    reason: Reason
    at: int


@dataclass(frozen=True, slots=True)
class Counts:
    """How many offers by state, and suppressed situations by reason; what does not occur is absent."""

    offers: Mapping[OfferState, int]
    suppressed: Mapping[Reason, int]


def as_offer(record: OfferRecord) -> CaseOffer:
    """The offer after that record."""
    return CaseOffer(
        offer=record.offer,
        version=record.version,
        household=record.household,
        area=record.area,
        state=record.state,
        reason=record.reason,
        lead=record.lead,
        urgency=record.urgency,
        services=record.services,
        opened_at=record.opened_at,
        closes_at=record.closes_at,
        respond_by=record.respond_by,
        updated_at=record.at,
        situations=record.situations,
        contact=record.contact,
        outcome=record.outcome,
        action=record.action,
    )


def as_suppressed(record: OfferRecord) -> CaseSuppressed:
    """The suppressed situation of a `suppressed` record.

    Raises:
        ValueError: the record is not of one suppressed situation with its reason.
    """
    if [each.match for each in record.situations] != [record.cause] or record.reason is None:
        raise ValueError(f"a suppressed record has its situation and a reason, {record.cause!r} has not")
    (situation,) = record.situations
    return CaseSuppressed(
        match=situation.match,
        household=record.household,
        person=situation.person,
        area=record.area,
        rule=situation.rule,
        version=situation.version,
        title=situation.title,
        reason=record.reason,
        at=record.at,
    )


def new_worker_id() -> str:
    """A worker's pseudonym: random, so that nobody finds the name behind it by guessing names."""
    return secrets.token_hex(16)


def folded_name(name: str) -> str:
    """What two spellings of one name have in common: width, capitals and spaces make no other worker.

    >>> folded_name("  anna   B. ") == folded_name("ＡＮＮＡ b.")
    True
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    return " ".join(folded.split())


def action_of(wish: Wish, worker: Worker, offer: CaseOffer) -> OfferAction:
    """The action a granted wish becomes; who must not be approached again is named only then."""
    is_last_word = wish.outcome is OutcomeCode.NEVER_AGAIN
    persons = dict.fromkeys(person for each in offer.situations for person in each.persons) if is_last_word else ()
    return OfferAction(
        id=action_id(wish.offer, wish.version),
        offer=wish.offer,
        version=wish.version,
        household=offer.household,
        area=offer.area,
        kind=wish.kind,
        outcome=wish.outcome,
        contact=worker.id,
        team=worker.team,
        at=wish.at,
        persons=tuple(persons),
    )


def judge(wish: Wish, worker: Worker, offer: CaseOffer, earlier: OfferAction | None, by: Worker | None) -> Acted:
    """Whether a wish is granted.

    Args:
        wish: what the worker wants.
        worker: who.
        offer: as it stands.
        earlier: the action on the version the worker saw, if there is one.
        by: who did that.
    """
    if earlier is not None:
        is_same = (earlier.contact, earlier.kind, earlier.outcome) == (worker.id, wish.kind, wish.outcome)
        if is_same or earlier.contact != worker.id:
            return Acted(ActResult.REPEATED) if is_same else Acted(ActResult.OVERTAKEN, by)
        return Acted(ActResult.STALE)  # their own earlier act is on its way
    if offer.state.is_live and offer.version != wish.version:
        return Acted(ActResult.STALE)
    has_it = offer.contact == worker.id
    if not offer.state.permits(wish.kind) or has_it == (wish.kind is ActionKind.TAKEN):
        return Acted(ActResult.IMPOSSIBLE)
    return Acted(ActResult.ACCEPTED)


def by_urgency(offer: CaseOffer) -> tuple[int, int, int, str]:
    """Sort key: most urgent first, then whoever must be answered first, then the oldest."""
    return (-offer.urgency.rank, offer.respond_by, offer.opened_at, offer.offer)
