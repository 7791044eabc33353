"""Rows of persons, handed on to the households whose timelines they stand on.

Most facts have one line and belong to the household it names. A person with corrections, annulments or ends
is looked at line by line, as correlate does: a fact that moved is told to both households.
"""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from processors.events import ChangeKind, LifeEvent
from processors.rules.households import shared
from processors.timeline import EMPTY, apply
from streams.backtest.subjects import lines_of, rows_of

HOME = pa.field("home", pa.string())
"""The household a row is told to."""


def spread(rows: pa.Table) -> Iterator[pa.RecordBatch]:
    """The rows with the households they are told to.

    Args:
        rows: every row of some persons.
    """
    changes = rows.filter(pc.not_equal(rows.column("change").cast(pa.string()), ChangeKind.CREATED.value))
    is_changed = pc.is_in(rows.column("person"), value_set=pc.unique(changes.column("person")))
    plain = rows.filter(pc.and_(pc.invert(is_changed), pc.not_equal(rows.column("household"), "")))
    yield from plain.append_column(HOME, plain.column("household")).combine_chunks().to_batches()
    changed = rows.filter(is_changed)
    if changed.num_rows:
        told = [pair for lines in lines_of(changed, "person", 0) for pair in _told(lines.timeline().lines)]
        homes = pa.array([home for home, _ in told], pa.string())
        yield rows_of([line for _, line in told]).append_column(HOME, homes)


def _told(lines: tuple[LifeEvent, ...]) -> Iterator[tuple[str, LifeEvent]]:
    """What households hear of a person's lines, each line once."""
    timeline, heard = EMPTY, set[tuple[str, str]]()
    for line in sorted(lines, key=lambda line: line.arrival):
        timeline, _ = apply(timeline, line)
        for home, each in shared(timeline, line):
            if (home, each.id) not in heard:
                heard.add((home, each.id))
                yield home, each
