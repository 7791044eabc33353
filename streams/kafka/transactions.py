"""Exactly once out: records, and positions if asked for, in one Kafka transaction.

Whoever opens a `transactional.id` calls `init_transactions` and thereby fences every earlier holder of it,
a zombie included. Does not retry what librdkafka calls fatal: the worker ends and is started anew,
state is folded from the log again. Who owns which partition is known to `streams.kafka.committer`.

Source: KIP-98 (exactly once delivery and transactional messaging), KIP-447.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, Sequence
from contextlib import closing, suppress

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from processors.values import value
from streams.errors import Unreachable
from streams.kafka.clients import await_reports, client_config

log = structlog.get_logger()

COMMIT_S = 60.0
ABORT_S = 2.0
COMMIT_SLICE_S = 2.0
"""Between slices a signal is heard."""

Headers = Sequence[tuple[str, bytes]]


@value(frozen=True, slots=True)
class Outgoing:
    """A record to send; `partition` is always chosen by the stage, never by a client's partitioner."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    headers: Headers | None = None


class TransactionalSender:
    """Sends records in transactions under one `transactional.id`: opening it fences whoever had it before."""

    def __init__(self, bootstrap: str, transactional_id: str) -> None:
        self._producer = Producer(
            {
                **client_config(bootstrap),
                "transactional.id": transactional_id,
                "transaction.timeout.ms": 60_000,
                # A transaction right after another: 101 ms at the default of 100, 6.5 at 5, 4.1 at 2 or 1.
                "retry.backoff.ms": 2,
                "linger.ms": 2,
                "compression.type": "lz4",
                # Checked before compression, the broker's limit after it: what the broker took from an
                # agency must never be too large to be passed on.
                "message.max.bytes": 500_000_000,
                "queue.buffering.max.kbytes": 1_048_576,
                "queue.buffering.max.messages": 1_000_000,
            }
        )
        self._failures: list[KafkaError] = []
        self.delivered: dict[tuple[str, int], int] = {}
        """By partition written to, the offset after the last record delivered."""

    def open(self) -> None:
        """Fences earlier holders of the id.

        Raises:
            KafkaException: Kafka does not answer.
        """
        self._producer.init_transactions(30)

    def send(
        self, outgoing: Iterable[Outgoing], positions: tuple[Consumer, list[TopicPartition]] | None = None
    ) -> None:
        """Sends records in one transaction, with input positions of a consumer's group if named: all or nothing.

        Raises:
            KafkaException: nothing is committed; the caller must end and start anew.
        """
        self._producer.begin_transaction()
        for record in outgoing:
            self._send(record)
        if positions is not None:
            group, offsets = positions
            self._producer.send_offsets_to_transaction(offsets, group.consumer_group_metadata(), 30)
        self._commit()

    def close(self) -> None:
        """Aborts what is open, or readers would wait for it for a minute, and lets go of the connection."""
        self._producer.purge()
        await_reports(self._producer, 1)
        with suppress(KafkaException):  # nothing is open, somebody else has fenced it, or Kafka is away
            self._producer.abort_transaction(ABORT_S)

    def _send(self, record: Outgoing) -> None:
        while True:
            try:
                self._producer.produce(
                    record.topic,
                    partition=record.partition,
                    key=record.key,
                    value=record.value,
                    headers=list(record.headers) if record.headers else None,
                    on_delivery=self._on_delivery,
                )
            except BufferError:
                self._producer.poll(0.05)
            except KafkaException as error:
                if error.args[0].code() == KafkaError._FATAL:
                    self._raise_fatal()
                raise
            else:
                return

    def _raise_fatal(self) -> None:
        """Sending says only that a fault was fatal; `poll` raises which."""
        for _ in range(10):
            self._producer.poll(0.1)

    def _commit(self) -> None:
        self._producer.poll(0)
        deadline = time.monotonic() + COMMIT_S
        while True:
            try:
                self._producer.commit_transaction(COMMIT_SLICE_S)
            except KafkaException as error:
                if error.args[0].retriable() and time.monotonic() < deadline:
                    continue
                raise
            break
        if self._failures:
            raise KafkaException(self._failures[0])

    def _on_delivery(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self._failures.append(error)
        else:
            self.delivered[str(message.topic()), message.partition() or 0] = (message.offset() or 0) + 1


def send_once(bootstrap: str, name: str, outgoing: Iterable[Outgoing]) -> None:
    """Sends records in one transaction of its own, all or none; for commands, which fence nobody.

    Args:
        bootstrap: Kafka's address.
        name: who sends, for whoever looks at the broker's transactions.
        outgoing: the records.

    Raises:
        KafkaException: nothing was sent.
    """
    with closing(TransactionalSender(bootstrap, f"headwater-{name}-{uuid.uuid4()}")) as sender:
        sender.open()
        sender.send(outgoing)


def kafka_fault(error: KafkaException) -> str:
    """What went wrong with Kafka; to whoever was fenced also what to look for."""
    fault = error.args[0]
    if fault.code() in (KafkaError._FENCED, KafkaError.INVALID_PRODUCER_EPOCH, KafkaError.PRODUCER_FENCED):
        return "fenced: another process took this work over; two workers of one stage need two HEADWATER_WORKER"
    return f"Kafka: {fault.name()}"


def require_reachable(bootstrap: str) -> None:
    """Checks that a broker answers.

    Raises:
        Unreachable: none does; names the address.
    """
    try:
        AdminClient(client_config(bootstrap)).list_topics(timeout=10)
    except KafkaException:
        raise Unreachable(
            f"Kafka at {bootstrap} does not answer",
            "start it with `headwater broker start`, or correct HEADWATER_KAFKA",
        ) from None
