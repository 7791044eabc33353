"""Ordinary life: what happens to a household, with rates per year and plausible consequences.

Rates are chosen for a lively demonstration (two to three events per person and year), not taken
from statistics. Bad luck leads to bad luck here: job -> benefit or arrears -> court.
"""

from __future__ import annotations

from datetime import date
from random import Random

from streams.simulation.diary import Diary
from streams.simulation.hardships import Hardships
from streams.simulation.population import AREAS, Person, newborn

SECTORS = "CFGHIMNPQ"
BENEFITS = ("unemployment", "social-assistance", "family", "housing", "disability")
TOPICS = ("debt", "housing", "food", "paperwork", "other")
LEVELS = ((11, "primary"), (14, "lower-secondary"), (18, "upper-secondary"), (99, "higher"))


class Life:
    """One household's life; `run` writes it into the diary."""

    def __init__(self, diary: Diary, next_person: int) -> None:
        self._diary = diary
        self._rng: Random = diary.rng
        self._days = diary.span.days
        self._next_person = next_person
        self._last_arrears = -10_000
        self._hardships = Hardships(diary)

    def run(self) -> None:
        """Lets everything happen."""
        for person in list(self._diary.household.members):
            if person.is_adult:
                self._grown_up(person)
            else:
                self._growing_up(person)
            self._health(person)
        self._family()
        self._home()
        self._hardships.of_household()

    def _times(self, per_year: float) -> list[int]:
        """Days on which something of that rate happens, in order; a Poisson process."""
        days: list[int] = []
        day = self._rng.expovariate(per_year / 365)
        while day < self._days:
            days.append(int(day))
            day += self._rng.expovariate(per_year / 365)
        return days

    def _chance(self, probability: float) -> bool:
        return self._rng.random() < probability

    def _sector(self) -> str:
        return self._rng.choice(SECTORS)

    # work and benefits

    def _grown_up(self, person: Person) -> None:
        if person.is_flexible:
            self._short_contracts(person)
        elif person.age < 65 and not self._hardships.seeks_work_already(person):
            for day in self._times(0.1):
                self._lose_job(person, day)
        for day in self._times(0.75 if person.age >= 65 else 0.55):
            self._diary.note("benefit_claimed", day, person, benefit=self._rng.choice(BENEFITS[1:]))
        for day in self._times(0.06):
            self._lose_benefit(person, day)
        for day in self._times(0.3):
            self._diary.note("help_sought", day, person, topic=self._rng.choice(TOPICS))
        for day in self._times(0.002):
            self._hardships.release(person, day)
        if person.age < 65:
            self._hardships.fall_ill(person)

    def _short_contracts(self, person: Person) -> None:
        """Contract after contract, with gaps between."""
        day = self._rng.randrange(120)
        while day < self._days:
            reason = "contract_ended" if self._chance(0.9) else "resigned"
            self._diary.note("job_lost", day, person, reason=reason, sector=self._sector())
            gap = self._rng.randint(8, 60) if self._chance(0.85) else self._rng.randint(64, 140)
            self._back_to_work(person, day, gap, claims=self._chance(0.35))
            day += gap + self._rng.randint(30, 150)

    def _lose_job(self, person: Person, day: int) -> None:
        """Dismissed: most claim a benefit, some who do not fall behind with the rent."""
        reason = self._rng.choice(("dismissed", "dismissed", "redundancy", "contract_ended", "resigned"))
        self._diary.note("job_lost", day, person, reason=reason, sector=self._sector())
        claims = self._chance(0.8)
        if person.is_tenant and self._chance(0.08 if claims else 0.6):
            self._fall_behind(person, day + self._rng.randint(12, 58))
        if not claims and self._chance(0.4):
            self._hardships.unpaid_bills(person, day + self._rng.randint(20, 90))
        if self._chance(0.75):
            gap = self._rng.randint(40, 150)
            self._back_to_work(person, day, gap, claims=claims)
            self._hardships.seek_work(person, day, until=day + gap)
        elif claims:
            self._diary.note("benefit_claimed", day + self._rng.randint(2, 24), person, benefit=BENEFITS[0])
            self._hardships.seek_work(person, day)

    def _back_to_work(self, person: Person, day: int, gap: int, *, claims: bool) -> None:
        if claims:
            self._diary.note("benefit_claimed", day + self._rng.randint(1, gap // 2), person, benefit=BENEFITS[0])
            stop = day + gap - self._rng.randint(1, 3)
            self._diary.note("benefit_stopped", stop, person, benefit=BENEFITS[0], reason="found-work")
        hours = float(self._rng.choice((19, 24, 30, 38, 38, 38)))
        self._diary.note("job_started", day + gap, person, hours_per_week=hours, sector=self._sector())

    def _lose_benefit(self, person: Person, day: int) -> None:
        """A benefit ends; nearly everybody has another in time."""
        benefit = self._rng.choice(BENEFITS[1:])
        reason = self._rng.choice(("sanction", "end-of-entitlement", "end-of-entitlement", "file-incomplete"))
        self._diary.note("benefit_stopped", day, person, benefit=benefit, reason=reason)
        if self._chance(0.92):
            self._diary.note("benefit_claimed", day + self._rng.randint(2, 26), person, benefit=benefit)
        elif self._chance(0.5):
            self._hardships.unpaid_bills(person, day + self._rng.randint(10, 80))

    # home

    def _home(self) -> None:
        household = self._diary.household
        days = self._times(0.08) if self._chance(0.99) else self._restless()
        for day in days:
            places = [name for _, name in AREAS[household.area]]
            self._diary.note_for_all(
                "moved", day, municipality_from=household.municipality, municipality_to=self._rng.choice(places)
            )
        tenant = household.members[0]
        if tenant.is_tenant:
            for day in self._times(0.06):
                self._fall_behind(tenant, day)

    def _restless(self) -> list[int]:
        """From one place to the next, three times and more."""
        days = [self._rng.randrange(60)]
        while len(days) < 4:
            days.append(days[-1] + self._rng.randint(50, 130))
        return days

    def _fall_behind(self, person: Person, day: int) -> None:
        """Rent unpaid for one to three months; then paid, or to court. Not twice within the year."""
        if day < self._last_arrears + 400 or self._last_arrears > day:
            return
        months = self._rng.choice((1, 1, 1, 2, 2, 3))
        rent = self._rng.randint(450, 950)
        for month in range(1, months + 1):
            self._last_arrears = day
            amount = float(rent * month) + self._rng.randrange(100) / 100
            self._diary.note("rent_arrears_reported", day, person, amount=amount, months=month)
            day += self._rng.randint(26, 45)
        if months >= 2 and self._chance(0.5):
            self._go_to_court(person, day, float(rent * months))
        elif self._chance(0.8):
            self._diary.note("rent_arrears_cleared", day, person, amount=float(rent * months))

    def _go_to_court(self, person: Person, day: int, amount: float) -> None:
        self._diary.note("eviction_claim_filed", day, person, amount=amount, ground="arrears")
        if self._chance(0.45):
            self._diary.note("rent_arrears_cleared", day + self._rng.randint(4, 19), person, amount=amount)
        elif self._chance(0.4):
            served = day + self._rng.randint(40, 70)
            leaves = self._diary.span.date_of(served + 30).isoformat()
            self._diary.note("eviction_notice_served", served, person, amount=amount, eviction_date=leaves)
            self._hardships.leave_home(person, served + 30)

    # family and health

    def _health(self, person: Person) -> None:
        for day in self._times(0.5 if person.age >= 67 else 0.15 if person.is_adult else 0.07):
            stay = min(60, 1 + int(self._rng.expovariate(0.28)))
            has_plan = self._chance(0.93 if stay >= 5 else 0.15)
            self._diary.note("hospital_discharged", day, person, home_care_plan=has_plan, stay_days=float(stay))

    def _family(self) -> None:
        adults = self._diary.household.adults
        if len(adults) == 2 and adults[0].age <= 45:
            for day in self._times(0.09)[:1]:
                self._have_child(adults, day)
        for person in adults:
            for day in self._times(0.035 if person.age >= 67 else 0.002)[:1]:
                self._die(person, [other for other in adults if other is not person], day)

    def _have_child(self, parents: list[Person], day: int) -> None:
        household = self._diary.household
        family = parents[0].name.split()[-1]
        child = newborn(self._rng, self._next_person, self._diary.span.date_of(day), family)
        born = self._diary.note("born", day, child, "child", tuple((parent, "parent") for parent in parents))
        if born is None:
            return
        household.members.append(_born_on(child, self._diary.span.date_of(born)))
        if self._chance(0.9):
            self._diary.note("benefit_claimed", born + self._rng.randint(3, 40), parents[-1], benefit="family")

    def _die(self, person: Person, others: list[Person], day: int) -> None:
        if self._diary.has_died:
            return
        died = self._diary.note("died", day, person, "deceased", tuple((other, "partner") for other in others))
        if died is not None and others and self._chance(0.75):
            claims = died + self._rng.randint(5, 50)
            self._diary.note("benefit_claimed", claims, others[0], benefit="social-assistance")

    # school

    def _growing_up(self, person: Person) -> None:
        if not person.is_pupil:
            return
        leaves = self._times(0.05)[:1] if person.age >= 15 else []
        for day in leaves:
            self._drop_out(person, day)
        if not leaves:
            self._school_years(person)
        for day in self._times(0.15) if person.age >= 11 else []:
            self._diary.note("absence_threshold_reached", day, person, days=float(self._rng.randint(10, 30)))

    def _school_years(self, person: Person) -> None:
        """Enrols each first of September; leaves, done, at the end of June."""
        span = self._diary.span
        for year in range(span.start.year, span.date_of(span.days).year + 1):
            june, september = span.day_number(date(year, 6, 30)), span.day_number(date(year, 9, 1))
            level = level_at(person.age + year - span.start.year)
            if june >= 0:
                self._diary.note("school_exited", june, person, level=level, reason="completed")
            if september >= 0:
                level = level_at(person.age + 1 + year - span.start.year)
                self._diary.note("school_enrolled", september, person, level=level)

    def _drop_out(self, person: Person, day: int) -> None:
        reason = "dropped_out" if self._chance(0.85) else "expelled"
        level = level_at(person.age)
        self._diary.note("school_exited", day, person, level=level, reason=reason)
        if self._chance(0.5):
            self._diary.note("school_enrolled", day + self._rng.randint(7, 100), person, level=level)
        elif self._chance(0.5):
            start = day + self._rng.randint(14, 110)
            self._diary.note("job_started", start, person, hours_per_week=30.0, sector=self._sector())


def level_at(age: int) -> str:
    """The level of education somebody of that age attends.

    >>> level_at(7), level_at(17)
    ('primary', 'upper-secondary')
    """
    return next(level for until, level in LEVELS if age <= until)


def _born_on(child: Person, day: date) -> Person:
    """The child with the date it was really born."""
    return Person(child.number, child.name, day, child.age, is_adult=False)
