"""Files of records as agencies have them: Avro containers, a raw datum, JSON lines, CSV.

Every record comes out as the Avro datum its contract asks for, or as a rejection, with its place in
the file. Does not map them (`schemas.reading`).
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fastavro

from schemas.avro import UNREADABLE, AvroSchema, UnfitRecord, encode_datum
from schemas.jsonvalues import to_datum
from schemas.outcomes import Rejection, RejectionReason

CONTAINER_MAGIC = b"Obj\x01"


@dataclass(frozen=True, slots=True)
class Entry:
    """One record of a file: its line (or number) from 1, and its datum or why it is none."""

    place: int
    datum: bytes | Rejection


def read_entries(path: Path, schema: AvroSchema) -> Iterator[Entry]:
    """Yields the records of a file in order.

    The format is told by the content (Avro containers) and else by the name: `.csv`; `.avro` and
    `.bin` are one raw datum; everything else is JSON, one object a line.

    Raises:
        OSError: the file cannot be read.
    """
    content = path.read_bytes()
    if content.startswith(CONTAINER_MAGIC):
        return _container(content, schema)
    if path.suffix in (".avro", ".bin"):
        return iter([Entry(1, content)])
    if path.suffix == ".csv":
        return _csv(content, schema)
    return _json_lines(content, schema)


def _not_avro(detail: str) -> Rejection:
    return Rejection(RejectionReason.NOT_AVRO, detail)


def _encoded(schema: AvroSchema, value: Any, *, is_text: bool = False) -> bytes | Rejection:  # noqa: ANN401 - JSON
    try:
        return encode_datum(schema, to_datum(schema, value, is_text=is_text))
    except UnfitRecord as error:
        return _not_avro(str(error))


def _container(content: bytes, schema: AvroSchema) -> Iterator[Entry]:
    place = 0
    try:
        for record in fastavro.reader(io.BytesIO(content), schema.written):  # type: ignore[arg-type]
            place += 1
            assert isinstance(record, dict)  # the contract's schema is a record
            yield Entry(place, encode_datum(schema, record))
    except (*UNREADABLE, fastavro.read.SchemaResolutionError):
        yield Entry(place + 1, _not_avro("the Avro container cannot be read on from here with the contract's schema"))


def _json_lines(content: bytes, schema: AvroSchema) -> Iterator[Entry]:
    for place, line in enumerate(content.splitlines(), start=1):
        if line.strip():
            yield Entry(place, _json_line(line, schema))


def _json_line(line: bytes, schema: AvroSchema) -> bytes | Rejection:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return _not_avro("the line is not valid JSON")
    return _encoded(schema, value)


def _csv(content: bytes, schema: AvroSchema) -> Iterator[Entry]:
    """Columns are named by path (`werknemer.insz`); lists cannot be written in CSV."""
    try:
        rows = csv.DictReader(io.StringIO(content.decode("utf-8-sig")))
        for row in rows:
            yield Entry(rows.line_num, _encoded(schema, _nested(row), is_text=True))
    except (UnicodeDecodeError, csv.Error):
        yield Entry(1, _not_avro("the file is not CSV in UTF-8"))


def _nested(row: dict[str | Any, str | Any]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for column, text in row.items():
        *above, last = str(column).split(".")
        inner = nested
        for name in above:
            inner = inner.setdefault(name, {})
        inner[last] = text
    return nested
