"""Reads a partition as a log: from its beginning to a position, in bulk, committed records only.

For folds at start, for the verifier and for tools. Joins no consumer group and commits nothing.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from streams.errors import Unreachable
from streams.kafka.clients import client_config, committed_offsets, watermarks

BATCH = 5000
STALLED_S = 30.0


def read_partition(
    bootstrap: str, topic: str, partition: int, until: int | None = None, since: int = 0
) -> Iterator[Message]:
    """Yields the committed records of a partition in order.

    Args:
        bootstrap: Kafka's address.
        topic: topic to read.
        partition: its partition.
        until: offset to stop before; None reads to the end as it was when reading began.
        since: offset to begin at; the oldest there is when that is gone.

    Raises:
        Unreachable: the broker stopped answering.
    """
    consumer = _open(bootstrap)
    try:
        source = TopicPartition(topic, partition)
        oldest, high = watermarks(consumer, source)
        end = high if until is None else min(until, high)
        if since >= end:
            return
        consumer.assign([TopicPartition(topic, partition, since if since > oldest else OFFSET_BEGINNING)])
        is_begun = False
        quiet_since = time.monotonic()
        while _position(consumer, source) < end:
            # `consume` waits for the whole batch or the timeout, so the timeout is short.
            batch = consumer.consume(BATCH, timeout=0.05)
            if batch:
                quiet_since = time.monotonic()
            elif time.monotonic() - quiet_since > STALLED_S:
                raise Unreachable(f"Kafka at {bootstrap} stopped sending {topic}/{partition}", "check the broker")
            for message in batch:
                error = message.error()
                if error is None:
                    is_begun = True
                    if (message.offset() or 0) < end:
                        yield message
                elif error.code() == KafkaError._AUTO_OFFSET_RESET and not is_begun:
                    # The oldest records were deleted just now; once begun, a gap must not go unnoticed.
                    consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING)])
                    time.sleep(0.1)
                elif error.code() == KafkaError._PARTITION_EOF:
                    return
                else:
                    raise KafkaException(error)
    finally:
        consumer.close()


def read_topic(bootstrap: str, topic: str) -> Iterator[Message]:
    """Yields all committed records of a topic, partition by partition; nothing when it does not exist."""
    for partition in partitions_of(bootstrap, topic):
        yield from read_partition(bootstrap, topic, partition)


def partitions_of(bootstrap: str, topic: str) -> list[int]:
    """Partitions of a topic; empty when it does not exist."""
    consumer = _open(bootstrap)
    try:
        described = consumer.list_topics(topic, timeout=30).topics.get(topic)
        return sorted(described.partitions) if described is not None and described.error is None else []
    finally:
        consumer.close()


def end_offsets(bootstrap: str, topic: str) -> dict[int, int]:
    """Offset after the newest record, by partition."""
    consumer = _open(bootstrap)
    try:
        return {p: watermarks(consumer, TopicPartition(topic, p))[1] for p in partitions_of(bootstrap, topic)}
    finally:
        consumer.close()


def committed_positions(bootstrap: str, group: str, topics: list[str]) -> dict[tuple[str, int], int]:
    """Next offset a consumer group reads, by topic and partition; 0 where it never committed."""
    # Not `read_committed`: that waits for a transaction which a worker that died left open, up to its time-out.
    consumer = Consumer({**client_config(bootstrap), "group.id": group, "isolation.level": "read_uncommitted"})
    try:
        wanted = [TopicPartition(t, p) for t in topics for p in partitions_of(bootstrap, t)]
        found = committed_offsets(consumer, wanted) if wanted else []
        return {(tp.topic, tp.partition): max(tp.offset, 0) for tp in found}
    finally:
        consumer.close()


def _open(bootstrap: str) -> Consumer:
    return Consumer(
        {
            **client_config(bootstrap),
            "group.id": "headwater-readers",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "error",
            "isolation.level": "read_committed",
            "queued.max.messages.kbytes": 65_536,
        }
    )


def _position(consumer: Consumer, source: TopicPartition) -> int:
    (found,) = consumer.position([source])
    return max(found.offset, 0)
