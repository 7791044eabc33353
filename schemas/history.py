"""A history: life events in a file, one row a line of a fact, as `headwater rules backtest` reads it.

Columns are the fields of `processors.events.LifeEvent`. What a file does not say is filled in; rows that
cannot be used are left out and counted, with the first of each kind named. Reads no file itself.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from processors.civil_time import DAY_MS, Calendar, day_start, parse_instant
from processors.events import ChangeKind
from schemas.attributes import decode_attributes, encode_attributes

_NAME = pa.dictionary(pa.int32(), pa.string())
_TIME = pa.timestamp("ms", tz="UTC")

FILE = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("type", _NAME, nullable=False),
        pa.field("person", pa.string(), nullable=False),
        pa.field("household", pa.string()),
        pa.field("area", _NAME),
        pa.field("agency", _NAME),
        pa.field("feed", _NAME),
        pa.field("occurred_at", _TIME, nullable=False),
        pa.field("recorded_at", _TIME),
        pa.field("arrival", pa.int64()),
        pa.field("heard", _TIME),
        pa.field("change", _NAME),
        pa.field("replaces", pa.string()),
        pa.field("ended_at", _TIME),
        pa.field("attributes", pa.binary()),
    ]
)
"""Columns of a history file as this platform writes it; only those that are not nullable are required."""

ROWS = pa.schema([pa.field(one.name, pa.int64() if one.type == _TIME else one.type) for one in FILE])
"""Columns of usable rows: as in a file, times in ms."""

_REQUIRED = tuple(one.name for one in FILE if not one.nullable)
_TIME_REMEDY = "write 2026-01-05 or 2026-01-05T10:00:00Z"
_REMEDIES = {"attributes": "write a JSON object with texts, numbers, true and false"}
_TIMES = tuple(one.name for one in FILE if one.type == _TIME)
EARLIEST, LATEST = -2_208_988_800_000, 7_258_118_400_000
"""1900 and 2200, UTC, ms: what is outside is a mistake."""
_FIRST_ROWS = 3
"""Rows named of each kind of fault."""

Reason = tuple[str, pa.Array]
"""Why rows cannot be used, and which: what is wrong, what to do, a flag for each row."""


class HistoryFault(Exception):
    """A file cannot be used as a history at all: what is wrong with it, and what to do."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem}; {remedy}")
        self.problem, self.remedy = problem, remedy


@dataclass(slots=True)
class LeftOut:
    """Rows that could not be used, by reason, and the first few of each."""

    counts: Counter[str] = field(default_factory=Counter)
    rows: dict[str, list[str]] = field(default_factory=dict)

    def add(self, reason: str, count: int, places: Iterable[str]) -> None:
        """Notes rows left out for a reason."""
        self.counts[reason] += count
        self.rows[reason] = sorted({*self.rows.get(reason, ()), *places})[:_FIRST_ROWS]

    def merge(self, other: LeftOut) -> None:
        """Adds those of another part of the history."""
        for reason, count in other.counts.items():
            self.add(reason, count, other.rows[reason])


