"""The five stages as real processes on one data folder, and what each costs."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from confluent_kafka import Producer

from bench.machine import processes
from bench.machine.cluster import PARTITIONS, Cluster
from bench.machine.processes import Child, await_that, cpu_s, peak_mb, resident_mb
from schemas.publishing import publish_heartbeat
from streams.composition import Platform
from streams.kafka.log import committed_positions, end_offsets
from streams.processes import FAUST_STAGES
from streams.register import PersonRequest, open_register
from streams.settings import Settings

STARTS_WITHIN_S = 60.0
REGISTERED_AT_ONCE = 5000


@dataclass(frozen=True)
class Stages:
    """The stages at work.

    Attributes:
        children: by stage.
        database: the case database.
    """

    cluster: Cluster
    children: Mapping[str, Child]
    database: Path

    @property
    def _sources(self) -> list[str]:
        return [contract.topic for contract in self.cluster.platform.deployment.contracts.values()]

    def check(self) -> None:
        """Sees that all still run.

        Raises:
            Failed: one ended.
        """
        for child in self.children.values():
            child.check()

    def cpu_s(self) -> dict[str, float]:
        """CPU-seconds of each stage so far, and of the broker."""
        spent = {name: cpu_s(child.process.pid) for name, child in self.children.items()}
        return {**spent, "broker": cpu_s(self.cluster.pid)}

    def peak_mb(self) -> dict[str, float]:
        """The most memory each ever held."""
        return {name: peak_mb(child.process.pid) for name, child in self.children.items()}

    def resident_mb(self) -> dict[str, float]:
        """The memory each holds now."""
        return {name: resident_mb(child.process.pid) for name, child in self.children.items()}

    def taken_in(self) -> int:
        """Records of the agency that intake is done with."""
        return sum(committed_positions(self.cluster.bootstrap, "headwater-intake", self._sources).values())

    def waiting(self) -> int:
        """Records of the agency that intake has still to take in."""
        ends = (end_offsets(self.cluster.bootstrap, source).values() for source in self._sources)
        return sum(map(sum, ends)) - self.taken_in()

    def told(self) -> int:
        """Situations whose fate stands in the database: in an offer, or suppressed."""
        return self.ask("SELECT count(DISTINCT match_id) FROM offer_situations") + self.ask(
            "SELECT count(*) FROM suppressed"
        )

    def offers(self) -> int:
        """Offers in the database."""
        return self.ask("SELECT count(*) FROM offers")

    def ask(self, query: str) -> int:
        """One number from the database."""
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=30)) as connection:
            return int(connection.execute(query).fetchone()[0])


@contextmanager
def stages(cluster: Cluster, clock: str) -> Iterator[Stages]:
    """Starts them and waits until each has every partition it reads; ends them with the block."""
    data = cluster.settings.data
    environment = cluster.environment(data, clock=clock)
    logs = data / "stage-logs"
    logs.mkdir(exist_ok=True)
    with ExitStack() as running:
        children = {
            name: running.enter_context(
                processes.running(name, processes.python("streams.stages", name), logs, environment)
            )
            for name in FAUST_STAGES
        }
        for child in children.values():
            await_that(partial(_is_open, child), STARTS_WITHIN_S, f"{child.name} opens its partitions", child)
        yield Stages(cluster, children, data / "cases.db")


def _is_open(child: Child) -> bool:
    return child.log.read_text(errors="replace").count("partition opened") >= PARTITIONS


def register(settings: Settings, names: list[str]) -> None:
    """Makes persons known to the register, as a place's population is before the first event comes."""
    with open_register(settings, Platform(settings).deployment.default_area) as book:
        for start in range(0, len(names), REGISTERED_AT_ONCE):
            some = names[start : start + REGISTERED_AT_ONCE]
            book.resolve([PersonRequest((("bench-number", name),), 0) for name in some])


def beat(cluster: Cluster, up_to: int, producer: Producer) -> None:
    """The agencies say that nothing more will come up to then, on every partition."""
    platform = cluster.platform
    for contract in platform.deployment.contracts.values():
        key, value, headers = publish_heartbeat(contract, platform.registry, up_to)
        for partition in range(PARTITIONS):
            producer.produce(contract.topic, partition=partition, key=key, value=value, headers=[*headers])
