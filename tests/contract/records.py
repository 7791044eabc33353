"""Records of offers to be written: households and matches by name, the rest filled in."""

from __future__ import annotations

import dataclasses

from processors.decisions import BoundEvent
from processors.offers.model import OfferedSituation, OfferRecord, OfferState, Reason, Urgency, offer_id


def situation(match: str) -> OfferedSituation:
    bound = BoundEvent("loss", f"{match}-1", f"{match}-0", "job_lost", "employment", 10, 20, "p2")
    return OfferedSituation(match, "rule", 2, "Titel é", "p1", 10, "Somebody lost a job.", (bound,))


def offer(household: str, version: int = 1, *matches: str, **more: object) -> OfferRecord:
    situations = tuple(situation(match) for match in matches or (f"{household}-m",))
    record = OfferRecord(
        offer_id(household, 1), version, household, "a1", OfferState.OPEN, None, 100 + version, 100, 900,
        "team", Urgency.NORMAL, ("s2", "s1"), 500, situations, situations[-1].match,
    )  # fmt: skip
    return dataclasses.replace(record, **more)  # type: ignore[arg-type]


def suppressed(match: str, at: int = 5, reason: Reason = Reason.COOL_DOWN) -> OfferRecord:
    return offer(
        "h9",
        0,
        match,
        offer="",
        state=OfferState.SUPPRESSED,
        reason=reason,
        at=at,
        opened_at=at,
        closes_at=at,
    )
