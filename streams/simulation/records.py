"""Messages as each agency words them: native values of the agencies' own Avro schemas.

One function per feed, those of four of them in `signal_records`. Dates of type `date` are days since
1970, times are whole numbers in the unit of the schema, amounts of money of the court are text
(`feeds.read_feed` makes the decimal). The contracts' mappings undo what is done here; nothing is
shared with them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from streams.simulation import facts, signal_records
from streams.simulation.disturbances import Change, Message
from streams.simulation.facts import Fact
from streams.simulation.population import Person
from streams.simulation.record_parts import day_of, earlier_of, epoch_day, first_person, id_of, offset_text, prefixed
from streams.simulation.span import local_day

Record = dict[str, Any]


def encode(message: Message) -> Record:
    """The agency's record of a message."""
    record = _ENCODERS[message.fact.feed](message)
    if message.flaw:
        _FLAWS[message.flaw](record)
    return record


def _digits(day: date) -> int:
    return day.year * 10_000 + day.month * 100 + day.day


_REASONS_OUT = {
    "dismissed": "ONTSLAG",
    "redundancy": "HERSTRUCTURERING",
    "contract_ended": "EINDE",
    "resigned": "ZELF",
}


def _job(message: Message) -> Record:
    fact = message.fact
    kind = "OUT" if fact.type == "job_lost" else "IN"
    changes = {Change.CREATED: kind, Change.CORRECTED: "WIJZIGING", Change.ANNULLED: "ANNULERING"}
    day = _digits(day_of(message))
    is_old_software = fact.number % 7 == 0
    return {
        "aangifteNummer": id_of(message),
        "aard": changes[message.change],
        "betreft": None if message.change is Change.CREATED else kind,
        "vorigeAangifte": earlier_of(message),
        "werknemer": {"insz": first_person(message).national_number},
        "werkgever": {
            "ondernemingsnummer": f"0{400_000_000 + fact.number % 9973}",
            "sector": fact.attributes["sector"],
        },
        "datumIn": day if kind == "IN" else None,
        "datumUit": None if kind == "IN" else str(day) if is_old_software else day,
        "redenUit": _REASONS_OUT[fact.attributes["reason"]] if kind == "OUT" else None,
        "urenPerWeek": fact.attributes.get("hours_per_week"),
        "ontvangenOp": fact.booked_at,
    }


_BENEFIT_CODES = {
    "unemployment": "UB",
    "social-assistance": "SA",
    "family": "FB",
    "housing": "HB",
    "disability": "DB",
}
_STOP_REASONS = {"found-work": "01", "sanction": "02", "end-of-entitlement": "03", "file-incomplete": "04"}
_REVISIONS = {Change.CREATED: "FIRST", Change.CORRECTED: "REVISED", Change.ANNULLED: "WITHDRAWN"}


def _benefit(message: Message) -> Record:
    fact = message.fact
    is_stop = fact.type == "benefit_stopped"
    return {
        "decisionId": f"BD-{id_of(message)}",
        "outcome": "PAYMENT_STOPPED" if is_stop else "CLAIM_LODGED",
        "revision": _REVISIONS[message.change],
        "revises": prefixed("BD-", earlier_of(message)),
        "claimant": {"nationalNumber": first_person(message).national_number},
        "benefitCode": _BENEFIT_CODES[fact.attributes["benefit"]],
        "stopReasonCode": _STOP_REASONS[fact.attributes["reason"]] if is_stop else None,
        "effectiveDate": epoch_day(message),
        "decidedAt": fact.booked_at,
    }


_ACTIONS = {Change.CREATED: "ENTERED", Change.CORRECTED: "RECTIFIED", Change.ANNULLED: "STRUCK"}


def _docket(message: Message) -> Record:
    fact = message.fact
    ground = fact.attributes.get("ground")
    number = fact.number % 1000 * 10
    return {
        "docketNumber": f"EV-{fact.household.number:06d}",
        "court": f"Justice of the peace, {fact.household.municipality}",
        "entry": {
            "number": number + message.part,
            "kind": "PETITION" if fact.type == "eviction_claim_filed" else "NOTICE_TO_QUIT",
            "action": _ACTIONS[message.change],
            "concernsEntry": None if message.replaces is None else number + message.replaces,
            "enteredAt": offset_text(fact.booked_at),
            "servedOn": day_of(message).isoformat(),
            "disposedOn": None,
        },
        "parties": [
            _party(1, "CLAIMANT", "KBO", f"0{500_000_000 + fact.household.number % 97}"),
            _party(2, "DEFENDANT", "RRN", first_person(message).national_number),
        ],
        "claim": {
            "amount": f"{fact.attributes['amount']:.2f}",
            "ground": None if ground is None else ground.upper().replace("-", "_"),
            "evictionDate": fact.attributes.get("eviction_date"),
        },
    }