@dataclass(frozen=True, slots=True)
class Reader:
    """How rows are read.

    Attributes:
        calendar: zone of bare dates.
        types: of the catalogue; None: any type is known (experiments).
        until: ms; rows recorded after it are as if they were not there. None: all are read.
    """

    calendar: Calendar
    types: frozenset[str] | None
    until: int | None = None

    def rows(self, batch: pa.RecordBatch, first_row: int, place: Callable[[int], str], out: LeftOut) -> pa.RecordBatch:
        """The usable rows of a batch.

        Args:
            batch: as a file holds it.
            first_row: number of its first row, over all files; stands for the arrival where a file has none.
            place: names a row, given its place in the batch, for people.
            out: where rows that cannot be used are noted.

        Raises:
            HistoryFault: columns are missing, unknown or of another type.
        """
        _check_columns(batch.schema)
        columns, unread = self._columns(batch)
        _fill(columns, first_row)
        bad = _bad(itertools.chain(unread, self._reasons(columns)), out, place, self._later(columns))
        rows = pa.RecordBatch.from_arrays([columns[name] for name in ROWS.names], schema=ROWS)
        return rows if bad is None else rows.filter(pc.invert(bad))

    def _later(self, columns: dict[str, pa.Array]) -> pa.Array | None:
        if self.until is None:
            return None
        return pc.fill_null(pc.greater(columns["recorded_at"], self.until), False)

    def _columns(self, batch: pa.RecordBatch) -> tuple[dict[str, pa.Array], list[Reason]]:
        """The columns in their types, and in which rows a value could not be read."""
        found: dict[str, pa.Array] = {}
        unread: list[Reason] = []
        for one in ROWS:
            column = batch.column(one.name) if one.name in batch.schema.names else pa.nulls(batch.num_rows)
            if pa.types.is_null(column.type):
                found[one.name] = pa.nulls(batch.num_rows, one.type)
                continue
            found[one.name] = self._column(one, column)
            if column.null_count != found[one.name].null_count:
                lost = pc.and_(pc.is_valid(column), pc.is_null(found[one.name]))
                unread.append((f"`{one.name}` cannot be read; {_REMEDIES.get(one.name, _TIME_REMEDY)}", lost))
        return found, unread

    def _column(self, one: pa.Field, column: pa.Array) -> pa.Array:
        if FILE.field(one.name).type == _TIME:
            return self._instants(one.name, column)
        if one.name == "attributes":
            return _attributes(column)
        return _cast(one.name, column, one.type)

    def _instants(self, name: str, column: pa.Array) -> pa.Array:
        kind = column.type
        if pa.types.is_timestamp(kind):
            if kind.tz is None:
                raise HistoryFault(f"`{name}` has times without a zone", "write them as timestamps in UTC")
            return column.cast(_TIME, safe=False).cast(pa.int64())
        if pa.types.is_integer(kind):
            return column.cast(pa.int64(), safe=False)
        if pa.types.is_date(kind):
            return _mapped(_days(column), self._day, pa.int64())
        return _mapped(_cast(name, column, pa.string()), self._moment, pa.int64())

    def _day(self, day: date) -> int:
        return day_start(day, self.calendar)

    def _moment(self, text: str) -> int | None:
        return parse_instant(text, self.calendar)

    def _reasons(self, columns: dict[str, pa.Array]) -> Iterator[Reason]:
        for name in ("id", "person"):
            yield f"`{name}` is empty; every row needs one", _is_blank(columns[name])
        yield "`occurred_at` is empty; every row needs one", pc.is_null(columns["occurred_at"])
        for name in _TIMES:
            outside = pc.or_(pc.less(columns[name], EARLIEST), pc.greater_equal(columns[name], LATEST))
            yield f"`{name}` is before 1900 or after 2199; {_TIME_REMEDY}", pc.fill_null(outside, False)
        types = columns["type"]
        yield "`type` is empty; every row needs one", _is_blank(types)
        if self.types is not None:
            known = pa.array(sorted(self.types), pa.string())
            unknown = pc.invert(_is_in(types, known))
            yield "`type` is not in the catalogue; add it there, or leave such rows out", unknown
        changes = columns["change"]
        kinds = pa.array([kind.value for kind in ChangeKind])
        yield f"`change` is not known; use {', '.join(ChangeKind)}", pc.invert(_is_in(changes, kinds))
        is_created = _is_in(changes, pa.array([ChangeKind.CREATED.value]))
        lost = pc.and_(pc.invert(is_created), pc.is_null(columns["replaces"]))
        yield "`replaces` is empty in a row that changes another; name an id of the fact", lost


def _bad(reasons: Iterable[Reason], out: LeftOut, place: Callable[[int], str], bad: pa.Array | None) -> pa.Array | None:
    """Which rows cannot be used, those given first, the others counted for the first reason; None when all can."""
    for reason, holds in reasons:
        new = holds if bad is None else pc.and_(holds, pc.invert(bad))
        count = pc.sum(new).as_py() or 0
        if count:
            out.add(reason, count, map(place, pc.indices_nonzero(new)[:_FIRST_ROWS].to_pylist()))
            bad = holds if bad is None else pc.or_(bad, holds)
    return bad


def _check_columns(schema: pa.Schema) -> None:
    if missing := [name for name in _REQUIRED if name not in schema.names]:
        listed = ", ".join(f"`{name}`" for name in missing)
        raise HistoryFault(f"has no column {listed}", f"a history has: {', '.join(FILE.names)}")
    if twice := sorted(name for name, times in Counter(schema.names).items() if times > 1 and name in FILE.names):
        raise HistoryFault(f"has column `{twice[0]}` twice", "leave one of them out")
    if unknown := [name for name in schema.names if name not in FILE.names]:
        listed = ", ".join(f"`{name}`" for name in unknown)
        raise HistoryFault(
            f"has columns that are not known: {listed}", f"leave them out, or use {', '.join(FILE.names)}"
        )


