"""What each rule promises: services, urgency, lead team and hold, copied by hand from the rules' prose."""

from __future__ import annotations

from dataclasses import dataclass

from tests.truth.days import end_of_working_days

LOW, NORMAL, HIGH = range(3)


@dataclass(frozen=True, slots=True)
class Promise:
    """What is offered; `rank` is the urgency, `hold` the quarantine in working days."""

    services: tuple[str, ...]
    rank: int
    lead: str
    hold: int = 1


PROMISES = {
    "eviction-risk-after-job-loss": Promise(("income-support-call", "tenancy-sustainment"), HIGH, "housing-prevention"),
    "repeated-rent-arrears": Promise(("debt-advice", "tenancy-sustainment"), NORMAL, "housing-prevention"),
    "eviction-claim-unresolved": Promise(("legal-help-eviction", "debt-advice"), HIGH, "housing-prevention"),
    "school-exit-followed-by-nothing": Promise(("youth-coach", "school-return"), NORMAL, "youth-team"),
    "discharge-without-home-care": Promise(("home-care-assessment",), HIGH, "care-bridge"),
    "release-without-address": Promise(("temporary-housing", "income-support-call"), HIGH, "reintegration", hold=0),
    "income-gap-after-benefit-stop": Promise(("benefit-check", "income-support-call"), NORMAL, "income-desk"),
    "school-absence-and-rent-arrears": Promise(("family-support-visit", "debt-advice"), NORMAL, "family-team"),
    "bereavement-without-support": Promise(("bereavement-visit", "benefit-check"), NORMAL, "family-team"),
    "new-child-under-strain": Promise(("family-support-visit", "child-care-subsidy"), NORMAL, "family-team"),
}


def hold_end(rule: str, known_at: int) -> int:
    """When a situation is ripe: the first instant after its hold; without one, the end of the day."""
    return end_of_working_days(known_at, PROMISES[rule].hold)
