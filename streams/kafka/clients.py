"""What every confluent-kafka client of the platform has in common."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

PATIENCE_S = 30.0
_NOT_READY_YET = frozenset(
    {
        KafkaError.NOT_COORDINATOR,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError._UNKNOWN_PARTITION,
    }
)
"""A broker just started takes up its groups; a topic just made has no leader: both answer soon."""

T = TypeVar("T")


def client_config(bootstrap: str) -> dict[str, Any]:
    """Configuration shared by producers, consumers and admin clients; quiet, and quick to reconnect."""
    return {"bootstrap.servers": bootstrap, "log_level": 2, "reconnect.backoff.max.ms": 1000}


def committed_offsets(consumer: Consumer, partitions: list[TopicPartition]) -> list[TopicPartition]:
    """What the consumer's group committed.

    Raises:
        KafkaException: the broker does not answer in time.
    """
    return _patiently(lambda: consumer.committed(partitions, timeout=PATIENCE_S))


def watermarks(consumer: Consumer, partition: TopicPartition) -> tuple[int, int]:
    """Oldest offset of a partition, and the one after its newest.

    Raises:
        KafkaException: the broker does not answer in time, or there is no such partition.
    """
    return _patiently(lambda: consumer.get_watermark_offsets(partition, timeout=PATIENCE_S))


def await_reports(producer: Producer, seconds: float) -> KafkaError | None:
    """Waits until it was reported what became of every record, for so many seconds at most.

    Not by `Producer.flush`, which raises a fatal fault with callbacks still to be called, and a callback called
    with an exception pending may be cut short. `poll` stops where the fault is raised, and can go on.

    Returns:
        The fatal fault, if there was one, or that not every record was reported on. What became of each record
        its report tells, also after a fatal fault; but it may say no more than that the record was left.
    """
    deadline, fatal = time.monotonic() + seconds, None
    while len(producer) and time.monotonic() < deadline:
        try:
            producer.poll(0.1)
        except KafkaException as error:
            fatal = error.args[0]
    if fatal is None and len(producer):
        return KafkaError(KafkaError._TIMED_OUT, f"no answer within {seconds:.0f} s")
    return fatal


def _patiently(ask: Callable[[], T]) -> T:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return ask()
        except KafkaException as error:
            if error.args[0].code() not in _NOT_READY_YET or time.monotonic() > deadline:
                raise
            time.sleep(0.1)
