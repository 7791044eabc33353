"""Ordinary hardship: unpaid bills, illness, the search for work, eviction, life after prison.

As in `lives`: rates chosen for a lively demonstration, not taken from statistics.
"""

from __future__ import annotations

from random import Random

from streams.simulation.diary import Diary
from streams.simulation.population import Person

LONGEST_SEARCH = 520
"""Days before the start at which the earliest job-seeker of the register had enrolled."""

OFFERS = ("work", "work", "school", "apprenticeship", "traineeship")


class Hardships:
    """What befalls one household besides; writes into its diary."""

    def __init__(self, diary: Diary) -> None:
        self._diary = diary
        self._rng: Random = diary.rng
        self._days = diary.span.days
        self._owes: set[int] = set()

    def of_household(self) -> None:
        """Bills left unpaid now and then, of the kind that every household has."""
        payer = self._diary.household.members[0]
        if self._chance(0.06 * self._days / 365):
            self.unpaid_bills(payer, self._rng.randrange(self._days))

    def _chance(self, probability: float) -> bool:
        return self._rng.random() < probability

    # bills

    def unpaid_bills(self, person: Person, day: int) -> None:
        """Energy or health premium unpaid, often signalled again, sometimes both. Once in a life."""
        if person.number in self._owes or not person.is_adult:
            return
        self._owes.add(person.number)
        first, second = self._rng.sample(("energy", "health-premium"), 2)
        last = self._unpaid(person, day, first)
        if self._chance(0.3):
            last = max(last, self._unpaid(person, day + self._rng.randint(15, 150), second))
        if self._chance(0.2):
            self._plan_debts(person, last + self._rng.randint(5, 60))

    def _unpaid(self, person: Person, day: int, claim: str) -> int:
        """One creditor: two months, perhaps four; then paid, or not. Returns the last day of it."""
        monthly = float(self._rng.randint(90, 210))
        for months in (2, 4) if self._chance(0.45) else (2,):
            self._diary.note("arrears_signalled", day, person, claim=claim, amount=monthly * months, months=months)
            day += self._rng.randint(50, 75)
        if self._chance(0.5):
            self._diary.note("arrears_settled", day - self._rng.randint(25, 45), person, claim=claim, amount=monthly)
        elif claim == "energy" and self._chance(0.4):
            self._diary.note("energy_supply_limited", day, person, amount=monthly * 5)
        return day

    def _plan_debts(self, person: Person, day: int) -> None:
        """A plan with the creditors; one in three is broken off, and half of those are made anew."""
        debts = self._rng.randint(2, 9)
        self._diary.note("debt_plan_agreed", day, person, debts=debts)
        if self._chance(0.35):
            ended = day + self._rng.randint(40, 120)
            self._diary.note("debt_plan_ended", ended, person, reason="broken-off")
            if self._chance(0.5):
                self._diary.note("debt_plan_agreed", ended + self._rng.randint(5, 45), person, debts=debts)

    # work and health

    def seeks_work_already(self, person: Person) -> bool:
        """A few are registered as job-seekers since before the start; some find their way."""
        if not self._chance(0.03):
            return False
        self._register(person, -self._rng.randint(20, LONGEST_SEARCH))
        draw, day = self._rng.random(), self._rng.randrange(self._days)
        if draw < 0.3:
            self._diary.note("job_integration_agreed", day, person)
        elif draw < 0.5:
            self._diary.note("job_started", day, person, hours_per_week=38.0, sector="N")
            self._diary.note("job_seeker_deregistered", day + 2, person, reason="found-work")
        return True

    def seek_work(self, person: Person, day: int, until: int | None = None) -> None:
        """Registered after a dismissal, until the next job; most of the young get an offer in time."""
        if not self._chance(0.6):
            return
        registered = day + self._rng.randint(1, 9)
        self._register(person, registered)
        if person.age < 30 and self._chance(0.7):
            offered = registered + self._rng.randint(20, 135)
            if until is None or offered < until:
                self._diary.note("job_seeker_offer_made", offered, person, offer=self._rng.choice(OFFERS))
        if until is not None:
            self._diary.note("job_seeker_deregistered", until + 2, person, reason="found-work")

    def _register(self, person: Person, day: int) -> None:
        age_group = "under-30" if person.age < 30 else "30-54" if person.age < 55 else "55-plus"
        self._diary.note("job_seeker_registered", day, person, age_group=age_group)

    def fall_ill(self, person: Person) -> None:
        """Unfit for work now and then, mostly for weeks."""
        if not self._chance(0.05 * self._days / 365):
            return
        day = self._rng.randrange(self._days)
        cause = "illness" if self._chance(0.8) else "accident"
        self._diary.note("sick_leave_started", day, person, cause=cause)
        ends = day + 5 + int(self._rng.expovariate(1 / 90))
        self._diary.note("sick_leave_ended", ends, person, reason="recovered")

    # home and prison

    def leave_home(self, person: Person, day: int) -> None:
        """Half of the notices are carried out; half of those find another address in time."""
        if not self._chance(0.5):
            return
        self._diary.note("eviction_executed", day, person)
        if self._chance(0.5):
            place = self._diary.household.municipality
            moved = day + self._rng.randint(1, 25)
            self._diary.note("moved", moved, person, municipality_from=place, municipality_to=place)

    def release(self, person: Person, day: int) -> None:
        """Out of prison; some claim a benefit soon, some move on, some are back before long."""
        has_address, months = self._chance(0.6), self._rng.randint(2, 60)
        self._diary.note("prison_released", day, person, has_address=has_address, sentence_months=months)
        if self._chance(0.5):
            self._diary.note("benefit_claimed", day + self._rng.randint(2, 40), person, benefit="social-assistance")
        if self._chance(0.2):
            again = day + self._rng.randint(90, 330)
            self._diary.note("prison_released", again, person, has_address=has_address, sentence_months=2)
