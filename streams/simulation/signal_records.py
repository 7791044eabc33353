"""Records of the register of job-seekers, the energy supplier, the health insurer and the social centre.

As in `records`: native values of the agencies' own Avro schemas, one function per feed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from streams.simulation.disturbances import Change, Message
from streams.simulation.record_parts import earlier_of, epoch_day, first_person, id_of, prefixed

_STATES = {Change.CREATED: "NEW", Change.CORRECTED: "CORRECTION", Change.ANNULLED: "CANCELLATION"}
_JOB_SEEKER_KINDS = {
    "job_seeker_registered": "REGISTRATION",
    "job_seeker_offer_made": "OFFER",
    "job_integration_agreed": "AGREEMENT",
    "job_seeker_deregistered": "DEREGISTRATION",
}
_AGE_BANDS = {"under-30": "A", "30-54": "B", "55-plus": "C"}
_OFFERS = {"work": "W", "school": "S", "apprenticeship": "L", "traineeship": "T"}
_DEREGISTRATIONS = {"found-work": "W", "no-longer-available": "N"}


def job_seeker(message: Message) -> dict[str, Any]:
    """A step of a job-seeker."""
    attributes = message.fact.attributes
    return {
        "messageId": f"JS-{id_of(message)}",
        "kind": _JOB_SEEKER_KINDS[message.fact.type],
        "state": _STATES[message.change],
        "about": prefixed("JS-", earlier_of(message)),
        "jobSeeker": {
            "nationalNumber": first_person(message).national_number,
            "ageBand": _AGE_BANDS[attributes.get("age_group", "30-54")],
        },
        "offerCode": _OFFERS.get(attributes.get("offer", "")),
        "reasonCode": _DEREGISTRATIONS.get(attributes.get("reason", "")),
        "day": epoch_day(message),
        "registeredAt": message.fact.booked_at,
    }


_STATUSES = {Change.CREATED: "new", Change.CORRECTED: "changed", Change.ANNULLED: "void"}
_ENERGY_SUBJECTS = {"arrears_signalled": "ARREARS", "arrears_settled": "SETTLED", "energy_supply_limited": "LIMITED"}


def energy(message: Message) -> dict[str, Any]:
    """An unpaid energy bill, its payment, or a supply limited."""
    fact = message.fact
    household = fact.household
    return {
        "signalRef": f"ES-{id_of(message)}",
        "subject": _ENERGY_SUBJECTS[fact.type],
        "status": _STATUSES[message.change],
        "supersedes": prefixed("ES-", earlier_of(message)),
        "supply": {
            "point": f"5414{household.number:014d}",
            "dwelling": f"{household.street} {household.house}, {household.postcode} {household.municipality}",
        },
        "customer": {"nationalNumber": first_person(message).national_number},
        "openAmount": fact.attributes["amount"],
        "monthsOpen": fact.attributes.get("months", 0),
        "day": epoch_day(message),
        "sentAt": fact.booked_at,
    }


_NATURES = {Change.CREATED: "ORIGINAL", Change.CORRECTED: "AMENDED", Change.ANNULLED: "REVOKED"}
_NOTICES = {
    "arrears_signalled": "PREMIUM_ARREARS",
    "arrears_settled": "PREMIUM_SETTLED",
    "sick_leave_started": "INCAPACITY_BEGINS",
    "sick_leave_ended": "INCAPACITY_ENDS",
}
_CAUSES = {"illness": "ILL", "accident": "ACC"}
_ENDS = {"recovered": "REC", "end-of-entitlement": "ENT"}


def health_insurer(message: Message) -> dict[str, Any]:
    """An unpaid premium or its payment, an incapacity for work or its end."""
    fact = message.fact
    is_premium = "claim" in fact.attributes
    months = fact.attributes.get("months", 0)
    return {
        "noticeNumber": id_of(message),
        "subject": _NOTICES[fact.type],
        "nature": _NATURES[message.change],
        "concerns": earlier_of(message),
        "member": {"national": first_person(message).national_number},
        "premium": {"cents": round(fact.attributes["amount"] * 100), "months": months} if is_premium else None,
        "incapacity": None if is_premium else _incapacity(fact.attributes),
        "day": epoch_day(message),
        "createdAt": fact.booked_at,
    }


def _incapacity(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {"cause": _CAUSES.get(attributes.get("cause", "")), "end": _ENDS.get(attributes.get("reason", ""))}


_ENTRIES = {Change.CREATED: "ADDED", Change.CORRECTED: "REPLACED", Change.ANNULLED: "REMOVED"}
_STEPS = {"debt_plan_agreed": "PLAN_AGREED", "debt_plan_ended": "PLAN_ENDED", "eviction_executed": "EVICTED"}
_PLAN_ENDS = {"completed": "C", "broken-off": "B"}


def social_centre(message: Message) -> dict[str, Any]:
    """A step in a file of the public centre for social welfare; entries are numbered within the file."""
    fact = message.fact
    number = fact.number % 1000 * 10
    return {
        "file": f"CF-{fact.household.number:06d}",
        "step": number + message.part,
        "kind": _STEPS[fact.type],
        "entry": _ENTRIES[message.change],
        "insteadOf": None if message.replaces is None else number + message.replaces,
        "persons": [first_person(message).national_number],
        "debts": fact.attributes.get("debts"),
        "endCode": _PLAN_ENDS.get(fact.attributes.get("reason", "")),
        "day": epoch_day(message),
        "addedAt": fact.booked_at,
    }
