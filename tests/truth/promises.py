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
    "arrears-after-bereavement": Promise(("bereavement-visit", "early-debt-contact"), NORMAL, "family-team"),
    "birth-without-family-benefit": Promise(("benefit-check", "child-care-subsidy"), NORMAL, "family-team"),
    "two-members-out-of-work": Promise(
        ("income-support-call", "benefit-check", "family-support-visit"), HIGH, "family-team"
    ),
    "expelled-without-a-new-school": Promise(("school-return", "youth-coach"), NORMAL, "youth-team"),
    "three-signals-in-one-household": Promise(
        ("family-support-visit", "income-support-call", "tenancy-sustainment"), HIGH, "family-team"
    ),
    "arrears-with-different-creditors": Promise(("debt-advice", "early-debt-contact"), HIGH, "debt-team"),
    "benefit-stopped-then-arrears": Promise(("benefit-check", "debt-advice"), NORMAL, "debt-team"),
    "debt-plan-broken-off": Promise(("debt-advice",), NORMAL, "debt-team"),
    "energy-limited-with-a-baby": Promise(("energy-advice", "debt-advice"), HIGH, "debt-team"),
    "first-arrears-unanswered": Promise(("early-debt-contact",), LOW, "debt-team"),
    "health-premium-two-then-four-months": Promise(("debt-advice",), HIGH, "debt-team"),
    "unpaid-bills-after-job-loss": Promise(("early-debt-contact", "income-support-call"), NORMAL, "debt-team"),
    "arrears-after-hospital": Promise(("benefit-check", "early-debt-contact"), NORMAL, "care-bridge"),
    "back-in-hospital-within-thirty-days": Promise(("home-care-assessment",), HIGH, "care-bridge"),
    "two-members-in-hospital": Promise(("home-care-assessment",), HIGH, "care-bridge"),
    "evicted-without-a-new-address": Promise(
        ("temporary-housing", "tenancy-sustainment"), HIGH, "housing-prevention", hold=0
    ),
    "eviction-case-goes-on": Promise(("legal-help-eviction", "tenancy-sustainment"), HIGH, "housing-prevention"),
    "notice-without-a-debt-plan": Promise(("debt-advice", "legal-help-eviction"), HIGH, "housing-prevention"),
    "rent-debt-that-grows": Promise(("tenancy-sustainment", "debt-advice"), HIGH, "housing-prevention"),
    "three-moves-in-a-year": Promise(("tenancy-sustainment",), LOW, "housing-prevention"),
    "release-then-move-or-no-claim": Promise(("income-support-call", "temporary-housing"), NORMAL, "reintegration"),
    "released-twice-in-a-year": Promise(("job-coach", "temporary-housing"), NORMAL, "reintegration"),
    "long-illness": Promise(("return-to-work-talk",), LOW, "work-team"),
    "long-term-unemployment": Promise(("job-coach", "benefit-check"), NORMAL, "work-team"),
    "short-contracts-and-then-none": Promise(("job-coach", "income-support-call"), LOW, "work-team"),
    "youth-guarantee-four-months": Promise(("youth-coach", "job-coach"), NORMAL, "youth-team"),
}


def hold_end(rule: str, known_at: int) -> int:
    """When a situation is ripe: the first instant after its hold; without one, the end of the day."""
    return end_of_working_days(known_at, PROMISES[rule].hold)
