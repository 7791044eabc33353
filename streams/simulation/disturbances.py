"""How agencies get it wrong: what is really sent about a true fact.

Every disturbance is over within the hold of one working day and leaves the last `recorded_at` of
the fact as it truly is, so that final offers are those of the undisturbed world:

- a wrong first version is recorded 1 to 6 hours before, on the same local day, so that a hold that
  began with it ends when the right one's does;
- a wrong date is at most two days early, and only where the date completes no pattern by itself;
- a wrong version never completes a pattern the right one does not, and what completes patterns is
  corrected, not annulled and re-created, so that nothing is suppressed as retracted because of it;
- a false event is annulled within 6 hours, and nothing else happens to that household for days; the
  truth has it too, as an event with an `annulled_at`;
- what comes out of order comes within 6 hours; an annulment or a correction is never delayed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from random import Random
from typing import Any

from streams.simulation.diary import Diary
from streams.simulation.facts import HELP, PRISON, Fact, booked, hour_of
from streams.simulation.population import Person
from streams.simulation.span import HOUR_MS

DAY_MS = 24 * HOUR_MS
HARMLESS_ROOM = 5
"""Days around a false event on which nothing else happens to the household."""

FALSE_POSITIONS = 900
"""Numbers of facts from here on are not in the diary."""

UNCORRECTABLE = frozenset({HELP, PRISON})
"""Feeds left without wrong versions: the first has no ids to name, the second's offer cannot wait."""


class Change(StrEnum):
    """What a message says about its fact."""

    CREATED = "created"
    CORRECTED = "corrected"
    ANNULLED = "annulled"


@dataclass(frozen=True, slots=True)
class Message:
    """One record of an agency, to be encoded by `records`.

    Attributes:
        fact: what it says; `booked_at` and `recorded_at` are the message's own.
        part: with the fact's number, the agency's id of this record.
        replaces: part of the record it corrects or annuls.
        sent_at: orders the feed, ms. flaw: what is wrong with it, `''` for nothing.
    """

    fact: Fact
    sent_at: int
    part: int = 0
    change: Change = Change.CREATED
    replaces: int | None = None
    flaw: str = ""


Tally = Counter[str]


@dataclass(frozen=True, slots=True)
class Rates:
    """How often: per fact, and for the last five per household and year."""

    corrected: float = 0.02
    recreated: float = 0.01
    out_of_order: float = 0.03
    duplicate: float = 0.02
    false_event: float = 0.02
    unknown_person: float = 0.002
    missing_person: float = 0.004
    unknown_kind: float = 0.002
    not_ours: float = 0.006


def messages(rng: Random, fact: Fact, end: int, rates: Rates, tally: Tally) -> Iterator[Message]:
    """What the agency sends about one true fact before `end` (ms), disturbances counted in `tally`."""
    if fact.is_planted:
        yield from _planted(fact, end)
        return
    for message in _versions(rng, fact, rates, tally):
        yield message
        yield from _copies(rng, message, end, rates, tally)


def _planted(fact: Fact, end: int) -> Iterator[Message]:
    yield Message(fact, fact.booked_at)
    if fact.annulled_at is not None and fact.annulled_at < end:
        yield _message(fact, fact.annulled_at, 1, Change.ANNULLED, 0)


def _message(fact: Fact, at: int, part: int, change: Change = Change.CREATED, replaces: int | None = None) -> Message:
    return Message(booked(fact, at), at, part, change, replaces)


def _versions(rng: Random, fact: Fact, rates: Rates, tally: Tally) -> Iterator[Message]:
    draw = rng.random()
    if draw < rates.corrected + rates.recreated:
        first = _wrong_first(rng, fact)
        if first is not None and draw < rates.corrected:
            tally["corrected"] += 1
            yield first
            yield replace(_message(fact, fact.booked_at, 1, Change.CORRECTED, 0), fact=fact)
            return
        if first is not None and fact.type not in _COMPLETING:
            tally["annulled_and_recreated"] += 1
            yield first
            annulled_at = first.sent_at + (fact.booked_at - first.sent_at) // 2 // 1000 * 1000
            yield _message(first.fact, annulled_at, 1, Change.ANNULLED, 0)
            yield Message(fact, fact.booked_at, 2)
            return
    if fact.feed != PRISON and rng.random() < rates.out_of_order:
        tally["out_of_order"] += 1
        yield Message(fact, fact.booked_at + rng.randrange(HOUR_MS, 6 * HOUR_MS))
        return
    yield Message(fact, fact.booked_at)


def _copies(rng: Random, message: Message, end: int, rates: Rates, tally: Tally) -> Iterator[Message]:
    """The same record again: soon, or weeks and months later."""
    if rng.random() >= rates.duplicate:
        return
    is_soon = rng.random() < 0.6
    later = rng.randrange(60_000, 12 * HOUR_MS) if is_soon else rng.randrange(DAY_MS, 150 * DAY_MS)
    if message.sent_at + later < end:
        tally["duplicate"] += 1
        tally["duplicate_days_later"] += not is_soon
        yield replace(message, sent_at=message.sent_at + later)


