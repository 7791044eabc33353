"""Values on the platform's own topics: typed in, framed Avro out, and back.

Several kinds of value share a topic (events, marks and controls on `life-events.v1`); they are
told apart by their schema id. Agencies' records are read by `schemas.reading`, not here.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from fastavro import schemaless_reader

from processors.decisions import Decision
from processors.disclosure.model import Cell, Release
from processors.events import Control, HouseholdEvent, LifeEvent, Mark
from processors.offers.actions import OfferAction
from processors.offers.model import OfferRecord, Situation, SituationMark
from processors.offers.policy import ContactPolicy
from processors.pauses import Pause
from processors.transfers import Transfer
from schemas.attributes import decode_attributes, encode_attributes
from schemas.avro import UNREADABLE, AvroSchema
from schemas.heartbeats import internal_schema, internal_subject
from schemas.receipts import Receipt
from schemas.records import RecordCodec, record_codec
from schemas.registry import Registry
from schemas.wire import Framed, frame, unframe

__all__ = ["Codec", "Unread", "Unreadable", "Value", "decode_attributes", "encode_attributes", "internal_codec"]

Value = (
    LifeEvent
    | HouseholdEvent
    | Mark
    | Control
    | Transfer
    | Pause
    | Decision
    | Situation
    | SituationMark
    | ContactPolicy
    | OfferAction
    | OfferRecord
    | Receipt
    | Cell
    | Release
)
"""Everything that travels on the platform's own topics in Avro."""

_TYPES: tuple[type[Any], ...] = (
    LifeEvent,
    HouseholdEvent,
    Mark,
    Control,
    Transfer,
    Pause,
    Decision,
    Situation,
    SituationMark,
    ContactPolicy,
    OfferAction,
    OfferRecord,
    Receipt,
    Cell,
    Release,
)


class Unread(StrEnum):
    """Why bytes are not a value of this platform."""

    TOMBSTONE = "no value"
    NOT_FRAMED = "not framed"
    UNKNOWN_SCHEMA = "unknown schema"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Bytes that are no value of this platform."""

    why: Unread


@dataclass(frozen=True, slots=True)
class _Kind:
    """One kind of value: its number on the wire, its schema and its conversions."""

    schema_id: int
    schema: AvroSchema
    records: RecordCodec[Any]


@dataclass(frozen=True, slots=True)
class Codec:
    """Encodes and decodes the platform's own values. Made by `internal_codec`."""

    _by_type: Mapping[type[Any], _Kind]
    _by_id: Mapping[int, _Kind]

    def encode(self, value: Value) -> bytes:
        """A value as framed Avro."""
        kind = self._by_type[type(value)]
        return frame(kind.schema_id, kind.records.write(value))

    def decode(self, encoded: bytes | None) -> Value | Unreadable:
        """The value in framed Avro; any bytes, and none, give a value or an `Unreadable`."""
        if encoded is None:
            return Unreadable(Unread.TOMBSTONE)
        framed = unframe(encoded)
        if not isinstance(framed, Framed):
            return Unreadable(Unread.NOT_FRAMED)
        kind = self._by_id.get(framed.schema_id)
        if kind is None:
            return Unreadable(Unread.UNKNOWN_SCHEMA)
        source = io.BytesIO(framed.body)
        try:
            datum = schemaless_reader(source, kind.schema.raw, None)  # type: ignore[arg-type]
            value: Value = kind.records.from_datum(datum)  # type: ignore[arg-type]
        except UNREADABLE:
            return Unreadable(Unread.BROKEN)
        return value if source.tell() == len(framed.body) else Unreadable(Unread.BROKEN)

    def schema_id(self, type_: type[Any]) -> int:
        """The number a kind of value has on the wire, to skip records without decoding them."""
        return self._by_type[type_].schema_id


def internal_codec(registry: Registry) -> Codec:
    """Registers the platform's schemas and makes the codec over them.

    Raises:
        RegistryUnreachable: the registry cannot be asked.
    """
    kinds = {type_: _kind(type_, registry) for type_ in _TYPES}
    return Codec(kinds, {kind.schema_id: kind for kind in kinds.values()})


def _kind(type_: type[Any], registry: Registry) -> _Kind:
    schema = internal_schema(type_.__name__)
    number = registry.register(internal_subject(type_.__name__), schema)
    return _Kind(number, schema, record_codec(type_, schema))
