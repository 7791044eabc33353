"""Households and their members: as the identity register would load them. All of it invented."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random
from typing import Any

AREAS: dict[str, tuple[tuple[str, str], ...]] = {
    "riverbend": (("0100", "Riverbend"),),
    "millbrook": (("0200", "Millbrook"),),
    "highfield": (("0300", "Highfield"),),
}
"""Planning areas and their municipalities (postcode, name); no real postcode begins with 0."""

STREETS = ("Specimen Street", "Voorbeeldlaan", "Rue de l'Exemple", "Pattern Lane", "Proefstraat", "Sample Quay")
_GIVEN = (
    "Ada Bram Célia Dries Elke Farid Greet Hana Ilse Jef Kaat Loïc Mira Noor Otto Pia Quinten Roza Siham Tuur "
    "Ulla Viktor Wout Xenia Yasmin Zoë Anaïs Bilal Chloé Dewi"
)
GIVEN = tuple(_GIVEN.split())
FAMILY_START = ("Test", "Sample", "Proef", "Exempl", "Specimen", "Voorbeeld", "Mock", "Fictief")
FAMILY_END = ("mans", "aert", "ière", "brook", "donck", "sen", "ström", "field", "ovic", "elli")
LANGUAGES = (("nl", 0.6), ("fr", 0.3), ("en", 0.1))

KINDS = (
    # share, ages of adults, whether they are partners, most children
    (0.24, ((25, 66),), 0),
    (0.06, ((19, 25),), 0),
    (0.17, ((25, 66), (25, 66)), 0),
    (0.26, ((26, 50), (26, 50)), 4),
    (0.09, ((22, 50),), 3),
    (0.10, ((67, 92), (67, 92)), 0),
    (0.08, ((67, 95),), 0),
)
"""Kinds of household: share, age of each adult (two are partners), most children (0: none)."""


@dataclass(frozen=True, slots=True)
class Person:
    """A member of a household.

    Attributes:
        number: running number in the town; the ids follow from it.
        age: in years at the start of the simulation; -1 for a child not yet born then.
        is_flexible: works from one short contract to the next.
    """

    number: int
    name: str
    born: date
    age: int
    is_adult: bool
    is_tenant: bool = False
    is_pupil: bool = False
    is_patient: bool = False
    is_flexible: bool = False

    @property
    def id(self) -> str:
        """The town's name for the person."""
        return f"p{self.number:07d}"

    @property
    def national_number(self) -> str:
        """Eleven digits with a right check number, from a month that does not exist."""
        base = 800_000_000 + self.number
        return f"{base}{97 - base % 97:02d}"

    @property
    def tenant_number(self) -> str:
        """The landlord's number."""
        return f"T{self.number:07d}"

    @property
    def pupil_number(self) -> str:
        """The schools' number."""
        return f"L{self.number:07d}"

    @property
    def patient_number(self) -> str:
        """The hospital's number."""
        return f"PAT-{self.number:07d}"

    def ids(self) -> list[list[str]]:
        """Every id an agency may know the person by: pairs of scheme and value."""
        known = [["national-number", self.national_number]]
        known += [["tenant-number", self.tenant_number]] if self.is_tenant else []
        known += [["pupil-number", self.pupil_number]] if self.is_pupil else []
        known += [["patient-number", self.patient_number]] if self.is_patient else []
        return known


@dataclass(slots=True)
class Household:
    """People living together; adults come first, `children` are the others."""

    number: int
    area: str
    postcode: str
    municipality: str
    street: str
    house: int
    language: str
    members: list[Person] = field(default_factory=list)

    @property
    def id(self) -> str:
        """The town's name for the household."""
        return f"h{self.number:06d}"

    @property
    def adults(self) -> list[Person]:
        """Grown-up members."""
        return [person for person in self.members if person.is_adult]

    def as_line(self) -> dict[str, Any]:
        """The household as a line of `population.jsonl`."""
        place = {"street": self.street, "number": str(self.house)}
        place |= {"postcode": self.postcode, "municipality": self.municipality}
        members = [{"person": p.id, "name": p.name, "born": p.born.isoformat(), "ids": p.ids()} for p in self.members]
        head = {"household": self.id, "area": self.area, "address": place, "language": self.language}
        return head | {"members": members}


def empty_household(rng: Random, number: int) -> Household:
    """An address with nobody in it yet."""
    area = tuple(AREAS)[rng.randrange(len(AREAS))]
    postcode, municipality = rng.choice(AREAS[area])
    language = rng.choices([name for name, _ in LANGUAGES], [share for _, share in LANGUAGES])[0]
    return Household(number, area, postcode, municipality, rng.choice(STREETS), 1 + rng.randrange(240), language)


def family_name(rng: Random) -> str:
    """An invented family name."""
    return rng.choice(FAMILY_START) + rng.choice(FAMILY_END)


def adult(rng: Random, number: int, age: int, start: date, *, is_tenant: bool) -> Person:
    """A grown-up of that age."""
    name = f"{rng.choice(GIVEN)} {family_name(rng)}"
    born = birthday(rng, age, start)
    is_flexible = 19 <= age <= 60 and rng.random() < 0.3
    return Person(number, name, born, age, True, is_tenant, False, rng.random() < 0.4, is_flexible)


def child(rng: Random, number: int, age: int, start: date, family: str) -> Person:
    """A child or adolescent of that age; of school age from 3 on."""
    name = f"{rng.choice(GIVEN)} {family}"
    return Person(number, name, birthday(rng, age, start), age, False, False, age >= 3, rng.random() < 0.4)


def newborn(rng: Random, number: int, born: date, family: str) -> Person:
    """A child born during the simulation."""
    return Person(number, f"{rng.choice(GIVEN)} {family}", born, -1, False)


def birthday(rng: Random, age: int, start: date) -> date:
    """A date of birth that makes a person `age` at `start`."""
    return start - timedelta(days=age * 365 + age // 4 + 1 + rng.randrange(360))


def settle_household(rng: Random, number: int, first_person: int, room: int, start: date) -> Household:
    """A household of some kind with its members.

    Args:
        rng: the household's own generator.
        first_person: running number of its first member; the others follow.
        room: at most so many members (at least 1).
    """
    household = empty_household(rng, number)
    _, ages, most_children = rng.choices(KINDS, [kind[0] for kind in KINDS])[0]
    is_tenant = rng.random() < (0.35 if ages[0][0] < 67 else 0.2)
    eldest = rng.randint(*ages[0])
    for position in range(len(ages)):
        age = eldest if position == 0 else max(19, min(95, eldest + rng.randint(-4, 4)))
        household.members.append(adult(rng, first_person + position, age, start, is_tenant=is_tenant))
    family = household.members[0].name.split()[-1]
    for _ in range(rng.randint(1, most_children) if most_children else 0):
        age = rng.randint(0, min(19, eldest - 19))
        household.members.append(child(rng, first_person + len(household.members), age, start, family))
    del household.members[room:]
    return household
