"""What brokers can do, asked of each of them: too old a one is refused before any work begins.

Kafka tells no client which release it is. It does tell which versions of each request it understands
(ApiVersions, KIP-35), and that tells releases apart: `ListTransactions` has a version 1 since Kafka 3.8
(KIP-994), whether the cluster is run by KRaft or ZooKeeper. A broker that speaks Kafka's protocol but
is something else is judged by the same sign.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor

from aiokafka.conn import create_conn
from aiokafka.errors import KafkaError
from aiokafka.protocol.admin import ApiVersionRequest

OLDEST = "3.8"
SIGN, SIGN_VERSION = 66, 1
"""ListTransactions, and the version of it that came with `OLDEST`."""
PATIENCE_S = 10.0

Broker = tuple[str, int]
"""Host and port."""


def too_old(brokers: Iterable[Broker]) -> list[str]:
    """Those of the brokers (`host:port`) that are older than `OLDEST`; one that does not answer is left out."""
    # In a thread of its own: the caller's may run an event loop.
    with ThreadPoolExecutor(1) as pool:
        answers = pool.submit(asyncio.run, _ask_all(list(brokers))).result()
    return [f"{host}:{port}" for (host, port), spoken in answers.items() if spoken is not None and is_too_old(spoken)]


def is_too_old(spoken: Mapping[int, int]) -> bool:
    """Whether a broker with these requests (number -> newest version) is older than `OLDEST`.

    >>> is_too_old({66: 0}), is_too_old({66: 1}), is_too_old({0: 11})
    (True, False, True)
    """
    return spoken.get(SIGN, -1) < SIGN_VERSION


async def _ask_all(brokers: list[Broker]) -> dict[Broker, dict[int, int] | None]:
    answers = await asyncio.gather(*(_ask(*broker) for broker in brokers))
    return dict(zip(brokers, answers, strict=True))


async def _ask(host: str, port: int) -> dict[int, int] | None:
    try:
        connection = await create_conn(host, port, request_timeout_ms=int(PATIENCE_S * 1000))
    except (KafkaError, OSError):
        return None
    try:
        answer = await connection.send(ApiVersionRequest())
        return {number: newest for number, _oldest, newest in answer.api_versions}
    except (KafkaError, OSError):
        return None
    finally:
        connection.close()
