"""One idempotent producer for all requests: each learns where its records landed, or that they may not have.

Sends within a few seconds or not at all; what was not acknowledged is never said to be accepted,
though Kafka may have it. A copy does no harm: intake and correlate know events by their ids.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Protocol

import structlog
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from streams.agencies.publishing import producer_config
from streams.kafka.clients import await_reports
from streams.kafka.tail import Source
from streams.kafka.transactions import Outgoing

log = structlog.get_logger()

PATIENCE_S = 5.0
"""How long Kafka may take to acknowledge a record, seconds."""
_MOST_QUEUED_KB = 64 * 1024


@dataclass(frozen=True, slots=True)
class Landed:
    """Where a record is."""

    partition: int
    offset: int


class Unacknowledged(Exception):
    """Kafka did not acknowledge every record of a request; any of them may be there all the same."""


class _Delivery:
    """The records of one request on their way; ends when each was reported on."""

    def __init__(self, count: int) -> None:
        self.future: Future[list[Landed]] = Future()
        self.future.set_running_or_notify_cancel()  # a client that leaves must not cancel what callbacks will answer
        self._landed: list[Landed | None] = [None] * count
        self._open = count
        self._why: str | None = None
        self._lock = threading.Lock()

    def note(self, position: int, landed: Landed | None, why: str | None) -> None:
        """What became of one record."""
        with self._lock:
            self._landed[position] = landed
            self._why = self._why or why
            self._open -= 1
            is_over = self._open == 0
        if is_over:
            self._finish()

    def _finish(self) -> None:
        if self._why is not None:
            self.future.set_exception(Unacknowledged(self._why))
        else:
            self.future.set_result([one for one in self._landed if one is not None])


class Sender(Protocol):
    """What the gateway needs of Kafka to write."""

    def send(self, records: Sequence[Outgoing]) -> Future[list[Landed]]:
        """See `EventProducer.send`."""

    def require_reachable(self) -> None:
        """See `EventProducer.require_reachable`."""


class EventProducer:
    """Sends records of many requests at a time; `send` may be called from any thread.

    Args:
        bootstrap: Kafka's address.
        patience_s: after how many seconds a record counts as not acknowledged.
    """

    def __init__(self, bootstrap: str, patience_s: float = PATIENCE_S) -> None:
        self._config = {
            **producer_config(bootstrap),
            "linger.ms": 2,
            "message.timeout.ms": int(patience_s * 1000),
            "queue.buffering.max.kbytes": _MOST_QUEUED_KB,
        }
        self._producer = Producer(self._config)
        self._is_broken = threading.Event()
        self._is_over = threading.Event()
        self._poller = threading.Thread(target=self._poll, name="gateway-producer", daemon=True)
        self._poller.start()

    def send(self, records: Sequence[Outgoing]) -> Future[list[Landed]]:
        """Sends records in order.

        Returns:
            Where each landed, in the same order; or `Unacknowledged`, when any was not.
        """
        delivery = _Delivery(len(records))
        for position, record in enumerate(records):
            self._send_one(delivery, position, record)
        return delivery.future

    def require_reachable(self) -> None:
        """Asks Kafka for a sign of life.

        Raises:
            Unacknowledged: it gives none.
        """
        try:
            self._producer.list_topics(timeout=2.0)
        except KafkaException as error:
            raise Unacknowledged(error.args[0].str()) from None

    def close(self) -> None:
        """Waits for what is on its way, then lets go of the connection; may be called twice."""
        if not self._is_over.is_set():
            await_reports(self._producer, PATIENCE_S)
            self._is_over.set()
            self._poller.join()

    def _send_one(self, delivery: _Delivery, position: int, record: Outgoing) -> None:
        producer = self._producer

        def report(error: KafkaError | None, message: Message) -> None:
            if error is None:
                delivery.note(position, Landed(message.partition() or 0, message.offset() or 0), None)
            else:
                self._look_at(producer, error)
                delivery.note(position, None, error.str())

        try:
            producer.produce(
                record.topic,
                partition=record.partition,
                key=record.key,
                value=record.value,
                headers=list(record.headers or ()),
                on_delivery=report,
            )
        except BufferError:
            delivery.note(position, None, "too many records wait for Kafka")
        except KafkaException as error:
            self._look_at(producer, error.args[0])
            delivery.note(position, None, error.args[0].str())

    def _look_at(self, producer: Producer, error: KafkaError) -> None:
        if producer is self._producer and (error.fatal() or error.code() == KafkaError._FATAL):
            self._is_broken.set()

    def _poll(self) -> None:
        while not self._is_over.is_set():
            try:
                self._producer.poll(0.1)
            except KafkaException as error:
                self._look_at(self._producer, error.args[0])
            if self._is_broken.is_set():
                self._replace()

    def _replace(self) -> None:
        """A producer with a fatal error sends nothing more; a new one takes its place."""
        log.warning("gateway producer is replaced after a fatal error")
        broken, self._producer = self._producer, Producer(self._config)
        broken.purge()
        await_reports(broken, 1)
        self._is_broken.clear()


@dataclass(slots=True)
class MemorySender:
    """Takes records into a list instead of Kafka; for tests.

    Attributes:
        is_reachable: whether records are acknowledged.
    """

    is_reachable: bool = True
    sent: list[Outgoing] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def send(self, records: Sequence[Outgoing]) -> Future[list[Landed]]:
        """See `EventProducer.send`."""
        delivery = _Delivery(len(records))
        for position, record in enumerate(records):
            with self._lock:
                offset = sum((one.topic, one.partition) == (record.topic, record.partition) for one in self.sent)
                self.sent.append(record)
            landed = Landed(record.partition, offset) if self.is_reachable else None
            delivery.note(position, landed, None if self.is_reachable else "nobody answers")
        return delivery.future

    def require_reachable(self) -> None:
        """See `EventProducer.require_reachable`."""
        if not self.is_reachable:
            raise Unacknowledged("nobody answers")

    def has(self, source: Source, offset: int) -> bool:
        """See `streams.gateway.places.Watermarks`."""
        return offset < sum((one.topic, one.partition) == source for one in self.sent)
