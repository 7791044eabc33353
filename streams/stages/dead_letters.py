"""Dead letters: the original bytes, and the reason in Kafka Connect's headers; no personal data in it."""

from __future__ import annotations

from streams.kafka.records import RawRecord
from streams.kafka.transactions import Outgoing
from streams.topics import dead_letters

REASON = "__connect.errors.exception.class.name"


def dead_letter(record: RawRecord, stage: str, reason: str, detail: str) -> Outgoing:
    """A record as it came, addressed to the stage's dead-letter topic.

    Source: Kafka Connect, `errors.deadletterqueue.context.headers.enable` (header names).
    """
    context = {
        "__connect.errors.topic": record.topic,
        "__connect.errors.partition": str(record.partition),
        "__connect.errors.offset": str(record.offset),
        "__connect.errors.stage": stage,
        REASON: reason,
        "__connect.errors.exception.message": detail,
    }
    headers = [*(record.headers or ()), *((name, value.encode()) for name, value in context.items())]
    return Outgoing(dead_letters(record.topic, stage), 0, record.key, record.value, headers)


def reason_of(letter: Outgoing) -> str:
    """Why the record was set aside; the last such header, for a dead letter may be set aside again."""
    return next(value.decode() for name, value in reversed(letter.headers or ()) if name == REASON)
