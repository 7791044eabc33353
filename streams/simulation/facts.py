"""What an agency records: one fact, possibly about several people, as the true world has it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from streams.simulation.population import Household, Person
from streams.simulation.span import HOUR_MS, local, local_day, midnight

JOBS = "employment-service.job-declarations"
BENEFITS = "employment-service.benefit-decisions"
COURT = "court.eviction-proceedings"
RENT = "landlord.rent-accounts"
ENROLMENTS = "school.enrolments"
ATTENDANCE = "school.attendance"
REGISTRY = "registry-office.life-records"
HOSPITAL = "hospital.discharges"
PRISON = "prison.releases"
HELP = "ngo.help-requests"
JOB_SEEKERS = "employment-service.job-seekers"
ENERGY = "energy-supplier.payment-signals"
HEALTH_INSURER = "health-insurer.member-notices"
SOCIAL_CENTRE = "social-centre.case-files"

FEED_OF = {
    "job_lost": JOBS,
    "job_started": JOBS,
    "benefit_claimed": BENEFITS,
    "benefit_stopped": BENEFITS,
    "eviction_claim_filed": COURT,
    "eviction_notice_served": COURT,
    "rent_arrears_reported": RENT,
    "rent_arrears_cleared": RENT,
    "school_exited": ENROLMENTS,
    "school_enrolled": ENROLMENTS,
    "absence_threshold_reached": ATTENDANCE,
    "born": REGISTRY,
    "died": REGISTRY,
    "moved": REGISTRY,
    "hospital_discharged": HOSPITAL,
    "prison_released": PRISON,
    "help_sought": HELP,
    "job_seeker_registered": JOB_SEEKERS,
    "job_seeker_offer_made": JOB_SEEKERS,
    "job_integration_agreed": JOB_SEEKERS,
    "job_seeker_deregistered": JOB_SEEKERS,
    "energy_supply_limited": ENERGY,
    "sick_leave_started": HEALTH_INSURER,
    "sick_leave_ended": HEALTH_INSURER,
    "debt_plan_agreed": SOCIAL_CENTRE,
    "debt_plan_ended": SOCIAL_CENTRE,
    "eviction_executed": SOCIAL_CENTRE,
}
_CREDITOR_OF = {"energy": ENERGY, "health-premium": HEALTH_INSURER}
_BILLS = frozenset({"arrears_signalled", "arrears_settled"})
"""Types more than one agency sends: what is owed says which."""

TYPES = frozenset(FEED_OF) | _BILLS
FEEDS = tuple(sorted(set(FEED_OF.values())))

REGISTERED_BEFORE = frozenset({"job_seeker_registered"})
"""Types that may lie before the start: the agency sends its register as it stood then, first of all."""


def feed_of(kind: str, attributes: Mapping[str, Any]) -> str:
    """`<agency>.<contract>` that brings such an event."""
    return _CREDITOR_OF[attributes["claim"]] if kind in _BILLS else FEED_OF[kind]


DAY_PRECISE = frozenset({RENT})
"""Feeds that state the day, not the time, at which they recorded something."""

PROMPT = frozenset({BENEFITS, HOSPITAL, PRISON})
"""Feeds that record by the end of the next day; the others by noon of the day after that."""

SETTLING_MS = 72 * HOUR_MS
"""Every agency records and delivers within this time of the event; the prompt ones within 48 hours."""


@dataclass(frozen=True, slots=True)
class Fact:
    """A true fact.

    Attributes:
        number: unique in the town; agencies' own ids are made from it.
        type: canonical event type.
        people: those it concerns, each with a role (`''` where the type knows none).
        attributes: canonical attributes, without the role.
        occurred_at, recorded_at: ms. booked_at: when the record was made, ms; differs from
            `recorded_at` only for feeds that state no more than the day.
        annulled_at: from when the agency says that it never was (a story's own end), ms.
        is_planted: part of a story; left alone by disturbances.
    """

    number: int
    household: Household
    type: str
    people: tuple[tuple[Person, str], ...]
    attributes: Mapping[str, Any]
    occurred_at: int
    recorded_at: int
    booked_at: int
    annulled_at: int | None = None
    is_planted: bool = False

    @property
    def feed(self) -> str:
        """`<agency>.<contract>` that brings it."""
        return feed_of(self.type, self.attributes)

    def as_lines(self) -> Iterator[dict[str, Any]]:
        """One line of `truth/events.jsonl` per person concerned."""
        for person, role in self.people:
            line = {
                "id": f"f{self.number}-{role or 'self'}",
                "person": person.id,
                "household": self.household.id,
                "area": self.household.area,
                "type": self.type,
                "attributes": {"role": role, **self.attributes} if role else dict(self.attributes),
                "occurred_at": self.occurred_at,
                "recorded_at": self.recorded_at,
                "agency": self.feed.split(".")[0],
            }
            yield line | ({} if self.annulled_at is None else {"annulled_at": self.annulled_at})


def booked(fact: Fact, instant: int) -> Fact:
    """The fact recorded at `instant`, as precisely as its feed states it."""
    recorded = midnight(local_day(instant)) if fact.feed in DAY_PRECISE else instant
    return replace(fact, recorded_at=recorded, booked_at=instant)


def hour_of(instant: int) -> int:
    """Local hour of the day, 0 to 23."""
    return local(instant).hour
