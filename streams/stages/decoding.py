"""Raw records of an internal topic as values; what cannot be read becomes a dead letter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from schemas.codec import Codec, Unread, Unreadable, Value
from streams.kafka.records import RawRecord
from streams.kafka.transactions import Outgoing
from streams.stages.dead_letters import dead_letter


def decode_all(
    codec: Codec, records: Sequence[RawRecord], wanted: tuple[type[Value], ...], stage: str
) -> tuple[list[Any], list[Outgoing]]:
    """Decodes a chunk.

    Returns:
        Values of the wanted types in order, and a dead letter for each other record; tombstones
        (compaction's way of erasing) give neither.
    """
    values: list[Value] = []
    unread: list[Outgoing] = []
    for record in records:
        value = codec.decode(record.value)
        if isinstance(value, wanted):
            values.append(value)
        elif value != Unreadable(Unread.TOMBSTONE):
            unread.append(unreadable(record, stage, value))
    return values, unread


def unreadable(record: RawRecord, stage: str, value: object) -> Outgoing:
    """The dead letter of a record that is no value of this platform, or none that belongs here."""
    if isinstance(value, Unreadable):
        return dead_letter(record, stage, "unreadable", value.why)
    return dead_letter(record, stage, "unexpected", type(value).__name__)
