"""From the rows of a bucket to the subjects in it on which some rule could match.

Most subjects are ruled out by the types of their events alone, as numbers; only the others become values.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from processors.backtest.sieve import Sketch
from processors.backtest.trial import whole_timeline
from processors.events import ChangeKind, LifeEvent
from processors.timeline import Timeline
from schemas.history import ROWS

Wanted = Callable[[frozenset[str]], bool]
"""Whether a subject with events of just these types is worth a look."""


@dataclass(frozen=True, slots=True)
class Lines:
    """The rows of one subject, not yet made into values; `timeline` does that."""

    sketch: Sketch
    timeline: Callable[[], Timeline]


@dataclass(frozen=True, slots=True)
class Found:
    """What a bucket holds: how many subjects, and those worth a look."""

    subjects: int
    lines: Iterator[Lines]


def subjects(rows: pa.Table, subject: str, wanted: Wanted, on_time_ms: int) -> Found:
    """The subjects of a bucket.

    Args:
        rows: every row of the subjects in it, as `schemas.history.ROWS`.
        subject: column that names them.
        wanted: asked once for each combination of types.
        on_time_ms: a line no later than this is late for no rule.
    """
    encoded = _one(rows.column(subject)).dictionary_encode()
    types, owners = _one(rows.column("type")), _whole(encoded.indices)
    is_wanted = _by_mask(_masks(types, owners, len(encoded.dictionary)), types.dictionary.to_pylist(), wanted)
    kept = rows.filter(pa.array(map(is_wanted.__getitem__, owners), pa.bool_()))
    return Found(len(encoded.dictionary), lines_of(kept, subject, on_time_ms))


def lines_of(rows: pa.Table, subject: str, on_time_ms: int) -> Iterator[Lines]:
    """The lines of each subject in some rows, which hold all of theirs."""
    owned = rows.append_column("owner", _one(rows.column(subject)).dictionary_encode().indices)
    order = pc.sort_indices(owned, [("owner", "ascending"), ("occurred_at", "ascending")])
    ordered, is_plain = _timely(owned.take(order).combine_chunks(), on_time_ms)
    columns = _Columns(ordered, subject, _flags(is_plain))
    start = 0
    for _, group in groupby(_whole(_one(ordered.column("owner")))):
        end = start + sum(1 for _ in group)
        yield columns.lines(start, end)
        start = end


class _Columns:
    """Sorted rows as lists, from which subjects are cut out."""

    def __init__(self, rows: pa.Table, subject: str, is_plain: list[bool]) -> None:
        self._values = [_values(_one(rows.column(name)), name) for name in ROWS.names]
        by_name = dict(zip(ROWS.names, self._values, strict=True))
        self._ids, self._types, self._times = by_name["id"], by_name["type"], by_name["occurred_at"]
        self._attributes, self._replaces = by_name["attributes"], by_name["replaces"]
        self._is_plain = is_plain
        self._homes = _one(rows.column(subject)).to_pylist() if subject == "home" else None

    def lines(self, start: int, end: int) -> Lines:
        """The rows from `start` on, before `end`."""
        times: dict[str, list[int]] = {}
        attributes: dict[str, list[bytes]] = {}
        for place in range(start, end):
            times.setdefault(self._types[place], []).append(self._times[place])
            attributes.setdefault(self._types[place], []).append(self._attributes[place])
        sure = times if self._are_sure(start, end) else self._sure(start, end)
        return Lines(Sketch(frozenset(times), times, attributes, sure), lambda: self._timeline(start, end))

    def _are_sure(self, start: int, end: int) -> bool:
        return all(self._is_plain[start:end]) and len(set(self._ids[start:end])) == end - start

    def _sure(self, start: int, end: int) -> dict[str, list[int]]:
        """Times of the lines that surely stand as they are: in time, told once, and changed by none."""
        told = Counter(self._ids[start:end])
        changed = set(self._replaces[start:end])
        sure: dict[str, list[int]] = {}
        for place in range(start, end):
            name = self._ids[place]
            if self._is_plain[place] and told[name] == 1 and name not in changed:
                sure.setdefault(self._types[place], []).append(self._times[place])
        return sure

    def _timeline(self, start: int, end: int) -> Timeline:
        home = None if self._homes is None else self._homes[start]
        return whole_timeline(map(LifeEvent, *(values[start:end] for values in self._values)), home)


def _timely(rows: pa.Table, on_time_ms: int) -> tuple[pa.Table, pa.Array]:
    """The rows, and which of them state a fact of their own and came in time for every rule.

    Those need no judging: what was heard before them is set to nothing, which is late for no rule.
    """
    kinds, occurred, heard = (_one(rows.column(name)) for name in ("change", "occurred_at", "heard"))
    is_created = pc.equal(kinds.dictionary, ChangeKind.CREATED.value).take(kinds.indices)
    is_plain = pc.and_(is_created, pc.less_equal(pc.subtract(heard, occurred), on_time_ms))
    judged = pc.if_else(is_plain, pc.min_element_wise(occurred, 0), heard)
    return rows.set_column(rows.schema.get_field_index("heard"), "heard", judged), is_plain


def _flags(column: pa.Array) -> list[bool]:
    return [flag == 1 for flag in _whole(column.cast(pa.int32()))]


def rows_of(lines: Sequence[LifeEvent]) -> pa.RecordBatch:
    """Lines as rows again."""
    columns = [pa.array([_plain_value(getattr(line, one.name)) for line in lines], one.type) for one in ROWS]
    return pa.RecordBatch.from_arrays(columns, schema=ROWS)


def _plain_value(value: object) -> object:
    return value.value if isinstance(value, ChangeKind) else value


def _one(column: pa.ChunkedArray) -> pa.Array:
    """A column in one piece."""
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _masks(types: pa.DictionaryArray, owners: list[int], count: int) -> list[int]:
    """For each subject a number with a bit for each type that occurs."""
    bits = [1 << place for place in range(len(types.dictionary))]
    masks = [0] * count
    for owner, kind in zip(owners, _whole(types.indices), strict=True):
        masks[owner] |= bits[kind]
    return masks


def _by_mask(masks: list[int], names: list[str], wanted: Wanted) -> list[bool]:
    known: dict[int, bool] = {}
    for mask in set(masks):
        known[mask] = wanted(frozenset(name for place, name in enumerate(names) if mask >> place & 1))
    return [known[mask] for mask in masks]


def _values(column: pa.Array, name: str) -> list[Any]:
    if pa.types.is_int64(column.type) and not column.null_count:
        return _whole(column)
    if not pa.types.is_dictionary(column.type):
        return list(column.to_pylist())
    words = column.dictionary.to_pylist()
    if name == "change":
        words = [ChangeKind(word) for word in words]
    return [words[place] for place in _whole(column.indices)]


def _whole(column: pa.Array) -> list[int]:
    """Whole numbers without null, read straight from memory: many times faster than one by one."""
    data = memoryview(column.buffers()[1]).cast("q" if column.type == pa.int64() else "i")
    return list(data[column.offset : column.offset + len(column)])
