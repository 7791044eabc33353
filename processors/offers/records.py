"""Records plan writes: what an offer is made of, told as one value.

Decides nothing; `processors.offers.plan` says what changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from processors.offers.actions import OutcomeCode
from processors.offers.model import OfferedSituation, OfferRecord, OfferState, Reason, Situation
from processors.offers.state import OpenOffer


@dataclass(frozen=True, slots=True)
class Change:
    """What happened to an offer: its state from `at` (ms) on, because of which match or action, why."""

    state: OfferState
    at: int
    cause: str = ""
    reason: Reason | None = None
    action: str = ""
    outcome: OutcomeCode | None = None


def tell(area: str, household: str, offer: OpenOffer, change: Change) -> OfferRecord:
    """The offer's record of its present version, with the situations in it before a withdrawal."""
    members = [each.situation for each in offer.members if each.situation is not None]
    is_withdrawn = change.state is OfferState.WITHDRAWN
    first = most_urgent(members)
    return OfferRecord(
        offer=offer.id,
        version=offer.version,
        household=household,
        area=area,
        state=change.state,
        reason=change.reason,
        at=change.at,
        opened_at=offer.opened_at,
        closes_at=offer.closes_at,
        lead=offer.team or first.lead,  # whoever took it keeps it, whatever joins
        urgency=first.urgency,
        services=tuple(dict.fromkeys(service for each in members for service in each.services)),
        respond_by=min(each.respond_by for each in members),
        situations=() if is_withdrawn else tuple(map(as_offered, members)),
        cause=change.cause,
        contact=offer.contact,
        outcome=change.outcome,
        action=change.action,
    )


def tell_suppressed(situation: Situation, reason: Reason, at: int) -> OfferRecord:
    """The record of a situation that joins no offer."""
    return OfferRecord(
        offer="",
        version=0,
        household=situation.household,
        area=situation.area,
        state=OfferState.SUPPRESSED,
        reason=reason,
        at=at,
        opened_at=at,
        closes_at=at,
        lead=situation.lead,
        urgency=situation.urgency,
        services=situation.services,
        respond_by=situation.respond_by,
        situations=(as_offered(situation),),
        cause=situation.match,
    )


def most_urgent(situations: Sequence[Situation]) -> Situation:
    """The most urgent of at least one; of equals the first."""
    return max(situations, key=lambda each: each.urgency.rank)


def as_offered(situation: Situation) -> OfferedSituation:
    """What an offer shows of a situation."""
    return OfferedSituation(
        match=situation.match,
        rule=situation.rule,
        version=situation.version,
        title=situation.title,
        person=situation.person,
        completed_at=situation.completed_at,
        explanation=situation.explanation,
        events=situation.events,
    )
