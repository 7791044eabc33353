"""What every confluent-kafka client of the platform has in common."""

from __future__ import annotations

import time
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

_ELECTING = (
    KafkaError.NOT_COORDINATOR,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
)
_PATIENCE_S = 30.0


def client_config(bootstrap: str) -> dict[str, Any]:
    """Configuration shared by producers, consumers and admin clients; quiet, and quick to reconnect."""
    return {"bootstrap.servers": bootstrap, "log_level": 2, "reconnect.backoff.max.ms": 1000}


def committed_offsets(consumer: Consumer, partitions: list[TopicPartition]) -> list[TopicPartition]:
    """What the consumer's group committed; waits while a broker just started takes up the group.

    Raises:
        KafkaException: the broker does not answer in time.
    """
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        try:
            return consumer.committed(partitions, timeout=_PATIENCE_S)
        except KafkaException as error:
            if error.args[0].code() not in _ELECTING or time.monotonic() > deadline:
                raise
            time.sleep(0.1)
