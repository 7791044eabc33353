"""Kafka as the verifier reads it: every committed record of every topic, and every group's position.

Written for itself, against confluent-kafka alone: were it the stages' own reader, it would share their mistakes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, ConsumerGroupTopicPartitions, KafkaError, TopicPartition
from confluent_kafka.admin import AdminClient

Source = tuple[str, int]
"""Topic and partition."""


@dataclass(frozen=True, slots=True, repr=False)
class Line:
    """A record as it lies on the log; its representation shows no content."""

    topic: str
    partition: int
    offset: int
    at: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]

    def __repr__(self) -> str:
        """Where it lies."""
        return f"{self.topic}/{self.partition}/{self.offset}"

    @property
    def source(self) -> Source:
        """Where it lies, without its offset."""
        return self.topic, self.partition


@dataclass(frozen=True, slots=True)
class Log:
    """What Kafka held at the moment of reading.

    Attributes:
        lines: by partition, in order; a partition without records has an empty list.
        ends: by partition, the offset after the last one, transaction markers and open transactions included.
        committed: by consumer group and partition; absent where the group committed nothing.
    """

    lines: Mapping[Source, list[Line]]
    ends: Mapping[Source, int]
    committed: Mapping[str, Mapping[Source, int]]

    def of(self, topic: str) -> list[Line]:
        """All records of a topic, partition by partition."""
        return [line for (name, _), lines in sorted(self.lines.items()) if name == topic for line in lines]

    def taken(self, group: str, topic: str) -> list[Line]:
        """Records of a topic that a group says it has worked on."""
        done = self.committed.get(group, {})
        return [line for line in self.of(topic) if line.offset < done.get(line.source, 0)]

    def waiting(self, group: str, topic: str) -> list[Line]:
        """Records of a topic that a group has still to work on."""
        done = self.committed.get(group, {})
        return [line for line in self.of(topic) if line.offset >= done.get(line.source, 0)]


def read(bootstrap: str, groups: Iterable[str]) -> Log:
    """Reads everything: positions first, so that what they claim must lie on the log read after them."""
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 2})
    committed = {group: _committed(admin, group) for group in groups}
    topics = admin.list_topics(timeout=30).topics
    sources = [(name, p) for name, topic in topics.items() if not name.startswith("__") for p in topic.partitions]
    consumer = Consumer(_config(bootstrap))
    try:
        ends = {source: consumer.get_watermark_offsets(TopicPartition(*source), timeout=30)[1] for source in sources}
        return Log(_lines(consumer, sources), ends, committed)
    finally:
        consumer.close()


def _config(bootstrap: str) -> dict[str, Any]:
    return {
        "bootstrap.servers": bootstrap,
        "log_level": 2,
        "group.id": "verifier",
        "enable.auto.commit": False,
        "enable.partition.eof": True,
        "auto.offset.reset": "earliest",
        "isolation.level": "read_committed",
    }


def _committed(admin: AdminClient, group: str) -> dict[Source, int]:
    asked = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)])
    found = asked[group].result(timeout=30).topic_partitions or []
    return {(each.topic, each.partition): each.offset for each in found if each.offset >= 0}


def _lines(consumer: Consumer, sources: list[Source]) -> dict[Source, list[Line]]:
    """Reads every partition up to its end for a reader of committed records."""
    consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for topic, partition in sources])
    found: dict[Source, list[Line]] = defaultdict(list, {source: [] for source in sources})
    unread = set(sources)
    while unread:
        batch = consumer.consume(5000, timeout=0.05)
        for message in batch:
            error, source = message.error(), (str(message.topic()), message.partition() or 0)
            if error is None:
                found[source].append(_line(message))
            elif error.code() == KafkaError._PARTITION_EOF:
                unread.discard(source)
            else:
                raise RuntimeError(f"Kafka does not send {source[0]}/{source[1]}: {error.str()}")
    return dict(found)


def _line(message: Any) -> Line:
    return Line(
        message.topic(), message.partition(), message.offset(), message.timestamp()[1],
        message.key(), message.value(), tuple(message.headers() or ()),
    )  # fmt: skip