def _party(number: int, capacity: str, scheme: str, value: str) -> Record:
    identifiers = [{"scheme": scheme, "value": value}]
    return {"partyNumber": number, "capacity": capacity, "identifiers": identifiers}


_RENT_CODES = {Change.CREATED: "N", Change.CORRECTED: "C", Change.ANNULLED: "X"}


def _rent(message: Message) -> Record:
    fact = message.fact
    household, tenant = fact.household, first_person(message)
    return {
        "messageRef": f"RM{id_of(message)}",
        "code": _RENT_CODES[message.change],
        "earlierRef": prefixed("RM", earlier_of(message)),
        "account": {
            "number": f"A{household.number:06d}",
            "dwelling": f"{household.street} {household.house}, {household.postcode} {household.municipality}",
        },
        "tenants": [
            {
                "tenantNumber": tenant.tenant_number,
                "nationalNumber": tenant.national_number if fact.number % 2 else None,
                "isMain": True,
            }
        ],
        "situation": "ARREARS" if fact.type == "rent_arrears_reported" else "CLEARED",
        "balanceCents": round(fact.attributes["amount"] * 100),
        "monthsOverdue": fact.attributes.get("months", 0),
        "statementDate": f"{day_of(message):%d/%m/%Y}",
        "bookedOn": f"{local_day(fact.booked_at):%d/%m/%Y}",
    }


_LEVELS = {
    "primary": "P",
    "lower-secondary": "S1",
    "upper-secondary": "S2",
    "higher": "SUP",
}
_NATURES = {Change.CREATED: "NOUVEAU", Change.CORRECTED: "RECTIFIE", Change.ANNULLED: "ANNULE"}
_EXIT_REASONS = {"completed": "DIPLOME", "dropped_out": "ABANDON", "expelled": "EXCLUSION"}


def _enrolment(message: Message) -> Record:
    fact, pupil = message.fact, first_person(message)
    is_exit = fact.type == "school_exited"
    return {
        "identifiant": f"MV-{id_of(message)}",
        "nature": _NATURES[message.change],
        "remplace": prefixed("MV-", earlier_of(message)),
        "sens": "SORTIE" if is_exit else "ENTREE",
        "eleve": {
            "numeroEleve": pupil.pupil_number,
            "numeroNational": pupil.national_number if fact.number % 3 else None,
        },
        "date": day_of(message).isoformat(),
        "dateFin": None,
        "niveau": _LEVELS[fact.attributes["level"]],
        "motifSortie": _EXIT_REASONS[fact.attributes["reason"]] if is_exit else None,
        "enregistreLe": offset_text(fact.booked_at),
    }


_STATES = {Change.CREATED: "raised", Change.CORRECTED: "adjusted", Change.ANNULLED: "retracted"}


def _absence(message: Message) -> Record:
    return {
        "signalId": id_of(message),
        "state": _STATES[message.change],
        "previousSignalId": earlier_of(message),
        "pupilNumber": first_person(message).pupil_number,
        "halfDaysAbsent": round(message.fact.attributes["days"] * 2),
        "reachedOn": epoch_day(message),
        "raisedAt": message.fact.booked_at * 1000,
    }


_CHANGE_TYPES = {Change.CREATED: "ESTABLISHED", Change.CORRECTED: "RECTIFIED", Change.ANNULLED: "VOIDED"}
_RECORD_TYPES = {"born": "BIRTH", "died": "DEATH", "moved": "RELOCATION"}


def _registry(message: Message) -> Record:
    fact = message.fact
    record: Record = {
        "recordId": f"LR-{id_of(message)}",
        "personIds": [first_person(message).national_number],
        "master": f"municipality {fact.household.postcode}",
        "createdAt": fact.booked_at,
        "recordType": _RECORD_TYPES[fact.type],
        "changeType": _CHANGE_TYPES[message.change],
        "earlierRecordId": prefixed("LR-", earlier_of(message)),
        "lapsedOn": None,
        "birth": None,
        "death": None,
        "relocation": None,
    }
    others = [person.national_number for person, _ in fact.people[1:]]
    return record | _life_fact(fact, epoch_day(message), others)


