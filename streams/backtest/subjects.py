"""From the rows of a bucket to the subjects in it on which some rule could match.

Most subjects are ruled out by the types of their events alone, as numbers; only the others become values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from processors.events import ChangeKind, LifeEvent
from processors.timeline import Timeline, timeline_of
from schemas.history import ROWS

Wanted = Callable[[frozenset[str]], bool]
"""Whether a subject with events of just these types is worth a look."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a bucket holds: how many subjects, and the timelines of those worth a look."""

    subjects: int
    timelines: Iterator[Timeline]


def subjects(rows: pa.Table, subject: str, wanted: Wanted) -> Found:
    """The subjects of a bucket.

    Args:
        rows: every row of the subjects in it, as `schemas.history.ROWS`.
        subject: column that names them.
        wanted: asked once for each combination of types.
    """
    encoded = _one(rows.column(subject)).dictionary_encode()
    owners = encoded.indices.to_pylist()
    masks = _masks(_one(rows.column("type")), owners, len(encoded.dictionary))
    names = _one(rows.column("type")).dictionary.to_pylist()
    is_wanted = _by_mask(masks, names, wanted)
    kept = rows.append_column("owner", encoded.indices).filter(pa.array(map(is_wanted.__getitem__, owners)))
    return Found(len(encoded.dictionary), _timelines(kept.take(pc.sort_indices(kept.column("owner")))))


def _one(column: pa.ChunkedArray) -> pa.Array:
    """The only chunk of a column."""
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _masks(types: pa.DictionaryArray, owners: list[int], count: int) -> list[int]:
    """For each subject a number with a bit for each type that occurs."""
    bits = [1 << place for place in range(len(types.dictionary))]
    masks = [0] * count
    for owner, kind in zip(owners, types.indices.to_pylist(), strict=True):
        masks[owner] |= bits[kind]
    return masks


def _by_mask(masks: list[int], names: list[str], wanted: Wanted) -> list[bool]:
    known: dict[int, bool] = {}
    for mask in set(masks):
        known[mask] = wanted(frozenset(name for place, name in enumerate(names) if mask >> place & 1))
    return [known[mask] for mask in masks]


def _timelines(rows: pa.Table) -> Iterator[Timeline]:
    """Timelines of rows that stand subject by subject."""
    owners = rows.column("owner").to_pylist()
    events = map(LifeEvent, *(_values(_one(rows.column(name)), name) for name in ROWS.names))
    for _, owned in groupby(zip(owners, events, strict=True), key=itemgetter(0)):
        yield timeline_of([event for _, event in owned])


def _values(column: pa.Array, name: str) -> list[Any]:
    if not pa.types.is_dictionary(column.type):
        return list(column.to_pylist())
    words = column.dictionary.to_pylist()
    if name == "change":
        words = [ChangeKind(word) for word in words]
    return [words[place] for place in column.indices.to_pylist()]
