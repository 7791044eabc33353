"""Counts with just enough memory of who is behind them to protect persons.

A cell remembers the first few contributors only: whether at least `least` of them are behind it is all that
disclosure control asks. So a cell costs the same for ten persons and for ten million.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from processors.disclosure.model import Contributor


@dataclass(slots=True)
class Cell:
    """One count; unprotected, so it never leaves the process.

    Attributes:
        most: how many contributors of each kind it remembers; more change nothing.
        count: what is counted.
        persons: pseudonyms behind it; all of them, or `most` and perhaps some more.
        households: likewise.
    """

    most: int
    count: int = 0
    persons: set[str] = field(default_factory=set)
    households: set[str] = field(default_factory=set)

    @property
    def size(self) -> int:
        """Distinct persons or distinct households behind it, whichever is fewer; at most `most`."""
        return min(len(self.persons), len(self.households), self.most)

    def add(self, contributor: Contributor, count: int = 1) -> None:
        """Counts something of this person and household."""
        self.count += count
        if len(self.persons) < self.most:
            self.persons.add(contributor[0])
        if len(self.households) < self.most:
            self.households.add(contributor[1])

    def merge(self, other: Cell) -> None:
        """Adds another cell; the order of merging makes no difference to count and size."""
        self.count += other.count
        if len(self.persons) < self.most:
            self.persons |= other.persons
        if len(self.households) < self.most:
            self.households |= other.households

    def is_open(self, least: int) -> bool:
        """Whether its count may be shown: nothing at all, or at least `least` behind it."""
        return not self.count or self.size >= least


def together(cells: Iterable[Cell]) -> Cell:
    """The sum of some cells, at least one."""
    first, *others = cells
    total = Cell(first.most)
    for cell in (first, *others):
        total.merge(cell)
    return total


@dataclass(frozen=True, slots=True)
class Run:
    """Neighbours that are shown as one number."""

    keys: tuple[str, ...]
    cell: Cell


def joined(keys: Sequence[str], rows: Sequence[Sequence[Cell]], least: int) -> list[tuple[str, ...]] | None:
    """Joins neighbours until every number may be shown.

    A key whose cell is too small is joined with the keys after it, in the order given, until nothing in any
    row is too small; what is left over at the end is joined with the run before it. Which neighbour it is
    depends on nothing but that order, and every number shown stands for nobody or for at least `least`
    persons and households; so no difference of two of them leaves fewer, as long as the whole is shown too.

    Args:
        keys: months, areas, ... in an order that says nothing of the counts.
        rows: one or more counts for each key, all to be shown for the same runs.
        least: fewer contributors than so many are too few.

    Returns:
        Runs of neighbouring keys that together hold them all; None when even all together are too few.

    Source: aggregation of small cells, Handbook on Statistical Disclosure Control, 2nd edition, chapter 5
    (table redesign), https://sdctools.github.io/HandbookSDC/05-frequency-tables.html
    """
    runs: list[tuple[int, int]] = []
    start = 0
    for end in range(1, len(keys) + 1):
        if _are_open(rows, start, end, least):
            runs.append((start, end))
            start = end
    while start < len(keys) and runs:
        start, _ = runs.pop()
        if _are_open(rows, start, len(keys), least):
            runs.append((start, len(keys)))
            start = len(keys)
    return [tuple(keys[first:end]) for first, end in runs] if start == len(keys) else None


def _are_open(rows: Sequence[Sequence[Cell]], start: int, end: int, least: int) -> bool:
    return all(together(row[start:end]).is_open(least) for row in rows)
