"""A folder with one Parquet file a week: `2025-W03.parquet`.

Holds what is public and nothing else. A file is written whole or not at all. Does not protect
anything itself: that is `processors.disclosure`, before a cell comes here.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from processors.disclosure.model import Cell, Measure

SCHEMA = pa.schema(
    [
        pa.field("week", pa.string(), nullable=False),
        pa.field("measure", pa.string(), nullable=False),
        pa.field("area", pa.string(), nullable=False),
        pa.field("type", pa.string(), nullable=False),
        pa.field("count", pa.int64()),
    ]
)
"""Columns of every file; `count` is null where a number is withheld."""

_WEEK = re.compile(r"\d{4}-W\d{2}")


class AggregatesUnusable(Exception):
    """The folder or a file cannot be used: `problem` says which and why, `remedy` what to do."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem}; {remedy}")
        self.problem = problem
        self.remedy = remedy


class AggregateFiles:
    """The weeks published so far. Readers see each file whole; one writer at a time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def weeks(self) -> list[str]:
        """Weeks that are there, newest first; none when there is no folder yet."""
        names = (path.stem for path in self._folder.glob("*.parquet"))
        return sorted((name for name in names if _WEEK.fullmatch(name)), reverse=True)

    def cells(self, week: str | None = None, measure: Measure | None = None) -> list[Cell]:
        """Published cells, in order of week, measure, area and type; none for a week that is not there.

        Args:
            week: only of that week.
            measure: only that measure.

        Raises:
            AggregatesUnusable: a file is damaged or cannot be read.
        """
        weeks = [each for each in reversed(self.weeks()) if week in (None, each)]
        return [cell for each in weeks for cell in self._read(each) if measure in (None, cell.measure)]

    def write(self, week: str, cells: Iterable[Cell]) -> None:
        """Writes a week's file, in place of one that is there.

        Raises:
            AggregatesUnusable: the folder cannot be written.
        """
        rows = sorted(cells, key=lambda cell: (cell.measure, cell.area, cell.type))
        target, unfinished = self._path(week), self._folder / f".{week}.parquet.unfinished"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with unfinished.open("wb") as stream:
                pq.write_table(_table(rows), stream)
                stream.flush()
                os.fsync(stream.fileno())
            unfinished.replace(target)
        except OSError as error:
            raise AggregatesUnusable(
                f"{target} cannot be written: {error.strerror or error}", "free space, or grant the right to write"
            ) from None

    def _path(self, week: str) -> Path:
        return self._folder / f"{week}.parquet"

    def _read(self, week: str) -> list[Cell]:
        path = self._path(week)
        try:
            with path.open("rb") as stream:
                rows = pq.read_table(stream, schema=SCHEMA).to_pylist()
            return [Cell(row["week"], Measure(row["measure"]), row["area"], row["type"], row["count"]) for row in rows]
        except (OSError, pa.ArrowException, ValueError):
            raise AggregatesUnusable(
                f"{path} cannot be read as aggregates", "start `aggregate` anew: it makes the file again"
            ) from None


def _table(rows: list[Cell]) -> pa.Table:
    columns = {name: [getattr(row, name) for row in rows] for name in SCHEMA.names}
    return pa.table({**columns, "measure": [row.measure.value for row in rows]}, schema=SCHEMA)
