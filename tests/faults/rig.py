"""The platform under fault: a broker, the stages and a town's history of their own, in a folder of their own.

Real processes. Whoever strikes waits on conditions with `await_until`, which also lets the supervisor
start anew what has ended.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
from confluent_kafka import KafkaException

from schemas.outcomes import Heartbeat as Told
from streams import composition, topics
from streams.agencies import publishing as published
from streams.agencies.publishing import Publisher
from streams.broker import start_broker, stop_broker
from streams.clocks import plan_clock
from streams.composition import Platform
from streams.controls import publish_controls
from streams.demo import play
from streams.demo.comparison import Comparison, compare
from streams.demo.poison import poison
from streams.demo.progress import LagReader
from streams.errors import Unreachable
from streams.kafka.log import partitions_of
from streams.processes import FAUST_STAGES
from streams.register import open_register
from streams.settings import Settings
from streams.simulation.feeds import Heartbeat, read_feed
from streams.stages import supervisor as supervising
from streams.stages.supervisor import Supervisor
from tests.faults.database import Database
from tests.faults.forking import ForkingSupervisor
from tests.faults.stage import Order, as_environment

PATIENCE_S = 300.0
"""How long a condition may take before the case has failed; ordinary ones take seconds."""

Line = dict[str, Any] | Heartbeat
Feeds = dict[str, list[Line]]


class Stuck(AssertionError):
    """A condition did not come about."""


@dataclass(frozen=True, slots=True)
class Setup:
    """How a case wants the platform.

    Attributes:
        orders: when stages strike themselves.
        chunk: most records in a chunk: small, so that there are many.
        bug: planted in the stages.
        change: what is done to the history before it is published.
        environment: what the stages are told besides.
    """

    orders: Sequence[Order] = ()
    chunk: int = 100
    bug: str = ""
    change: Callable[[Feeds, random.Random], Feeds] = lambda feeds, _dice: feeds
    environment: Mapping[str, str] = field(default_factory=dict)


class Rig:
    """A running platform that may be struck."""

    def __init__(self, folder: Path, history: Path, dice: random.Random, setup: Setup) -> None:
        self.folder, self.history, self.dice, self.setup = folder, history, dice, setup
        fixed: dict[str, Any] = dict.fromkeys(("kafka", "broker_port", "deployment", "register_db", "case_db"))
        self.settings = Settings(data=folder / "data", clock="feeds", **fixed)
        self.strikes_file = folder / "strikes"
        self.struck = 0
        self.records = 0
        self.feeds: Feeds = {}
        self.workers: list[Supervisor] = []
        self.database: Database
        self._readers: dict[str, LagReader] = {}

    def use(self, database: Database) -> None:
        """Takes a PostgreSQL as case database."""
        self.database = database
        self.settings = self.settings.model_copy(update={"case_db": database.url})

    @contextmanager
    def running(self, is_empty: bool = False) -> Iterator[Rig]:
        """Broker and stages run while the block does; `is_empty`: without a town, the caller brings one."""
        self.folder.mkdir(parents=True)
        start_broker(self.settings)
        try:
            self.platform = Platform(self.settings)
            topics.ensure(self.platform.bootstrap, self.platform.topics, self.settings)
            if not is_empty:
                self._load()
            self.stages = self.start(FAUST_STAGES)
            try:
                yield self
            finally:
                for workers in self.workers:
                    workers.stop()
        finally:
            for reader in self._readers.values():
                reader.close()
            stop_broker(self.settings)

    @property
    def environment(self) -> dict[str, str]:
        """What commands on this platform are told."""
        return {
            **os.environ,
            "HEADWATER_DATA": str(self.settings.data.resolve()),
            "HEADWATER_KAFKA": self.platform.bootstrap,
            "HEADWATER_CLOCK": "feeds",
            "HEADWATER_CASE_DB": self.settings.case_db or "",
            "PYTHONPATH": str(Path(__file__).parents[2]),
        }

    def start(self, stages: Sequence[str], worker: str = "1") -> Supervisor:
        """Starts workers of stages; whatever they end with, they are started anew."""
        # Ordinary pauses grow to ten seconds: what is tried here is what comes after them.
        supervising.MAX_PAUSE_S = supervising.MIN_PAUSE_S
        orders = as_environment(list(self.setup.orders), self.strikes_file, self.setup.chunk, self.setup.bug)
        environment = {**self.environment, "HEADWATER_WORKER": worker, **orders, **self.setup.environment}
        logs = self.settings.data / f"logs-{worker}"
        workers = ForkingSupervisor(stages, environment, logs)
        self.workers.append(workers)
        return workers

    def watch(self) -> None:
        """Starts anew whatever has ended."""
        for workers in self.workers:
            workers.watch()

    def await_until(self, holds: Callable[[], bool], what: str, patience_s: float = PATIENCE_S) -> None:
        """Waits for a condition.

        Raises:
            Stuck: it does not come about; says what the stages logged last.
        """
        deadline = time.monotonic() + patience_s
        while not holds():
            self.watch()
            if time.monotonic() > deadline:
                raise Stuck(f"{what}: not within {patience_s:.0f} s; {self.last_words()}")
            time.sleep(0.05)

    def last_words(self) -> str:
        """The last line of every log."""
        logs = sorted(self.settings.data.glob("logs-*/*.log"))
        last = {f"{log.parent.name}/{log.stem}": log.read_text(errors="replace").splitlines()[-1:] for log in logs}
        return "; ".join(f"{name}: {line[0][:200]}" for name, line in last.items() if line)

    def strikes(self) -> int:
        """How often stages struck themselves, and were struck."""
        own = len(self.strikes_file.read_text().splitlines()) if self.strikes_file.exists() else 0
        return own + self.struck

    # The history.

    def publish(self, part: int = 0, parts: int = 1) -> None:
        """Sends one of so many parts of every feed, in order."""
        publisher = Publisher(self.platform.bootstrap, self.platform.registry, self.settings.event_partitions)
        for feed, lines in self.feeds.items():
            contract = self.platform.deployment.contracts[feed]
            begin, end = (len(lines) * i // parts for i in (part, part + 1))
            done = publisher.publish(contract, (sent(line) for line in lines[begin:end]))
            self.records += done.records + done.heartbeats * self.settings.event_partitions
        publisher.flush()

    def publish_poison(self) -> int:
        """Sends a few spoiled records of every feed; returns how many."""
        publisher = Publisher(self.platform.bootstrap, self.platform.registry, self.settings.event_partitions)
        sent = 0
        for feed, lines in self.feeds.items():
            contract = self.platform.deployment.contracts[feed]
            good = next((line for line in lines if isinstance(line, dict)), None)
            for spoiled in poison(contract, self.platform.registry, good) if good is not None else ():
                publisher.send(contract.topic, sent % 2, spoiled.key, spoiled.value, spoiled.headers)
                sent += 1
        publisher.flush()
        self.records += sent
        return sent

    def _load(self) -> None:
        with open_register(self.settings, self.platform.deployment.default_area) as register:
            with (self.history / "population.jsonl").open("rb") as lines:
                register.load_population(map(orjson.loads, lines))
            controls = list(play._controls(self.history, register))
        publish_controls(self.settings.model_copy(update={"kafka": self.platform.bootstrap}), controls)
        names = sorted(self.platform.deployment.contracts)
        files = {name: self.history / "feeds" / f"{name}.jsonl" for name in names}
        feeds: Feeds = {name: list(read_feed(file)) for name, file in files.items() if file.is_file()}
        self.feeds = self.setup.change({name: _thinned(lines) for name, lines in feeds.items()}, self.dice)
        self.end = min([line.ms for line in lines if isinstance(line, Heartbeat)][-1] for lines in self.feeds.values())

    # The end.

    def settle(self, patience_s: float = PATIENCE_S) -> None:
        """Waits until nothing waits and plan's clock has reached the end of the history."""
        # In the order of the way: the next stage is asked after the one before it has nothing left to send.
        self.await_until(lambda: self._has_ended() and self.is_quiet(), "to settle", patience_s)

    def is_quiet(self) -> bool:
        """Whether nothing waits for any stage, asked in the order of the way."""
        return not any(map(self.lag, FAUST_STAGES))

    def lag(self, stage: str) -> int:
        """How many offsets wait for a stage."""
        if stage not in self._readers:
            self._readers[stage] = LagReader(self.platform.bootstrap, f"headwater-{stage}", self.sources(stage))
        try:
            lag = self._readers[stage].read()
        except KafkaException:  # the broker is away: perhaps something waits
            return 1
        return max(0, lag.total - lag.done)

    def sources(self, stage: str) -> list[tuple[str, int]]:
        """Partitions a stage reads."""
        inputs = {
            "intake": [contract.topic for contract in self.platform.deployment.contracts.values()],
            "correlate": [topics.LIFE_EVENTS],
            "households": [topics.HOUSEHOLD_EVENTS],
            "plan": [topics.SITUATIONS],
            "deliver": [topics.OFFERS],
        }[stage]
        return [(topic, partition) for topic in inputs for partition in partitions_of(self.platform.bootstrap, topic)]

    def _has_ended(self) -> bool:
        try:
            clock = plan_clock(self.platform.bootstrap, self.platform.codec)
        except Unreachable:  # the broker is away: perhaps time goes on when it is back
            return False
        return clock is not None and clock >= self.end

    def verify(self, may_wait: bool = False) -> dict[str, Any]:
        """What the verifier says, a program of its own."""
        command = [sys.executable, "-m", "tests.verifier", "--kafka", self.platform.bootstrap, "--json"]
        command += ["--case-db", composition.case_db_url(self.settings), *(["--may-wait"] if may_wait else [])]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=self.environment)
        if done.returncode not in (0, 1):
            raise Stuck(f"the verifier ended with {done.returncode}: {done.stderr[-2000:]}")
        report: dict[str, Any] = json.loads(done.stdout)
        return report

    def compare(self) -> Comparison:
        """What was delivered against the truth of the town."""
        with (
            composition.case_store(self.settings) as store,
            open_register(self.settings, self.platform.deployment.default_area) as register,
        ):
            return compare(self.history / "expected.json", self.history / "population.jsonl", register, store)


def _thinned(lines: list[Line]) -> list[Line]:
    """A heartbeat a week, and the last: most records are heartbeats otherwise."""
    beats = [line for line in lines if isinstance(line, Heartbeat)]
    kept = {id(beat) for beat in [*beats[::7], *beats[-1:]]}
    return [line for line in lines if isinstance(line, dict) or id(line) in kept]


def sent(line: Line) -> published.Line:
    """A line as the publisher takes it."""
    return line if isinstance(line, dict) else Told(line.ms)
