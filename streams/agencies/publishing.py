"""Publishes an agency's records to its topic: Avro in Confluent's wire format, CloudEvents headers.

Plain idempotent producer, no transaction: an agency's own client would do no more, and intake takes
duplicates for what they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from confluent_kafka import KafkaError, Producer

from schemas.contract import Contract
from schemas.outcomes import Heartbeat
from schemas.publishing import publish_heartbeat, publish_record
from schemas.registry import Registry
from streams.agencies.batches import HEADER
from streams.errors import Unreachable
from streams.kafka.clients import await_reports, client_config
from streams.kafka.transactions import Headers
from streams.topics import partition_of

Record = Mapping[str, Any]
Line = Record | Heartbeat


@dataclass(slots=True)
class Published:
    """What was acknowledged by Kafka: records and heartbeats of one feed."""

    records: int = 0
    heartbeats: int = 0


def producer_config(bootstrap: str) -> dict[str, Any]:
    """How records of agencies are sent: acknowledged by every replica in sync, each once."""
    return {
        **client_config(bootstrap),
        "enable.idempotence": True,
        "compression.type": "lz4",
        "message.max.bytes": 4_000_000,
        "queue.buffering.max.messages": 200_000,
    }


class Publisher:
    """Sends lines of feeds; `flush` waits for Kafka's word on all of them.

    Args:
        bootstrap: Kafka's address.
        registry: gives schema ids.
        partitions: of each agency topic.
        batch: stands with every record as the file it came in; None: nothing does.
    """

    def __init__(self, bootstrap: str, registry: Registry, partitions: int, batch: str | None = None) -> None:
        self._bootstrap = bootstrap
        self._registry = registry
        self._partitions = partitions
        self._stamp = [] if batch is None else [(HEADER, batch.encode())]
        self._failure: KafkaError | None = None
        self._producer = Producer({**producer_config(bootstrap), "linger.ms": 20})

    def publish(
        self, contract: Contract, lines: Iterable[Line], on_line: Callable[[], None] = lambda: None
    ) -> Published:
        """Sends the lines of one feed in order; `on_line` is called after each."""
        published = Published()
        for line in lines:
            if isinstance(line, Heartbeat):
                key, value, headers = publish_heartbeat(contract, self._registry, line.up_to)
                for partition in range(self._partitions):
                    self.send(contract.topic, partition, key, value, headers)
                published.heartbeats += 1
            else:
                key, value, headers = publish_record(contract, self._registry, line)
                partition = partition_of(key.decode(errors="replace"), self._partitions)
                self.send(contract.topic, partition, key, value, [*headers, *self._stamp])
                published.records += 1
            on_line()
        return published

    def send(
        self, topic: str, partition: int, key: bytes | None, value: bytes | None, headers: Headers | None = None
    ) -> None:
        """Sends raw bytes, as a faulty publisher would."""
        while True:
            try:
                self._producer.produce(
                    topic,
                    partition=partition,
                    key=key,
                    value=value,
                    headers=list(headers or ()),
                    on_delivery=self._delivered,
                )
            except BufferError:
                self._producer.poll(0.1)
            else:
                self._producer.poll(0)
                return

    def flush(self) -> None:
        """Waits until everything sent is acknowledged.

        Raises:
            Unreachable: Kafka did not acknowledge everything.
        """
        failure = await_reports(self._producer, 60) or self._failure
        if failure is not None:
            raise Unreachable(
                f"Kafka at {self._bootstrap} did not take all records: {failure.str()}",
                "check the broker, then publish again",
            )

    def _delivered(self, error: KafkaError | None, _message: object) -> None:
        self._failure = self._failure or error
