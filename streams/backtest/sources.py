"""Where a history is read from: Parquet, Avro container files, JSON lines; one file or a folder of them.

A history is cut into pieces that processes read side by side. Rows are not looked at here: that is
`schemas.history`.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from fastavro import block_reader

from processors.civil_time import Calendar
from schemas.history import HistoryFault, LeftOut
from streams.backtest.lines import LineReader
from streams.errors import WrongUse

PARQUET, AVRO, LINES = ".parquet", ".avro", ".jsonl"
KINDS = (PARQUET, AVRO, LINES)
_ROWS = 262_144
"""Rows of a batch."""
_PIECE_ROWS = 1_000_000
_ROW_BYTES = {AVRO: 120, LINES: 200}
"""Roughly; only to choose how many buckets there are."""
_DAMAGED = (
    pa.ArrowException, ValueError, StopIteration, EOFError, LookupError, TypeError, AttributeError, OverflowError,
    zlib.error,
)  # fmt: skip
"""What readers raise on a file that is not what it seems."""
_NAMES = ["type", "area", "agency", "feed", "change"]


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a history that one process reads.

    Attributes:
        file: where it is.
        groups: row groups of a Parquet file; empty for other kinds, which are read whole.
        first_row: number of its first row over the whole history; arrivals follow it.
        rows: how many, an estimate for kinds that do not say.
        row: number of its first row in its file, from 1.
    """

    file: Path
    groups: tuple[int, ...]
    first_row: int
    rows: int
    row: int = 1


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows as a file holds them.

    Attributes:
        rows: columns as in the file.
        first_row: number of the first over the whole history.
        place: names a row for people, given its place in the batch.
        until: ms; the clock after them, where the file says so (`advance_to`).
    """

    rows: pa.RecordBatch
    first_row: int
    place: Callable[[int], str]
    until: int = 0


def pieces(path: Path) -> list[Piece]:
    """The pieces of a history.

    Raises:
        WrongUse: there is no such file, no history in the folder, or a file is damaged.
    """
    files = sorted(file for file in path.rglob("*") if file.suffix in KINDS) if path.is_dir() else [path]
    if not path.exists():
        raise WrongUse(f"there is no history at {path}", "name a file or folder of Parquet, Avro or JSON lines")
    if not files or any(file.suffix not in KINDS for file in files):
        raise WrongUse(f"{path} holds no history", f"name a file that ends in {', '.join(KINDS)}, or a folder of them")
    found: list[Piece] = []
    first_row = 0
    for file in files:
        cut = list(_cut(file, first_row))
        found += cut
        first_row += sum(piece.rows for piece in cut) + _room_for_errors(file)
    return found


def _room_for_errors(file: Path) -> int:
    """Arrivals must not overlap where rows were only estimated: no file has more rows than bytes."""
    return 0 if file.suffix == PARQUET else file.stat().st_size


def _cut(file: Path, first_row: int) -> Iterator[Piece]:
    if file.suffix != PARQUET:
        yield Piece(file, (), first_row, file.stat().st_size // _ROW_BYTES[file.suffix] + 1)
        return
    try:
        described = pq.read_metadata(file)
    except (OSError, pa.ArrowException) as error:
        raise WrongUse(f"{file} is no Parquet file: {_first_line(error)}", "name another, or make it again") from None
    groups: list[int] = []
    rows = row = 0
    for group in range(described.num_row_groups):
        groups.append(group)
        rows += described.row_group(group).num_rows
        if rows >= _PIECE_ROWS or group == described.num_row_groups - 1:
            yield Piece(file, tuple(groups), first_row + row, rows, row + 1)
            row, rows, groups = row + rows, 0, []


def batches(piece: Piece, calendar: Calendar, out: LeftOut, until: int | None) -> Iterator[Batch]:
    """Rows of a piece, some at a time.

    Args:
        piece: which.
        calendar: zone of bare dates in JSON lines.
        out: where lines that are no row are noted.
        until: ms; lines recorded after it do not move the clock of JSON lines. None: all do.

    Raises:
        HistoryFault: the file is damaged, or is not what its name says.
    """
    read = {PARQUET: _parquet, AVRO: _avro}.get(piece.file.suffix)
    try:
        yield from read(piece) if read else _lines(piece, calendar, out, until)
    except OSError as error:
        raise HistoryFault(f"cannot be read: {error.strerror or 'damaged'}", "make it again, or leave it out") from None
    except _DAMAGED:  # not as the reader words it: that may quote a value
        problem = f"cannot be read: damaged, or not what `{piece.file.suffix}` says"
        raise HistoryFault(problem, "make it again, or leave it out") from None


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _parquet(piece: Piece) -> Iterator[Batch]:
    with piece.file.open("rb") as stream:
        file = pq.ParquetFile(stream)
        texts = [name for name in _NAMES if name in file.schema_arrow.names and _is_text(file.schema_arrow, name)]
        file = pq.ParquetFile(stream, read_dictionary=texts)
        done = 0
        for rows in file.iter_batches(_ROWS, row_groups=list(piece.groups), use_threads=False):
            yield Batch(rows, piece.first_row + done, _named(piece.file, "row", piece.row + done))
            done += rows.num_rows


def _is_text(schema: pa.Schema, name: str) -> bool:
    return schema.names.count(name) == 1 and bool(pa.types.is_string(schema.field(name).type))


def _named(file: Path, word: str, first: int) -> Callable[[int], str]:
    return lambda place: f"{file.name} {word} {first + place:,}"


def _avro(piece: Piece) -> Iterator[Batch]:
    with piece.file.open("rb") as stream:
        done = 0
        records = (record for block in block_reader(stream) for record in block)
        while chunk := list(islice(records, _ROWS // 4)):
            rows = pa.RecordBatch.from_pylist(chunk)
            yield Batch(rows, piece.first_row + done, _named(piece.file, "record", done + 1))
            done += rows.num_rows


def _lines(piece: Piece, calendar: Calendar, out: LeftOut, until: int | None) -> Iterator[Batch]:
    with piece.file.open("rb") as stream:
        reader = LineReader(piece.file.name, calendar, out, until)
        numbered = enumerate(stream, start=1)
        while chunk := list(islice(numbered, _ROWS // 4)):
            rows = reader.rows(chunk)
            yield Batch(rows, piece.first_row + chunk[0][0], lambda _: piece.file.name, reader.clock)
