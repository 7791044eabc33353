"""Attributes of a life event as bytes: an Avro map of null, double, boolean or string.

They travel as bytes inside the event and are decoded only by a condition that needs them.
"""

from __future__ import annotations

import io
from collections.abc import Mapping

from fastavro import parse_schema, schemaless_reader

from processors.events import Attribute
from schemas.writing import END, boolean, double, long, text

_SCHEMA = parse_schema({"type": "map", "values": ["null", "double", "boolean", "string"]})
_NULL, _DOUBLE, _BOOLEAN, _STRING = map(long, range(4))


def encode_attributes(attributes: Mapping[str, Attribute]) -> bytes:
    """Encodes attributes; none at all are no bytes. Equal attributes give equal bytes.

    >>> decode_attributes(encode_attributes({"amount": 400.0, "reason": None}))
    {'amount': 400.0, 'reason': None}
    """
    if not attributes:
        return b""
    parts = [long(len(attributes))]
    for name in sorted(attributes):
        parts.append(text(name))
        parts.append(_value(attributes[name]))
    parts.append(END)
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
        return _STRING + text(value)
    if isinstance(value, bool):
        return _BOOLEAN + boolean(value)
    return _DOUBLE + double(value)
