"""What a case store takes in and gives out; the same for every database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

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
    """An offer as it stands; times in ms, UTC. `situations` in order of joining."""

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


def by_urgency(offer: CaseOffer) -> tuple[int, int, int, str]:
    """Sort key: most urgent first, then whoever must be answered first, then the oldest."""
    return (-offer.urgency.rank, offer.respond_by, offer.opened_at, offer.offer)
