"""A line of a population file: one household and its members.

Every fault of a line is collected before it is reported, by its place in the line and never by its
content: a report may be printed and logged. Does not read files, nor JSON.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from processors.identity.identifiers import POPULATION, fault_of, normalise_scheme, spelling

Id = tuple[str, str]
"""Scheme and normalised value."""


@dataclass(frozen=True, slots=True, repr=False)
class Member:
    """A person of a household.

    Attributes:
        ids: normalised; the file's own person id first, under the reserved scheme `population`.
        details: name, date of birth and contact, as they are to be sealed.
    """

    ids: tuple[Id, ...]
    details: Mapping[str, object]

    def __repr__(self) -> str:
        return f"Member(<{len(self.ids)} ids, redacted>)"


@dataclass(frozen=True, slots=True, repr=False)
class HouseholdLine:
    """A checked line.

    Attributes:
        household: the file's own id of the household.
        address: as it is to be sealed; empty when the file gives none.
    """

    household: str
    area: str
    address: Mapping[str, object]
    members: tuple[Member, ...]

    def __repr__(self) -> str:
        return f"HouseholdLine(area={self.area!r}, <{len(self.members)} members, redacted>)"


@dataclass(slots=True)
class _Reading:
    """The faults found so far in one line."""

    faults: list[str] = field(default_factory=list)

    def text(self, raw: Mapping[str, object], name: str, place: str = "", is_required: bool = True) -> str:
        value = raw.get(name)
        if isinstance(value, str) and value.strip():
            return value.strip()
        if value is not None or is_required:
            self.faults.append(f"{place}{name} is {'missing' if value is None else 'not a text, or empty'}")
        return ""

    def mapping(self, raw: Mapping[str, object], name: str, place: str = "") -> Mapping[str, object]:
        value = raw.get(name)
        if value is not None and not isinstance(value, Mapping):
            self.faults.append(f"{place}{name} is not an object")
        return value if isinstance(value, Mapping) else {}


def household_line(raw: object) -> HouseholdLine | tuple[str, ...]:
    """Reads one line, or says everything that is wrong with it.

    >>> household_line({"household": "H1", "area": "north", "members": []})
    ('members is empty, or not a list',)
    """
    if not isinstance(raw, Mapping):
        return ("not JSON" if isinstance(raw, str) else "not a JSON object",)
    reading = _Reading()
    language = reading.text(raw, "language", is_required=False)
    line = HouseholdLine(
        household=reading.text(raw, "household"),
        area=reading.text(raw, "area"),
        address=reading.mapping(raw, "address"),
        members=_members(reading, raw.get("members"), language),
    )
    return tuple(reading.faults) or line


def _members(reading: _Reading, raw: object, language: str) -> tuple[Member, ...]:
    if not isinstance(raw, list) or not raw:
        reading.faults.append("members is empty, or not a list")
        return ()
    members = tuple(_member(reading, one, f"members[{index}].", language) for index, one in enumerate(raw))
    _check_apart(reading, members)
    return members


def _member(reading: _Reading, raw: object, place: str, language: str) -> Member:
    if not isinstance(raw, Mapping):
        reading.faults.append(f"{place.rstrip('.')} is not an object")
        return Member((), {})
    person = reading.text(raw, "person", place)
    details: dict[str, object] = {
        "name": reading.text(raw, "name", place),
        "born": _born(reading, raw, place),
        "language": reading.text(raw, "language", place, is_required=False) or language,
        "contact": dict(reading.mapping(raw, "contact", place)),
    }
    return Member(((POPULATION, person), *_ids(reading, raw.get("ids", []), place)), details)


def _born(reading: _Reading, raw: Mapping[str, object], place: str) -> str:
    text = reading.text(raw, "born", place, is_required=False)
    try:
        return date.fromisoformat(text).isoformat() if text else ""
    except ValueError:
        reading.faults.append(f"{place}born is not a date (YYYY-MM-DD)")
        return ""


def _ids(reading: _Reading, raw: object, place: str) -> tuple[Id, ...]:
    if not isinstance(raw, list):
        reading.faults.append(f"{place}ids is not a list")
        return ()
    found: list[Id] = []
    for index, one in enumerate(raw):
        fault = _id_fault(one)
        if fault is not None:
            reading.faults.append(f"{place}ids[{index}]: {fault}")
        elif isinstance(one, Sequence):
            found.append(spelling(one[0], one[1]))
    return tuple(dict.fromkeys(found))


def _id_fault(raw: object) -> str | None:
    if not isinstance(raw, list | tuple) or len(raw) != 2 or not all(isinstance(part, str) for part in raw):
        return "not a pair of scheme and value"
    if normalise_scheme(raw[0]) == POPULATION:
        return f"the scheme {POPULATION} is reserved"
    return fault_of(raw[0], raw[1])


def _check_apart(reading: _Reading, members: Sequence[Member]) -> None:
    """Two members with one id would become one person."""
    owners: dict[Id, int] = {}
    for index, member in enumerate(members):
        for one in member.ids:
            other = owners.setdefault(one, index)
            if other != index and one[1]:
                reading.faults.append(f"members[{other}] and members[{index}] carry the same id")