def _wrong_first(rng: Random, fact: Fact) -> Message | None:
    """A wrong version 1 to 6 hours before the right one; None where there is no room for it."""
    at = fact.booked_at - rng.randrange(HOUR_MS // 1000, 6 * HOUR_MS // 1000) * 1000
    if fact.feed in UNCORRECTABLE or hour_of(fact.booked_at) < 7 or at <= fact.occurred_at + HOUR_MS:
        return None
    wrong = _wrong(rng, fact)
    return None if wrong is None else _message(wrong, at, 0)


def _wrong(rng: Random, fact: Fact) -> Fact | None:
    """The fact with something wrong about it."""
    if fact.type in _DATED and fact.booked_at - fact.occurred_at <= DAY_MS and rng.random() < 0.5:
        return replace(fact, occurred_at=fact.occurred_at - rng.randint(1, 2) * DAY_MS)
    change = _MISTAKES.get(fact.type)
    return None if change is None else replace(fact, attributes={**fact.attributes, **change(rng, fact)})


_DATED = frozenset(
    {
        "absence_threshold_reached",
        "benefit_claimed",
        "benefit_stopped",
        "debt_plan_agreed",
        "job_seeker_offer_made",
        "job_seeker_registered",
        "job_started",
        "rent_arrears_cleared",
        "school_enrolled",
    }
)

_COMPLETING = frozenset(
    {
        "arrears_signalled",
        "energy_supply_limited",
        "eviction_claim_filed",
        "eviction_executed",
        "eviction_notice_served",
        "hospital_discharged",
        "job_lost",
        "moved",
        "rent_arrears_reported",
        "school_exited",
    }
)
"""Types whose event may complete a pattern the moment it is recorded, whatever its attributes."""

_MISTAKES: dict[str, Callable[[Random, Fact], dict[str, Any]]] = {
    "job_lost": lambda rng, _: {"sector": rng.choice("ABDEJ")},
    "job_started": lambda rng, _: {"hours_per_week": float(rng.randint(4, 18))},
    "benefit_claimed": lambda rng, _: {"benefit": rng.choice(("housing", "disability"))},
    "rent_arrears_reported": lambda _, fact: {"amount": round(fact.attributes["amount"] * 10, 2)},
    "rent_arrears_cleared": lambda _, fact: {"amount": round(fact.attributes["amount"] / 10, 2)},
    "eviction_claim_filed": lambda _, fact: {"amount": fact.attributes["amount"] + 1000.0},
    "eviction_notice_served": lambda _, fact: {"amount": fact.attributes["amount"] + 1000.0},
    "absence_threshold_reached": lambda rng, _: {"days": float(rng.randint(31, 60))},
    "hospital_discharged": lambda *_: {"home_care_plan": True, "stay_days": 0.0},
    "school_exited": lambda *_: {"level": "higher"},
    "arrears_signalled": lambda *_: {"months": 1},
    "arrears_settled": lambda _, fact: {"amount": round(fact.attributes["amount"] / 10, 2)},
    "sick_leave_started": lambda *_: {"cause": "accident"},
    "debt_plan_agreed": lambda _, fact: {"debts": fact.attributes["debts"] + 1},
}


def flawed_messages(diary: Diary, rates: Rates, tally: Tally) -> Iterator[Message]:
    """Records about a household that lead to nothing: wrong in themselves, or of no use to anybody."""
    rng, years = diary.rng, diary.span.days / 365
    flaws = (
        ("unknown_person", rates.unknown_person),
        ("missing_person", rates.missing_person),
        ("unknown_kind", rates.unknown_kind),
        ("not_ours", rates.not_ours),
    )
    for position, (flaw, rate) in enumerate(flaws):
        if rng.random() < rate * years:
            kind, attributes = _FLAWED[flaw]
            person = diary.household.members[0]
            day = rng.randrange(diary.span.days - 3)
            fact = diary.fact_about(FALSE_POSITIONS + 1 + position, day, kind, person, attributes)
            tally[flaw] += 1
            yield Message(fact, fact.booked_at, flaw=flaw)


def false_fact(diary: Diary, rates: Rates, tally: Tally) -> Fact | None:
    """Now and then something that never was, annulled within 6 hours; like a story, it is left alone."""
    rng = diary.rng
    if rng.random() >= rates.false_event * diary.span.days / 365:
        return None
    day = rng.randrange(HARMLESS_ROOM, max(diary.span.days - HARMLESS_ROOM, HARMLESS_ROOM + 1))
    if diary.has_died or not diary.is_free_around(day, HARMLESS_ROOM):
        return None
    person = rng.choice([member for member in diary.household.members if member.age >= 0])
    kind, attributes = _false_content(rng, person)
    fact = diary.fact_about(FALSE_POSITIONS, day, kind, person, attributes)
    annulled_at = fact.booked_at + rng.randrange(600, 6 * 3600) * 1000
    if fact.booked_at - fact.occurred_at > DAY_MS or annulled_at >= diary.span.end:
        return None
    tally["false_event"] += 1
    return replace(fact, annulled_at=annulled_at, is_planted=True)


def _false_content(rng: Random, person: Person) -> tuple[str, dict[str, Any]]:
    """Something that could have happened to that person."""
    choices: list[tuple[str, dict[str, Any]]] = [
        ("hospital_discharged", {"home_care_plan": False, "stay_days": 8.0}),
    ]
    if person.is_adult:
        choices.append(("job_lost", {"reason": "dismissed", "sector": "C"}))
        choices.append(("benefit_stopped", {"benefit": "housing", "reason": "sanction"}))
        choices.append(("benefit_claimed", {"benefit": "housing"}))
        choices.append(("eviction_claim_filed", {"amount": 1200.0, "ground": "arrears"}))
        choices.append(("arrears_signalled", {"claim": "energy", "amount": 310.0, "months": 2}))
    if person.is_pupil:
        choices.append(("absence_threshold_reached", {"days": 15.0}))
    return rng.choice(choices)


_FLAWED: dict[str, tuple[str, dict[str, Any]]] = {
    "unknown_person": ("job_started", {"hours_per_week": 38.0, "sector": "C"}),
    "missing_person": ("help_sought", {"topic": "other"}),
    "unknown_kind": ("rent_arrears_reported", {"amount": 700.0, "months": 1}),
    "not_ours": ("eviction_claim_filed", {"amount": 0.0, "ground": "nuisance"}),
}
