"""Whether a Kafka cluster answers, asked the way a client asks; starts and changes nothing."""

from __future__ import annotations

from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import AdminClient

from streams.errors import Unreachable

_QUIET = {"log_level": 0, "reconnect.backoff.ms": 50, "reconnect.backoff.max.ms": 200}


def answers(bootstrap: str, timeout_s: float) -> bool:
    """Whether a broker of the cluster lists its topics within `timeout_s` seconds."""
    client = AdminClient({"bootstrap.servers": bootstrap, **_QUIET})
    try:
        return bool(client.list_topics(timeout=timeout_s).brokers)
    except KafkaException:
        return False


def coordinates_transactions(bootstrap: str, timeout_s: float) -> bool:
    """Whether the transaction coordinator hands out a producer id within `timeout_s` seconds."""
    producer = Producer({"bootstrap.servers": bootstrap, "transactional.id": "headwater.broker.readiness", **_QUIET})
    try:
        producer.init_transactions(timeout_s)
    except KafkaException:
        return False
    return True


def check_reachable(bootstrap: str, timeout_s: float = 10) -> None:
    """Checks that the cluster answers.

    Raises:
        Unreachable: it does not within `timeout_s` seconds.
    """
    if not answers(bootstrap, timeout_s):
        raise Unreachable(
            f"the Kafka cluster at {bootstrap} does not answer within {timeout_s:g} s",
            "check HEADWATER_KAFKA and the network, or unset it to use the embedded broker",
        )
