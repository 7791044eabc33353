"""Confluent's wire format: a zero byte, a schema id of four bytes, then the Avro datum.

Only frames and unframes; what an id means is the registry's business.

Source: Confluent Schema Registry documentation, "Wire format".
"""

from __future__ import annotations

import struct
from enum import StrEnum

from processors.values import value

_HEADER = struct.Struct(">bI")
HEADER_BYTES = _HEADER.size


class Misframed(StrEnum):
    """Why bytes are not a framed datum."""

    NO_MAGIC = "no-magic"
    TOO_SHORT = "too-short"


@value(frozen=True, slots=True)
class Framed:
    """A schema id and the datum written with it."""

    schema_id: int
    body: bytes


def frame(schema_id: int, body: bytes) -> bytes:
    """Puts the five-byte header before a datum.

    >>> frame(7, b"x")
    b'\\x00\\x00\\x00\\x00\\x07x'
    """
    return _HEADER.pack(0, schema_id) + body


def unframe(value: bytes) -> Framed | Misframed:
    """Takes the header off.

    >>> unframe(b"\\x00\\x00\\x00\\x00\\x07x")
    Framed(schema_id=7, body=b'x')
    >>> unframe(b"{}")
    <Misframed.NO_MAGIC: 'no-magic'>
    """
    if not value or value[0] != 0:
        return Misframed.NO_MAGIC
    if len(value) < HEADER_BYTES:
        return Misframed.TOO_SHORT
    return Framed(_HEADER.unpack_from(value)[1], value[HEADER_BYTES:])
