"""Planted stories for the rules of the library that have come since the first ten, and near misses."""

from __future__ import annotations

from streams.simulation.scenes import Scene
from streams.simulation.telling import Story, offered

ENERGY, HEALTH = "energy", "health-premium"

# work and income


def _young_without_offer(scene: Scene) -> None:
    scene.tell("job_seeker_registered", 0, (scene.pupil, ""), age_group="under-30")


def _offer_in_time(scene: Scene) -> None:
    _young_without_offer(scene)
    scene.tell("job_seeker_offer_made", 100, (scene.pupil, ""), offer="traineeship")


def _long_unemployed(scene: Scene) -> None:
    """Registered long before the start: eighteen months are over soon after it."""
    scene.tell("job_seeker_registered", -540, (scene.tenant, ""), age_group="30-54")


def _contracts_run_out(scene: Scene) -> None:
    for start in (0, 60, 130):
        scene.tell("job_started", start, (scene.tenant, ""), hours_per_week=38.0, sector="I")
        scene.tell("job_lost", start + 45, (scene.tenant, ""), reason="contract_ended", sector="I")


def _ill(scene: Scene) -> None:
    scene.tell("sick_leave_started", 0, (scene.tenant, ""), cause="illness")
    scene.tell("sick_leave_ended", 150, (scene.tenant, ""), reason="recovered")


def _ill_for_long(scene: Scene) -> None:
    scene.tell("sick_leave_started", 0, (scene.tenant, ""), cause="illness")
    scene.tell("sick_leave_ended", 255, (scene.tenant, ""), reason="recovered")


# housing


def _rent_debt_grows(scene: Scene) -> None:
    for month in (1, 2, 3):
        scene.arrears(20 * (month - 1), scene.tenant, month)


def _notice(scene: Scene, after: int) -> None:
    scene.tell("eviction_notice_served", after, (scene.tenant, ""), amount=2310.5, eviction_date="2026-01-31")


def _notice_without_plan(scene: Scene) -> None:
    _notice(scene, 100)


def _notice_with_plan(scene: Scene) -> None:
    scene.tell("debt_plan_agreed", 40, (scene.tenant, ""), debts=4)
    _notice(scene, 100)


def _case_goes_on(scene: Scene) -> None:
    scene.tell("debt_plan_agreed", 90, (scene.tenant, ""), debts=4)
    scene.tell("eviction_claim_filed", 100, (scene.tenant, ""), amount=2310.5, ground="arrears")
    _notice(scene, 115)


def _evicted(scene: Scene) -> None:
    scene.tell("eviction_executed", 0, (scene.tenant, ""))


def _moves(scene: Scene) -> None:
    for number, place in enumerate(("Millbrook", "Highfield", "Riverbend")):
        scene.diary.note_for_all(
            "moved", scene.base + 80 * number, municipality_from="Elsewhere", municipality_to=place
        )


# children and school


def _expelled(scene: Scene) -> None:
    scene.tell("school_exited", 0, (scene.pupil, ""), level="upper-secondary", reason="expelled")
    scene.tell("school_enrolled", 60, (scene.pupil, ""), level="upper-secondary")


def _both_dismissed(scene: Scene) -> None:
    scene.loss(0, scene.tenant)
    scene.loss(40, scene.partner)


def _first_has_work_again(scene: Scene) -> None:
    scene.loss(0, scene.tenant)
    scene.tell("job_started", 20, (scene.tenant, ""), hours_per_week=38.0, sector="C")
    scene.loss(40, scene.partner)


def _three_registers(scene: Scene) -> None:
    scene.loss(0, scene.tenant)
    scene.arrears(30, scene.partner)
    scene.tell("school_exited", 60, (scene.pupil, ""), level="upper-secondary", reason="dropped_out")
    scene.tell("school_enrolled", 90, (scene.pupil, ""), level="upper-secondary")


# health and care


def _short_stay(scene: Scene, after: int, has_plan: bool) -> None:
    scene.tell("hospital_discharged", after, (scene.tenant, ""), home_care_plan=has_plan, stay_days=2.0)


def _back_in_hospital(scene: Scene) -> None:
    _short_stay(scene, 0, True)
    _short_stay(scene, 20, False)


def _both_in_hospital(scene: Scene) -> None:
    for after, person in ((0, scene.tenant), (14, scene.partner)):
        scene.tell("hospital_discharged", after, (person, ""), home_care_plan=True, stay_days=9.0)


def _bills_after_hospital(scene: Scene) -> None:
    _short_stay(scene, 0, True)
    _short_stay(scene, 20, True)
    scene.bill(70, scene.tenant)
    scene.paid(80, scene.tenant)


# bereavement and birth


def _no_family_benefit(scene: Scene) -> None:
    scene.birth(0)


def _bills_after_bereavement(scene: Scene) -> None:
    scene.tell("died", 0, (scene.partner, "deceased"), (scene.tenant, "partner"))
    scene.claim(20, scene.tenant)
    scene.arrears(50, scene.tenant)


# justice


def _released(scene: Scene, after: int) -> None:
    scene.tell("prison_released", after, (scene.tenant, ""), has_address=True, sentence_months=5)


def _no_income_after_prison(scene: Scene) -> None:
    _released(scene, 0)


