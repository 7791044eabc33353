"""What goes into the identity register and what comes out.

Everything that holds an identity hides it in its `repr`, so that no log, error or test failure shows it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from processors.identity.households import Membership
from processors.values import value

Id = tuple[str, str]
"""Scheme and value, as an agency writes it."""

DEFAULT_AREA = "default"
"""Planning area of households nobody placed yet."""


@value(frozen=True, slots=True, repr=False)
class PersonRequest:
    """One person of one record, as an agency names them.

    Attributes:
        ids: at least one usable id (`processors.identity.identifiers.fault_of`), most trusted first.
        occurred_at: ms; the household is the one at that time.
        joins_household_of: index, in the same list, of the request whose household a person without
            one joins (a newborn: the mother).
    """

    ids: tuple[Id, ...]
    occurred_at: int
    joins_household_of: int | None = None

    def __repr__(self) -> str:
        schemes = ", ".join(scheme for scheme, _ in self.ids)
        return f"PersonRequest(<{schemes}: redacted>, {self.occurred_at}, {self.joins_household_of})"


@value(frozen=True, slots=True)
class Resolved:
    """Pseudonyms of a person and of their household at the time asked for."""

    person: str
    household: str
    area: str


@dataclass(frozen=True, slots=True)
class PersonFacts:
    """What may be shown without an audited read: no name, no id, no address.

    Attributes:
        schemes: schemes of the ids known, sorted.
        safety_flags: sorted.
        merged_into: the key that took this one over; None for a living key.
    """

    person: str
    household: str
    area: str
    schemes: tuple[str, ...]
    safety_flags: tuple[str, ...]
    memberships: tuple[Membership, ...]
    merged_into: str | None


@dataclass(frozen=True, slots=True, repr=False)
class Identity:
    """Who a person is; comes out of the audited read only.

    Attributes:
        born: ISO 8601 date, or empty.
        address: of the household the person belongs to now; empty when unknown.
        ids: as stored, normalised; sorted.
    """

    person: str
    name: str
    born: str
    language: str
    contact: Mapping[str, object]
    address: Mapping[str, object]
    ids: tuple[Id, ...]
    safety_flags: tuple[str, ...]

    def __repr__(self) -> str:
        return f"Identity({self.person}, <redacted>)"


@dataclass(frozen=True, slots=True)
class LineFault:
    """Everything wrong with one line of a population file; never its content. Lines count from 1."""

    line: int
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What loading a population came to.

    Attributes:
        lines: lines read, blank ones not counted.
        faulty: lines left out; the first thousand of them are in `faults`.
        doubts: ids that belong to somebody else, recorded for review.
    """

    lines: int = 0
    households_new: int = 0
    households_changed: int = 0
    households_unchanged: int = 0
    persons_new: int = 0
    doubts: int = 0
    faulty: int = 0
    faults: tuple[LineFault, ...] = field(default=())
