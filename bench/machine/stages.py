"""The five stages as real processes on one data folder, and what each costs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial

from confluent_kafka import Producer
from sqlalchemy import Engine, create_engine, text

from bench.machine import processes
from bench.machine.cluster import PARTITIONS, Cluster, Progress
from bench.machine.processes import Child, await_that, cpu_s, peak_mb, resident_mb
from schemas.publishing import publish_heartbeat
from streams.composition import Platform, case_db_url
from streams.processes import FAUST_STAGES
from streams.register import PersonRequest, open_register
from streams.settings import Settings

STARTS_WITHIN_S = 180.0
REGISTERED_AT_ONCE = 5000


@dataclass(frozen=True)
class Stages:
    """The stages at work.

    Attributes:
        children: by stage.
        case_db: the case database, to be asked.
        intake: how far intake is on the agencies' topics.
    """

    cluster: Cluster
    children: Mapping[str, Child]
    case_db: Engine
    intake: Progress

    def await_first(self) -> int:
        """Waits until intake is done with something; returns with how many records."""
        await_that(lambda: self.intake.done() > 0, STARTS_WITHIN_S, "intake begins", *self.children.values())
        return self.intake.done()

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
        with self.case_db.connect() as connection:
            return int(connection.execute(text(query)).scalar_one())


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
        sources = [contract.topic for contract in cluster.platform.deployment.contracts.values()]
        intake = Progress(cluster, "headwater-intake", *sources)
        running.callback(intake.close)
        case_db = create_engine(case_db_url(cluster.settings))
        running.callback(case_db.dispose)
        yield Stages(cluster, children, case_db, intake)


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