def _cast(name: str, column: pa.Array, kind: pa.DataType) -> pa.Array:
    if column.type == kind:
        return column
    is_text = pa.types.is_string(column.type) or pa.types.is_large_string(column.type)
    is_names = pa.types.is_dictionary(column.type)
    if not (is_text or is_names or (kind == pa.int64() and pa.types.is_integer(column.type))):
        raise HistoryFault(f"`{name}` is {column.type}", f"write it as {kind if kind == pa.int64() else 'text'}")
    if is_names and kind != _NAME:
        column = column.dictionary_decode()
    return column.cast(pa.string()).dictionary_encode() if kind == _NAME and not is_names else column.cast(kind)


def _mapped(column: pa.Array, value_of: Callable[[Any], object], kind: pa.DataType) -> pa.Array:
    """Each distinct value read once; null where it cannot be read."""
    encoded = column.dictionary_encode()
    values = [None if one is None else value_of(one) for one in encoded.dictionary.to_pylist()]
    return pa.array(values, kind).take(encoded.indices)


def _attributes(column: pa.Array) -> pa.Array:
    """Attributes as the platform encodes them: as they are, or made from JSON text."""
    if pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
        return _mapped(column.cast(pa.binary()), _checked, pa.binary())
    return _mapped(_cast("attributes", column, pa.string()), _encoded, pa.binary())


def _checked(encoded: bytes) -> bytes | None:
    """Bytes that are attributes as the platform encodes them; else None."""
    try:
        decode_attributes(encoded)
    except (ValueError, LookupError, EOFError, TypeError, OverflowError, MemoryError):
        return None
    return encoded


def _days(column: pa.Array) -> pa.Array:
    """Dates that a calendar has; null for those far outside, which Python has no value for."""
    days = column.cast(pa.date32()).cast(pa.int32())
    is_near = pc.and_(pc.greater_equal(days, EARLIEST // DAY_MS), pc.less(days, LATEST // DAY_MS))
    return pc.if_else(is_near, days, None).cast(pa.date32())


def _encoded(text: str) -> bytes | None:
    try:
        given = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(given, dict) or not all(isinstance(one, str | float | int | None) for one in given.values()):
        return None
    numbers = {name: float(one) for name, one in given.items() if isinstance(one, int) and not isinstance(one, bool)}
    return encode_attributes(given | numbers)


def _fill(columns: dict[str, pa.Array], first_row: int) -> None:
    """What a file does not say: recorded when it occurred, arrived in order of the rows, never late."""
    occurred, size = columns["occurred_at"], len(columns["occurred_at"])
    columns["recorded_at"] = pc.coalesce(columns["recorded_at"], occurred)
    columns["heard"] = pc.coalesce(columns["heard"], pc.min_element_wise(occurred, pa.scalar(0, pa.int64())))
    if columns["arrival"].null_count:
        numbers = pa.array(range(first_row, first_row + size), pa.int64())
        columns["arrival"] = pc.coalesce(columns["arrival"], numbers)
    for name in ("area", "agency", "feed", "household"):
        columns[name] = _without_null(columns[name], "")
    columns["change"] = _without_null(columns["change"], ChangeKind.CREATED.value)
    is_ended = _is_in(columns["change"], pa.array([ChangeKind.ENDED.value]))
    columns["ended_at"] = pc.if_else(is_ended, pc.coalesce(columns["ended_at"], occurred), columns["ended_at"])
    columns["attributes"] = pc.fill_null(columns["attributes"], b"")


def _without_null(column: pa.Array, text: str) -> pa.Array:
    if not column.null_count:
        return column
    if pa.types.is_dictionary(column.type):
        return pc.fill_null(column.dictionary_decode(), text).dictionary_encode()
    return pc.fill_null(column, text)


def _is_in(names: pa.DictionaryArray, wanted: pa.Array) -> pa.Array:
    """Whether each name is one of some, looked up once for each distinct one; null is not."""
    found = pc.is_in(names.dictionary, value_set=wanted).take(names.indices)
    return pc.fill_null(found, False)


def _is_blank(column: pa.Array) -> pa.Array:
    if pa.types.is_dictionary(column.type):
        return pc.fill_null(pc.equal(column.dictionary, "").take(column.indices), True)
    return pc.fill_null(pc.equal(column, ""), True)
