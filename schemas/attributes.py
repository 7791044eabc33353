"""Attributes of a life event as bytes: an Avro map of null, double, boolean or string.

They travel as bytes inside the event and are decoded only by a condition that needs them. Written
by hand because it is on the path of every event; read by fastavro, which proves that it is Avro.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Mapping

from fastavro import parse_schema, schemaless_reader

from processors.events import Attribute

_SCHEMA = parse_schema({"type": "map", "values": ["null", "double", "boolean", "string"]})
_NULL, _DOUBLE, _TRUE, _FALSE, _STRING = b"\x00", b"\x02", b"\x04\x01", b"\x04\x00", b"\x06"
_END = b"\x00"
_PACK = struct.Struct("<d").pack


def encode_attributes(attributes: Mapping[str, Attribute]) -> bytes:
    """Encodes attributes; none at all are no bytes. Equal attributes give equal bytes.

    >>> decode_attributes(encode_attributes({"amount": 400.0, "reason": None}))
    {'amount': 400.0, 'reason': None}
    """
    if not attributes:
        return b""
    parts = [_long(len(attributes))]
    for name in sorted(attributes):
        parts.append(_text(name))
        parts.append(_value(attributes[name]))
    parts.append(_END)
    return b"".join(parts)


def decode_attributes(encoded: bytes) -> dict[str, Attribute]:
    """Decodes what `encode_attributes` made; other bytes are a programming error and raise."""
    if not encoded:
        return {}
    decoded = schemaless_reader(io.BytesIO(encoded), _SCHEMA, None)
    assert isinstance(decoded, dict)
    return decoded


def _value(value: Attribute) -> bytes:
    if value is None:
        return _NULL
    if isinstance(value, str):
        return _STRING + _text(value)
    if isinstance(value, bool):
        return _TRUE if value else _FALSE
    return _DOUBLE + _PACK(value)


def _text(text: str) -> bytes:
    encoded = text.encode()
    return _long(len(encoded)) + encoded


def _long(number: int) -> bytes:
    """Avro's variable-length zigzag of a number that is not negative."""
    number <<= 1
    if number < 128:
        return bytes((number,))
    groups = bytearray()
    while number > 127:
        groups.append(number & 127 | 128)
        number >>= 7
    groups.append(number)
    return bytes(groups)
