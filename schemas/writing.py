"""Avro's binary form, written by functions that are made once for a schema.

By hand, because it is on the way of every event: fastavro looks at the whole schema anew for each value and wants
a dict of it, which takes nearly twice as long. Only the types of the platform's own topics; agencies' records are
written by `schemas.avro`, and everything is read by fastavro, which proves that it is Avro.

Source: Apache Avro specification 1.12, "Binary encoding".
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any

from schemas.avro import AvroSchema, definitions

Write = Callable[[Any], bytes]

FALSE, TRUE = b"\x00", b"\x01"
END = b"\x00"
"""Ends an array or a map; alone it is an empty one."""

double = struct.Struct("<d").pack


class Unwritable(ValueError):
    """A schema has a type that is not written here; a programming error."""


_ONE_BYTE = tuple(bytes((number << 1,)) for number in range(64))


def long(number: int) -> bytes:
    """An int or long: zigzag, seven bits a byte.

    >>> long(0), long(-1), long(64)
    (b'\\x00', b'\\x01', b'\\x80\\x01')
    """
    if 0 <= number < 64:
        return _ONE_BYTE[number]
    zigzag = number << 1 if number >= 0 else ~(number << 1)
    groups = bytearray()
    while zigzag > 127:
        groups.append(zigzag & 127 | 128)
        zigzag >>= 7
    groups.append(zigzag)
    return bytes(groups)


def text(value: str) -> bytes:
    """A string.

    >>> text("ab")
    b'\\x04ab'
    """
    encoded = value.encode()
    return long(len(encoded)) + encoded


def data(value: bytes) -> bytes:
    """Bytes."""
    return long(len(value)) + value


def boolean(value: bool) -> bytes:
    """A boolean."""
    return TRUE if value else FALSE


_PRIMITIVES: Mapping[str, Write] = {"string": text, "bytes": data, "int": long, "long": long, "boolean": boolean}


def record_writer(schema: AvroSchema) -> Write:
    """Makes the function that writes values which have the record's fields as attributes.

    Raises:
        Unwritable: the schema has a type that no topic of the platform has.
    """
    return _writer(schema.written, definitions(schema))


def _writer(type_: Any, names: Mapping[str, Any]) -> Write:  # noqa: ANN401 - a schema is JSON
    kind = names.get(type_, type_) if isinstance(type_, str) else type_
    if isinstance(kind, list):
        return _optional(kind, names)
    name = kind["type"] if isinstance(kind, dict) else kind
    if name == "record":
        return _record(kind["fields"], names)
    if name == "array":
        return _array(_writer(kind["items"], names))
    if name not in _PRIMITIVES:
        raise Unwritable(f"`{name}` is not written by hand")
    return _PRIMITIVES[name]


def _record(fields: list[Any], names: Mapping[str, Any]) -> Write:
    writers = tuple(_writer(one["type"], names) for one in fields)
    if len(writers) == 1:
        get, write_only = attrgetter(fields[0]["name"]), writers[0]
        return lambda value: write_only(get(value))
    get = attrgetter(*(one["name"] for one in fields))
    return lambda value: b"".join([write(part) for write, part in zip(writers, get(value), strict=True)])


def _array(write: Write) -> Write:
    """All items in one block."""
    return lambda items: b"".join([long(len(items)), *map(write, items), END]) if items else END


def _optional(branches: list[Any], names: Mapping[str, Any]) -> Write:
    if len(branches) != 2 or branches[0] != "null":
        raise Unwritable(f"a union is written only of null and one other type, not {branches}")
    write, null, present = _writer(branches[1], names), long(0), long(1)
    return lambda value: null if value is None else present + write(value)
