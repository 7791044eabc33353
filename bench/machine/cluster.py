"""A broker of the benchmark's own, the log it holds, and how far a consumer group is on it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from bench.machine.processes import Failed
from bench.workload import DEPLOYMENT
from processors.events import LifeEvent, Mark
from streams import topics
from streams.broker import start_broker, stop_broker
from streams.composition import Platform
from streams.kafka.clients import client_config, committed_offsets
from streams.kafka.log import end_offsets
from streams.kafka.transactions import Outgoing
from streams.life_events import life_event_record
from streams.settings import Settings

PARTITIONS = 4
_GONE_WITHIN_S = 60

Headers = list[tuple[str, str | bytes | None]]


@dataclass(frozen=True)
class Cluster:
    """A running broker.

    Attributes:
        pid: of its process.
        settings: of a platform on it.
        folder: for whatever is measured on it.
    """

    bootstrap: str
    pid: int
    settings: Settings
    folder: Path

    @property
    def platform(self) -> Platform:
        """The platform of the benchmark's deployment folder."""
        return Platform(self.settings)

    def environment(self, data: Path, **own: str) -> dict[str, str]:
        """What a stage's process is told; `own` are settings besides (`clock="wall"`)."""
        told = {"kafka": self.bootstrap, "deployment": str(DEPLOYMENT), "data": str(data), "clock": "feeds",
                "core_partitions": str(PARTITIONS), "event_partitions": str(PARTITIONS), **own}  # fmt: skip
        databases = {name: getattr(self.settings, name) for name in ("case_db", "register_db")}
        told |= {name: url for name, url in databases.items() if url}
        return {f"HEADWATER_{name.upper()}": value for name, value in told.items()}

    def create(self, topic: str, partitions: int = PARTITIONS) -> str:
        """Makes a topic; returns its name."""
        admin = AdminClient(client_config(self.bootstrap))
        admin.create_topics([NewTopic(topic, partitions, 1)])[topic].result(30)
        return topic

    def ensure_topics(self) -> None:
        """Makes those of the platform's topics that are missing."""
        topics.ensure(self.bootstrap, self.platform.topics, self.settings)

    def members(self, group: str) -> int:
        """How many members a consumer group has; a static one that left counts until its session is over."""
        admin = AdminClient(client_config(self.bootstrap))
        return len(admin.describe_consumer_groups([group])[group].result(10).members)

    def forget(self, group: str, names: Iterable[str]) -> None:
        """Removes a consumer group and topics, as if they had never been.

        Raises:
            Failed: they are still there after a while.
        """
        admin = AdminClient(client_config(self.bootstrap))
        deadline = time.monotonic() + _GONE_WITHIN_S
        wanted = set(names)
        while not self._is_gone(admin, group, wanted):
            if time.monotonic() > deadline:
                raise Failed(f"group {group} and topics {sorted(wanted)} could not be removed")
            time.sleep(0.2)

    def _is_gone(self, admin: AdminClient, group: str, names: set[str]) -> bool:
        present = names & set(admin.list_topics(timeout=10).topics)
        if present:
            for deleted in admin.delete_topics(sorted(present)).values():
                deleted.result(30)
        if group not in {one.group_id for one in admin.list_consumer_groups().result(10).valid}:
            return not present
        try:
            # A static member that left is a member until its session is over.
            admin.delete_consumer_groups([group])[group].result(10)
        except KafkaException:
            return False
        return not present


@contextmanager
def broker(folder: Path, case_db: str | None = None, register_db: str | None = None) -> Iterator[Cluster]:
    """The embedded broker in a folder of its own, while the block runs; databases are files there unless named."""
    settings = Settings(
        data=folder, deployment=DEPLOYMENT, clock="feeds", core_partitions=PARTITIONS, event_partitions=PARTITIONS,
        kafka=None, case_db=case_db, register_db=register_db,
    )  # fmt: skip
    started = start_broker(settings)
    try:
        yield Cluster(started.bootstrap, started.pid, settings, folder)
    finally:
        stop_broker(settings)


def write_log(cluster: Cluster, topic: str, log: Iterable[LifeEvent | Mark]) -> int:
    """Puts life events and marks on a topic as intake does; returns how many records that made."""
    codec, written = cluster.platform.codec, 0
    with producing(cluster.bootstrap) as producer:
        for line in log:
            if isinstance(line, Mark):
                key, value = f"mark|{line.feed}".encode(), codec.encode(line)
                records = [Outgoing(topic, partition, key, value) for partition in range(PARTITIONS)]
            else:
                records = [life_event_record(codec, line, PARTITIONS)]
            for record in records:
                produce(producer, topic, record.partition, record.key, record.value, [*(record.headers or ())])
                written += 1
    return written


@contextmanager
def producing(bootstrap: str) -> Iterator[Producer]:
    """A producer for much; everything is acknowledged when the block is left.

    Raises:
        Failed: something was not.
    """
    producer = Producer(
        {
            **client_config(bootstrap),
            "linger.ms": 20,
            "compression.type": "lz4",
            "queue.buffering.max.messages": 500_000,
        }
    )
    yield producer
    if producer.flush(120):
        raise Failed("the broker did not take everything that was written for the benchmark")


def produce(  # noqa: PLR0913, PLR0917 - a record
    producer: Producer, topic: str, partition: int, key: bytes | None, value: bytes | None, headers: Headers | None
) -> None:
    """Sends one record, waiting while the producer's queue is full."""
    while True:
        try:
            producer.produce(topic, partition=partition, key=key, value=value, headers=headers)
        except BufferError:
            producer.poll(0.1)
        else:
            return


class Progress:
    """How far a consumer group is on topics, asked over and over; costs little, since it shares the cores."""

    def __init__(self, cluster: Cluster, group: str, *names: str) -> None:
        ends = {name: end_offsets(cluster.bootstrap, name) for name in names}
        self.total = sum(sum(each.values()) for each in ends.values())
        self._sources = [TopicPartition(name, partition) for name, each in ends.items() for partition in each]
        self._consumer = Consumer(
            {**client_config(cluster.bootstrap), "group.id": group, "isolation.level": "read_uncommitted"}
        )

    def written(self) -> int:
        """How many records there are by now; `total` is how many there were at first."""
        return sum(self._consumer.get_watermark_offsets(one, timeout=30)[1] for one in self._sources)

    def done(self) -> int:
        """How many records the group's committed positions say are done."""
        return sum(max(one.offset, 0) for one in committed_offsets(self._consumer, self._sources))

    def close(self) -> None:
        """Lets go of the connection."""
        self._consumer.close()
