"""A worker's name belongs to one process at a time: whoever comes second is told, and takes nothing from the first.

The name is the worker's static membership of its consumer group (KIP-345): two processes with one name would
take the partitions from each other for ever. On one machine a lock on the worker's folder decides; on
several, what Kafka knows of the group. Whoever comes back after a crash is told from a stranger by where
it runs, and need not wait.
"""

from __future__ import annotations

import fcntl
import hashlib
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._group import MemberDescription

from streams.errors import WrongUse
from streams.kafka.clients import client_config

SESSION_S = 10.0
"""After so long without a heartbeat Kafka gives a worker's partitions to the others."""
PATIENCE_S = SESSION_S + 3.0
"""Longer than Kafka remembers a worker that died."""
REMEDY = "give this one another HEADWATER_WORKER, or end the other"


def client_id(worker: str, data: Path) -> str:
    """How a worker calls itself to Kafka: by its name and a digest of where it runs, the same after a restart."""
    place = f"{socket.gethostname()}|{data.resolve()}"
    return f"{worker}@{hashlib.sha256(place.encode()).hexdigest()[:8]}"


@contextmanager
def sole(worker: str, folder: Path) -> Iterator[None]:
    """Holds the worker's folder while the block runs.

    Args:
        worker: `correlate-1`.
        folder: of this worker alone; it exists.

    Raises:
        WrongUse: another process holds it.
    """
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise WrongUse(f"a worker {worker} runs on this machine already (it holds {folder})", REMEDY) from None
        yield


def refuse_namesake(bootstrap: str, group: str, worker: str, own_client_id: str) -> None:
    """Waits until Kafka knows of no other worker of that name; of one that died it forgets within `SESSION_S`.

    Raises:
        WrongUse: another one is alive; says where.
    """
    admin = AdminClient(client_config(bootstrap))
    deadline = time.monotonic() + PATIENCE_S
    while (other := _namesake(admin, group, worker, own_client_id)) is not None:
        if time.monotonic() > deadline:
            raise WrongUse(f"a worker {worker} runs elsewhere already (at {other.host.strip('/')})", REMEDY)
        time.sleep(0.25)


def _namesake(admin: AdminClient, group: str, worker: str, own_client_id: str) -> MemberDescription | None:
    try:
        members = admin.describe_consumer_groups([group], request_timeout=10)[group].result().members
    except KafkaException:  # a broker just started takes up its groups: then it gives partitions to nobody either
        return None
    others = (each for each in members if each.group_instance_id == worker and each.client_id != own_client_id)
    return next(others, None)