def _life_fact(fact: Fact, day: int, others: list[str]) -> Record:
    if fact.type == "born":
        return {"birth": {"birthDate": day, "parents": others}}
    if fact.type == "died":
        return {"death": {"deathDate": day, "partner": others[0] if others else None}}
    places: Mapping[str, Any] = fact.attributes
    return {
        "relocation": {
            "movedOn": day,
            "fromMunicipality": places["municipality_from"],
            "toMunicipality": places["municipality_to"],
        }
    }


_STATUSES = {Change.CREATED: "finished", Change.CORRECTED: "amended", Change.ANNULLED: "entered-in-error"}
_DAY_MS = 86_400_000


def _encounter(message: Message) -> Record:
    fact, patient = message.fact, first_person(message)
    code = "home-with-care" if fact.attributes["home_care_plan"] else "home"
    earlier = prefixed("Encounter/E-", earlier_of(message))
    return {
        "id": f"E-{id_of(message)}",
        "meta": {"versionId": str(message.part + 1), "lastUpdated": fact.booked_at},
        "status": _STATUSES[message.change],
        "replaces": None if earlier is None else {"reference": earlier},
        "subject": {"identifier": _patient_ids(patient)},
        "period": {
            "start": fact.occurred_at - round(fact.attributes["stay_days"]) * _DAY_MS,
            "end": fact.occurred_at,
        },
        "hospitalization": {"dischargeDisposition": {"coding": [{"code": code, "display": code.replace("-", " ")}]}},
    }


def _patient_ids(patient: Person) -> list[Record]:
    national = {"system": "urn:be:national-number", "value": patient.national_number}
    own = {"system": "urn:hospital:patient-number", "value": patient.patient_number}
    return [own, national] if patient.is_patient else [national]


def _release(message: Message) -> Record:
    fact, person = message.fact, first_person(message)
    kinds = {Change.CREATED: "released", Change.CORRECTED: "release-amended", Change.ANNULLED: "release-cancelled"}
    return {
        "eventType": f"prisoner.{kinds[message.change]}",
        "version": 1,
        "occurredAt": offset_text(fact.occurred_at),
        "publishedAt": offset_text(fact.booked_at),
        "personReference": {
            "identifiers": [
                {"type": "PRISON", "value": f"A{person.number:07d}"},
                {"type": "NN", "value": person.national_number},
            ]
        },
        "additionalInformation": {
            "releaseId": f"R-{id_of(message)}",
            "amendsReleaseId": prefixed("R-", earlier_of(message)),
            "addressOnRelease": "CONFIRMED" if fact.attributes["has_address"] else "NONE",
            "sentenceMonths": fact.attributes["sentence_months"],
        },
    }


def _help(message: Message) -> Record:
    fact = message.fact
    return {
        "desk": f"Desk {fact.household.area}",
        "day": day_of(message).isoformat(),
        "ticket": fact.number % 2_000_000_000,
        "topic": fact.attributes["topic"],
        "nationalNumber": first_person(message).national_number,
        "enteredAt": fact.booked_at // 1000,
    }


_ENCODERS: dict[str, Callable[[Message], Record]] = {
    facts.JOBS: _job,
    facts.BENEFITS: _benefit,
    facts.COURT: _docket,
    facts.RENT: _rent,
    facts.ENROLMENTS: _enrolment,
    facts.ATTENDANCE: _absence,
    facts.REGISTRY: _registry,
    facts.HOSPITAL: _encounter,
    facts.PRISON: _release,
    facts.HELP: _help,
    facts.JOB_SEEKERS: signal_records.job_seeker,
    facts.ENERGY: signal_records.energy,
    facts.HEALTH_INSURER: signal_records.health_insurer,
    facts.SOCIAL_CENTRE: signal_records.social_centre,
}


def _unknown_person(record: Record) -> None:
    record["werknemer"]["insz"] = f"99{record['aangifteNummer'] % 10**9:09d}"


def _missing_person(record: Record) -> None:
    record["nationalNumber"] = None


def _unknown_kind(record: Record) -> None:
    record["situation"] = "DISPUTED"


def _not_ours(record: Record) -> None:
    record["entry"]["kind"] = "HEARING"


_FLAWS: dict[str, Callable[[Record], None]] = {
    "unknown_person": _unknown_person,
    "missing_person": _missing_person,
    "unknown_kind": _unknown_kind,
    "not_ours": _not_ours,
}
