"""What is counted by week, and what of it is published.

A `Cell` is public. A `Tally` is not.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

ALL = "all"
"""The area that stands for all areas together; no planning area may be called so."""


class Measure(StrEnum):
    """What is counted: `docs/analysts.md` says exactly how."""

    EVENTS = "events"
    SITUATIONS = "situations"
    OFFERS = "offers"
    OUTCOMES = "outcomes"


@dataclass(frozen=True, slots=True)
class Cell:
    """One published number.

    Attributes:
        week: ISO week in the deployment's zone, `2025-W03`.
        measure: what is counted.
        area: planning area, or `all`.
        type: type of event, rule, team in the lead, or outcome.
        count: rounded; None: withheld to protect persons.
    """

    week: str
    measure: Measure
    area: str
    type: str
    count: int | None


@dataclass(frozen=True, slots=True)
class ReadUpTo:
    """Everything before `offset` of a partition."""

    topic: str
    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class Release:
    """All weeks up to this one are out, counted from the log as far as it says; goes out with the cells.

    With it a fold that begins anew drops and keeps exactly what the one before did.

    Attributes:
        week: the newest that is out.
        positions: how far each partition had been read.
    """

    week: str
    positions: tuple[ReadUpTo, ...]


@dataclass(frozen=True, slots=True)
class Tally:
    """An unprotected count of one area, or of all; never leaves the process.

    Attributes:
        count: what is counted, 0 or more.
        size: how many are behind it, see `size_of`; 0 exactly when the count is 0.
    """

    measure: Measure
    area: str
    type: str
    count: int
    size: int


Contributor = tuple[str, str]
"""Person and household a count rests on (pseudonyms); of an offer the household twice."""


def size_of(contributors: Iterable[Contributor]) -> int:
    """How many are behind a count: distinct persons or distinct households, whichever is fewer.

    Ten persons of one family are one household that is easily recognised, and one person with forty
    events is one person.

    >>> size_of([("anna", "h1"), ("anna", "h1"), ("ben", "h1")])
    1
    """
    pairs = set(contributors)
    return min(len({person for person, _ in pairs}), len({household for _, household in pairs}))
