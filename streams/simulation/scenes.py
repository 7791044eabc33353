"""A story's household while the story is told: what can happen to it, in few words."""

from __future__ import annotations

from dataclasses import dataclass, field

from streams.simulation.diary import Diary
from streams.simulation.population import Person, newborn
from streams.simulation.span import HOUR_MS

OFFICE_MS = 10 * HOUR_MS
"""Stories are recorded at ten in the morning of the day after they occurred."""


@dataclass
class Scene:
    """A story's household while it is told.

    Attributes:
        base: day number around which the story begins. opt_outs: persons and instants, ms.
        tenant, partner, pupil: its members; the pupil is of age and a tenant too.
    """

    diary: Diary
    base: int
    tenant: Person
    partner: Person
    pupil: Person
    opt_outs: list[tuple[Person, int]] = field(default_factory=list)

    def tell(
        self,
        kind: str,
        after: int,
        *people: tuple[Person, str],
        **attributes: object,
    ) -> None:
        """Something happens to `people`, each in a role, `after` days from the base."""
        (person, role), *others = people
        self.diary.note(kind, self.base + after, person, role, tuple(others), **attributes)
        self.diary.change_last(delay=(1, OFFICE_MS))

    def stay(self, after: int, person: Person) -> None:
        """Home from hospital after a long stay, without a plan: a situation at once."""
        self.tell("hospital_discharged", after, (person, ""), home_care_plan=False, stay_days=9.0)

    def arrears(self, after: int, person: Person, months: int = 1) -> None:
        """Rent unpaid."""
        self.tell("rent_arrears_reported", after, (person, ""), amount=640.0 * months, months=months)

    def loss(self, after: int, person: Person) -> None:
        """A job lost."""
        self.tell("job_lost", after, (person, ""), reason="dismissed", sector="C")

    def opt_out(self, after: int, person: Person) -> None:
        """No contact, please, from noon of that day on."""
        self.opt_outs.append((person, self.diary.span.midnights[self.base + after] + 12 * HOUR_MS))

    def claim(self, after: int, person: Person, benefit: str = "social-assistance") -> None:
        """A benefit claimed."""
        self.tell("benefit_claimed", after, (person, ""), benefit=benefit)

    def bill(self, after: int, person: Person, claim: str = "energy", months: int = 2) -> None:
        """A creditor signals unpaid bills."""
        self.tell("arrears_signalled", after, (person, ""), claim=claim, amount=150.0 * months, months=months)

    def paid(self, after: int, person: Person, claim: str = "energy") -> None:
        """The bills are paid."""
        self.tell("arrears_settled", after, (person, ""), claim=claim, amount=300.0)

    def birth(self, after: int) -> None:
        """A child of the tenant and the partner is born."""
        diary = self.diary
        number = max(person.number for person in diary.household.members) + 1
        baby = newborn(diary.rng, number, diary.span.date_of(self.base + after), self.tenant.name.split()[-1])
        diary.household.members.append(baby)
        self.tell("born", after, (baby, "child"), (self.tenant, "parent"), (self.partner, "parent"))