def _moves_on_after_prison(scene: Scene) -> None:
    _released(scene, 0)
    scene.claim(5, scene.tenant)
    scene.tell("moved", 15, (scene.tenant, ""), municipality_from="Elsewhere", municipality_to="Highfield")


def _settles_after_prison(scene: Scene) -> None:
    _released(scene, 0)
    scene.claim(5, scene.tenant)


def _released_twice(scene: Scene) -> None:
    for after in (0, 100):
        _released(scene, after)
        scene.claim(after + 10, scene.tenant)


# debt


def _two_creditors(scene: Scene) -> None:
    scene.bill(0, scene.tenant, ENERGY)
    scene.paid(10, scene.tenant, ENERGY)
    scene.bill(40, scene.tenant, HEALTH)


def _first_bill(scene: Scene) -> None:
    scene.bill(0, scene.tenant)


def _first_bill_paid(scene: Scene) -> None:
    scene.bill(0, scene.tenant)
    scene.paid(20, scene.tenant)


def _bills_after_benefit(scene: Scene) -> None:
    scene.tell("benefit_stopped", 0, (scene.tenant, ""), benefit="housing", reason="end-of-entitlement")
    scene.bill(20, scene.tenant)
    scene.claim(25, scene.tenant, "housing")
    scene.paid(28, scene.tenant)


def _bills_after_loss(scene: Scene) -> None:
    scene.loss(0, scene.tenant)
    scene.bill(20, scene.tenant)
    scene.paid(30, scene.tenant)
    scene.bill(80, scene.tenant)


def _plan_broken_off(scene: Scene) -> None:
    scene.tell("debt_plan_agreed", 0, (scene.tenant, ""), debts=4)
    scene.tell("debt_plan_ended", 60, (scene.tenant, ""), reason="broken-off")


def _premium_unpaid(scene: Scene) -> None:
    scene.bill(0, scene.tenant, HEALTH, 2)
    scene.bill(50, scene.tenant, HEALTH, 4)


def _cold_with_baby(scene: Scene) -> None:
    scene.birth(0)
    scene.claim(20, scene.partner, "family")
    scene.tell("energy_supply_limited", 60, (scene.tenant, ""), amount=820.0)


NOTHING = {"offers": 0}
FIRST_BILL = "first-arrears-unanswered"
ILLNESS = "long-illness"
LIBRARY_STORIES = (
    Story("clean", 140, _young_without_offer, offered("youth-guarantee-four-months")),
    Story("near-miss", 140, _offer_in_time, NOTHING),
    Story("clean", 25, _long_unemployed, offered("long-term-unemployment")),
    Story("clean", 256, _contracts_run_out, offered("short-contracts-and-then-none")),
    Story("clean", 165, _ill, offered(ILLNESS)),
    Story("again", 265, _ill_for_long, {"offers": 2, "rules": [ILLNESS, ILLNESS]}),
    Story("clean", 55, _rent_debt_grows, offered("repeated-rent-arrears", "rent-debt-that-grows")),
    Story("clean", 112, _notice_without_plan, offered("notice-without-a-debt-plan")),
    Story("near-miss", 112, _notice_with_plan, NOTHING),
    Story("clean", 138, _case_goes_on, offered("eviction-case-goes-on", "eviction-claim-unresolved")),
    Story("clean", 30, _evicted, offered("evicted-without-a-new-address")),
    Story("household", 175, _moves, offered("three-moves-in-a-year")),
    Story("clean", 65, _expelled, offered("expelled-without-a-new-school")),
    Story("household", 55, _both_dismissed, offered("two-members-out-of-work")),
    Story("near-miss", 55, _first_has_work_again, NOTHING),
    Story("household", 95, _three_registers, offered("three-signals-in-one-household")),
    Story("clean", 32, _back_in_hospital, offered("back-in-hospital-within-thirty-days")),
    Story("household", 28, _both_in_hospital, offered("two-members-in-hospital")),
    Story("clean", 85, _bills_after_hospital, offered("arrears-after-hospital")),
    Story("household", 76, _no_family_benefit, offered("birth-without-family-benefit")),
    Story("clean", 65, _bills_after_bereavement, offered("arrears-after-bereavement")),
    Story("clean", 45, _no_income_after_prison, offered("release-then-move-or-no-claim")),
    Story("clean", 30, _moves_on_after_prison, offered("release-then-move-or-no-claim")),
    Story("near-miss", 45, _settles_after_prison, NOTHING),
    Story("clean", 115, _released_twice, offered("released-twice-in-a-year")),
    Story("clean", 55, _two_creditors, offered("arrears-with-different-creditors")),
    Story("clean", 42, _first_bill, offered(FIRST_BILL)),
    Story("near-miss", 42, _first_bill_paid, NOTHING),
    Story("clean", 48, _bills_after_benefit, offered("benefit-stopped-then-arrears")),
    Story("cool-down", 95, _bills_after_loss, offered("unpaid-bills-after-job-loss") | {"suppressed": ["cool-down"]}),
    Story("clean", 105, _plan_broken_off, offered("debt-plan-broken-off")),
    Story("clean", 65, _premium_unpaid, offered(FIRST_BILL, "health-premium-two-then-four-months")),
    Story("household", 75, _cold_with_baby, offered("energy-limited-with-a-baby")),
)
"""Each is one more household told of; a long-unemployed one is registered before the town begins."""
