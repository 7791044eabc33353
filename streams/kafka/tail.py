"""Reads on from positions of several partitions: to their ends, or for ever. Committed records only.

For tools that look at part of a topic, or wait for what comes next; whole partitions are read by
`streams.kafka.log`. Joins no consumer group and commits nothing.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from types import TracebackType

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient

from streams.errors import Unreachable
from streams.kafka.clients import client_config, watermarks
from streams.kafka.transactions import require_reachable

BATCH = 2000
STALLED_S = 30.0

Source = tuple[str, int]
"""Topic and partition."""


class Tail:
    """The records of partitions from given offsets on; an offset that is gone means the oldest there is."""

    def __init__(self, bootstrap: str, starts: Mapping[Source, int]) -> None:
        self._bootstrap = bootstrap
        self._consumer = Consumer(
            {
                **client_config(bootstrap),
                "group.id": "headwater-readers",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "auto.offset.reset": "earliest",
                "isolation.level": "read_committed",
            }
        )
        self._consumer.assign([TopicPartition(*source, offset) for source, offset in starts.items()])
        self.ended: set[Source] = set()
        """Partitions whose end was seen at least once."""

    def poll(self, timeout_s: float = 0.2) -> list[Message]:
        """What came within the timeout, by partition in order; perhaps nothing.

        Raises:
            Unreachable: Kafka refuses to send.
        """
        # `consume` waits for the whole batch or the timeout.
        return [message for message in self._consumer.consume(BATCH, timeout=timeout_s) if self._is_record(message)]

    def __enter__(self) -> Tail:
        """The tail itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Lets go of the connection."""
        self.close()

    def close(self) -> None:
        """Lets go of the connection."""
        self._consumer.close()

    def _is_record(self, message: Message) -> bool:
        error = message.error()
        if error is None:
            return True
        if error.code() != KafkaError._PARTITION_EOF:
            raise Unreachable(
                f"Kafka at {self._bootstrap} does not send {message.topic()}: {error.str()}", "check the broker"
            )
        self.ended.add((str(message.topic()), message.partition() or 0))
        return False


def sources_of(bootstrap: str, topics: Iterable[str]) -> list[Source]:
    """Partitions of those of the topics that exist.

    Raises:
        Unreachable: the broker does not answer.
    """
    require_reachable(bootstrap)
    try:
        present = AdminClient(client_config(bootstrap)).list_topics(timeout=10).topics
    except KafkaException as error:
        raise Unreachable(f"Kafka at {bootstrap} does not answer: {error.args[0].str()}", "check the broker") from None
    return [(name, partition) for name in topics if name in present for partition in sorted(present[name].partitions)]


def topic_id(bootstrap: str, topic: str) -> str:
    """What tells a topic from another one of the same name, in another cluster or made anew.

    Raises:
        Unreachable: the broker does not answer.
    """
    require_reachable(bootstrap)
    admin = AdminClient(client_config(bootstrap))  # kept until the answer is there: it would be cut short
    try:
        described = admin.describe_topics(TopicCollection([topic]))[topic].result(30)
    except KafkaException as error:
        raise Unreachable(f"Kafka at {bootstrap} does not answer: {error.args[0].str()}", "check the broker") from None
    return str(described.topic_id)


def ends_of(bootstrap: str, sources: Iterable[Source]) -> dict[Source, int]:
    """Offset after the newest record of each partition.

    Raises:
        Unreachable: the broker does not answer.
    """
    consumer = Consumer({**client_config(bootstrap), "group.id": "headwater-readers"})
    try:
        return {source: watermarks(consumer, TopicPartition(*source))[1] for source in sources}
    except KafkaException as error:
        raise Unreachable(f"Kafka at {bootstrap} does not answer: {error.args[0].str()}", "check the broker") from None
    finally:
        consumer.close()


def offsets_at(bootstrap: str, sources: Iterable[Source], moment: int) -> dict[Source, int]:
    """Offset of the first record of each partition written at that time (ms) or later; its end when there is none.

    Raises:
        Unreachable: the broker does not answer.
    """
    ends = ends_of(bootstrap, sources)
    consumer = Consumer({**client_config(bootstrap), "group.id": "headwater-readers"})
    try:
        asked = [TopicPartition(*source, max(moment, 0)) for source in ends]
        found = {(one.topic, one.partition): one.offset for one in consumer.offsets_for_times(asked, timeout=10)}
        return {source: found[source] if found[source] >= 0 else end for source, end in ends.items()}
    except KafkaException as error:
        raise Unreachable(f"Kafka at {bootstrap} does not answer: {error.args[0].str()}", "check the broker") from None
    finally:
        consumer.close()


def read_on(bootstrap: str, starts: Mapping[Source, int]) -> Iterator[Message]:
    """Yields what lies between the given offsets and the ends as they are now.

    Raises:
        Unreachable: the broker stopped answering.
    """
    ends = ends_of(bootstrap, starts)
    unread = {source for source, start in starts.items() if start < ends[source]}
    if not unread:
        return
    quiet_since = time.monotonic()
    with Tail(bootstrap, {source: starts[source] for source in unread}) as tail:
        while unread:
            batch = tail.poll(0.05)
            if batch:
                quiet_since = time.monotonic()
            elif time.monotonic() - quiet_since > STALLED_S:
                raise Unreachable(f"Kafka at {bootstrap} stopped sending {min(unread)[0]}", "check the broker")
            for message in batch:
                source, offset = place_of(message)
                if offset < ends[source]:
                    yield message
                if offset >= ends[source] - 1:
                    unread.discard(source)
            # Transaction markers take the last offsets, so that the last record may not be the end.
            unread -= tail.ended


def first_at(bootstrap: str, starts: Mapping[Source, int]) -> int | None:
    """When the oldest record at or after these offsets was written, ms; None when there is none.

    Raises:
        Unreachable: the broker stopped answering.
    """
    unread, found = set(starts), list[int]()
    quiet_since = time.monotonic()
    with Tail(bootstrap, starts) as tail:
        while unread - tail.ended and time.monotonic() - quiet_since < STALLED_S:
            for message in tail.poll(0.05):
                source, _ = place_of(message)
                if source in unread:
                    unread.discard(source)
                    found.append(message.timestamp()[1])
    return min(found, default=None)


def place_of(message: Message) -> tuple[Source, int]:
    """Partition and offset of a record that was read."""
    return (str(message.topic()), message.partition() or 0), message.offset() or 0
