"""Ends of partitions as a reader of committed records sees them, asked of the broker within seconds or not at all."""

from __future__ import annotations

from collections.abc import Iterable

from confluent_kafka import IsolationLevel, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._listoffsets import OffsetSpec

from streams.kafka.clients import client_config
from streams.kafka.tail import Source

PATIENCE_S = 5.0


class Ends:
    """Asks for ends, again and again, on one connection."""

    def __init__(self, bootstrap: str) -> None:
        self._admin = AdminClient(client_config(bootstrap))

    def of(self, sources: Iterable[Source]) -> dict[Source, int]:
        """Offset after the newest committed record; partitions whose broker does not answer are left out."""
        newest = OffsetSpec.latest()  # type: ignore[no-untyped-call]
        asked = {TopicPartition(*source): newest for source in sources}
        if not asked:
            return {}
        answers = self._admin.list_offsets(
            asked, isolation_level=IsolationLevel.READ_COMMITTED, request_timeout=PATIENCE_S
        )
        found: dict[Source, int] = {}
        for partition, answer in answers.items():
            try:
                found[partition.topic, partition.partition] = answer.result().offset
            except KafkaException:
                continue
        return found
