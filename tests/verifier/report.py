"""What the verifier found: checks, how much each looked at, and what is wrong where."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar

SHOWN = 5
"""Faults of one check that are printed; all are counted."""

K = TypeVar("K", bound=Hashable)


@dataclass(slots=True)
class Check:
    """One property of the platform.

    Attributes:
        name: what must hold, in words.
        counted: how many things were looked at.
        lost: what should be there and is not.
        twice: what is there more often than it should be, or should not be there at all.
        wrong: what is there and not as it should be.
    """

    name: str
    counted: int = 0
    lost: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    @property
    def faults(self) -> list[str]:
        """Everything that is broken, in words."""
        return (
            [f"lost: {what}" for what in self.lost]
            + [f"too often: {what}" for what in self.twice]
            + [f"wrong: {what}" for what in self.wrong]
        )

    def compare(self, wanted: Iterable[K], found: Iterable[K], say: Callable[[K], str] = str) -> None:
        """Notes what differs between two collections, repetitions counted."""
        right, left = Counter(wanted), Counter(found)
        self.counted += right.total()
        self.lost += [say(each) for each in (right - left).elements()]
        self.twice += [say(each) for each in (left - right).elements()]


@dataclass(slots=True)
class Report:
    """All checks, and the accounting by partition.

    Attributes:
        partitions: per input partition of a stage: what became of its records.
    """

    checks: list[Check] = field(default_factory=list)
    partitions: list[dict[str, Any]] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether nothing is broken."""
        return not any(check.faults for check in self.checks)

    @property
    def lost(self) -> int:
        """How many things should be there and are not."""
        return sum(len(check.lost) for check in self.checks)

    @property
    def twice(self) -> int:
        """How many things are there too often."""
        return sum(len(check.twice) for check in self.checks)

    def check(self, name: str) -> Check:
        """Begins a check."""
        self.checks.append(Check(name))
        return self.checks[-1]

    def counted(self, name: str) -> int:
        """How many things the check of that name looked at."""
        return next(check.counted for check in self.checks if check.name == name)

    def faults(self) -> list[str]:
        """What is broken, one line each, the first few of each check."""
        return [
            line
            for check in self.checks
            if check.faults
            for line in [f"{check.name}: {len(check.faults)} faults", *(f"  {each}" for each in check.faults[:SHOWN])]
        ]
