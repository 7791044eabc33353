"""Plays a town's history through the whole platform and sees whether it came out right.

Starts from nothing each time, in a data folder of its own, so that the accounting is of this run.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import orjson

from processors.events import Control, ControlKind
from schemas.outcomes import Heartbeat
from sinks.case_db import CaseStore
from streams import composition, topics
from streams.agencies.publishing import Line, Publisher
from streams.broker import start_broker, stop_broker
from streams.composition import Platform
from streams.controls import publish_controls
from streams.demo.addresses import with_ports
from streams.demo.comparison import Comparison, compare
from streams.demo.poison import poison
from streams.demo.progress import Lag, LagReader
from streams.errors import UserError, WrongUse
from streams.kafka.log import partitions_of, read_topic
from streams.kafka.transactions import require_reachable
from streams.observing.supervision import supervised
from streams.processes import STAGES
from streams.register import PersonRequest, Register, open_register
from streams.settings import Settings
from streams.simulation.feeds import read_feed
from streams.stages.supervisor import Supervisor
from streams.verification.accounting import Accountant, Accounting

SETTLED_S = 2.5
"""How long nothing may move before the history counts as played: longer than a mark is held back."""

STUCK_S = 120.0

Say = Callable[[str], None]
Advance = Callable[[str, int, int], None]
"""Told a stage, what is done and what there is to do."""


@dataclass(frozen=True, slots=True)
class Played:
    """What a demo run came to.

    Attributes:
        accounting: of the whole platform.
        comparison: with the ground truth; None when the history has none.
        poisoned: records spoiled on purpose and sent besides the history.
        restarts: how often a stage was started anew.
        seconds: from the first record sent to the last offer delivered.
    """

    accounting: Accounting
    comparison: Comparison | None
    poisoned: int
    restarts: int
    seconds: float

    @property
    def is_right(self) -> bool:
        """Whether the accounting adds up, nothing waits and every offer is as expected."""
        is_expected = self.comparison is None or self.comparison.is_equal
        return self.accounting.holds and self.accounting.pending == 0 and is_expected


class Demo:
    """One run of the demo: a broker, the stages, and the history they work on.

    Attributes:
        operations: address of the operator's page while it runs; empty when `HEADWATER_METRICS_PORT` is unset.
    """

    def __init__(self, settings: Settings, history: Path, say: Say, advance: Advance, is_watched: bool = False) -> None:
        if not (history / "manifest.json").is_file():
            raise WrongUse(
                f"{history} holds no simulated history", f"write one: headwater simulate --persons 5000 --out {history}"
            )
        # Codes and figures of its own: those of another place must not be touched.
        own = {"data": settings.data / "demo", "clock": "feeds", "access_file": None, "aggregates": None}
        kept = settings.model_copy(update=own)
        self.settings = with_ports(kept, is_usual=is_watched)
        self._history = history
        self._say = say
        self._advance = advance
        self.operations = ""

    @contextmanager
    def running(self) -> Iterator[tuple[Platform, Supervisor]]:
        """The platform with its stages running on an empty slate; all of it ends with the block.

        Raises:
            UserError: a demo runs already, the broker cannot be started, or the cluster named holds data already.
        """
        with _alone(self.settings.data), self._running() as running:
            yield running

    @contextmanager
    def _running(self) -> Iterator[tuple[Platform, Supervisor]]:
        settings = self.settings
        if settings.kafka is None:
            self._say("starting Apache Kafka")
            stop_broker(settings)
            shutil.rmtree(settings.data, ignore_errors=True)
            start_broker(settings)
        platform = Platform(settings)
        try:
            require_reachable(platform.bootstrap)
            _require_empty(platform)
            topics.ensure(platform.bootstrap, platform.topics, settings)
            self._load_register(platform)
            with supervised(settings, STAGES) as seen:
                self.operations = seen.address
                environment = self.environment(platform)
                supervisor = Supervisor(STAGES, environment, settings.data / "logs", seen.environments, seen.note)
                try:
                    yield platform, supervisor
                finally:
                    self._say("stopping the stages")
                    supervisor.stop()
        finally:
            if settings.kafka is None:
                stop_broker(settings)

    def play(self, platform: Platform, supervisor: Supervisor) -> Played:
        """Publishes the history, waits until it has gone all the way, and draws up the result.

        Raises:
            UserError: a stage does not get on; its last words are in the message.
        """
        started = time.monotonic()
        poisoned = self._publish(platform)
        self._await(platform, supervisor)
        seconds = time.monotonic() - started
        self._say("drawing up the accounting")
        with composition.case_store(self.settings) as store:
            accounting = self.account(platform, store)
            comparison = self._compare(platform, store)
        return Played(accounting, comparison, poisoned, sum(supervisor.restarts.values()), seconds)

    def account(self, platform: Platform, store: CaseStore) -> Accounting:
        """The accounting of all there is by now."""
        contracts = platform.deployment.contracts.values()
        return Accountant(platform.bootstrap, platform.codec, contracts, store).draw_up()

    def environment(self, platform: Platform) -> dict[str, str]:
        """What its processes are told besides this process's own environment."""
        settings = self.settings
        return {
            "HEADWATER_DATA": str(settings.data.resolve()),
            "HEADWATER_KAFKA": platform.bootstrap,
            "HEADWATER_CLOCK": settings.clock,
            "HEADWATER_ACCESS_FILE": "",
            "HEADWATER_AGGREGATES": "",
            "HEADWATER_BOARD_PORT": str(settings.board_port),
            "HEADWATER_GATEWAY_PORT": str(settings.gateway_port),
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
        }

    def _load_register(self, platform: Platform) -> None:
        self._say("loading the population into the identity register")
        with open_register(self.settings, platform.deployment.default_area) as register:
            with (self._history / "population.jsonl").open("rb") as lines:
                register.load_population(map(orjson.loads, lines))
            controls = list(_controls(self._history, register))
        if controls:
            publish_controls(self.settings, controls)

    def _publish(self, platform: Platform) -> int:
        publisher = Publisher(platform.bootstrap, platform.registry, self.settings.event_partitions)
        manifest = orjson.loads((self._history / "manifest.json").read_bytes())
        total, done, poisoned = manifest["records"], 0, 0

        def count() -> None:
            nonlocal done
            done += 1
            if done % 500 == 0:
                self._advance("agencies publish", done, max(total, done))

        for feed, contract in sorted(platform.deployment.contracts.items()):
            path = self._history / "feeds" / f"{feed}.jsonl"
            if not path.is_file():
                continue
            first = next((line for line in read_feed(path) if isinstance(line, dict)), None)
            for spoiled in poison(contract, platform.registry, first) if first is not None else ():
                publisher.send(contract.topic, 0, spoiled.key, spoiled.value, spoiled.headers)
                poisoned += 1
            publisher.publish(contract, _lines(path), count)
        publisher.flush()
        self._advance("agencies publish", done, done)
        return poisoned

    def _await(self, platform: Platform, supervisor: Supervisor) -> None:
        """Waits until every stage has worked off its input and nothing moves any more."""
        readers = {stage: LagReader(platform.bootstrap, f"headwater-{stage}", sources)
                   for stage, sources in _sources(platform).items()}  # fmt: skip
        try:
            seen: dict[str, Lag] = {}
            moved = time.monotonic()
            while True:
                supervisor.watch()
                lags = {stage: reader.read() for stage, reader in readers.items()}
                for stage, lag in lags.items():
                    self._advance(stage, lag.done, lag.total)
                if lags != seen:
                    seen, moved = lags, time.monotonic()
                quiet_s = time.monotonic() - moved
                if quiet_s > SETTLED_S and all(lag.is_zero for lag in lags.values()):
                    return
                if quiet_s > STUCK_S:
                    raise _stuck(lags, supervisor)
                time.sleep(0.2)
        finally:
            for reader in readers.values():
                reader.close()

    def _compare(self, platform: Platform, store: CaseStore) -> Comparison | None:
        expected = self._history / "expected.json"
        if not expected.is_file():
            return None
        with open_register(self.settings, platform.deployment.default_area) as register:
            return compare(expected, self._history / "population.jsonl", register, store)


@contextmanager
def _alone(data: Path) -> Iterator[None]:
    """Keeps a second demo from taking the ground from under the first."""
    data.parent.mkdir(parents=True, exist_ok=True)
    with data.with_suffix(".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UserError(
                f"a demo runs already on {data}", "end it with Ctrl-C, or set HEADWATER_DATA to another folder"
            ) from None
        yield


def _require_empty(platform: Platform) -> None:
    if any(True for _ in read_topic(platform.bootstrap, topics.LIFE_EVENTS)):
        raise UserError(
            f"the cluster at {platform.bootstrap} already holds life events",
            "unset HEADWATER_KAFKA to play the demo on the embedded broker, or name an empty cluster",
        )


def _sources(platform: Platform) -> dict[str, list[tuple[str, int]]]:
    inputs = {
        "intake": [contract.topic for contract in platform.deployment.contracts.values()],
        "correlate": [topics.LIFE_EVENTS],
        "households": [topics.HOUSEHOLD_EVENTS],
        "plan": [topics.SITUATIONS],
        "deliver": [topics.OFFERS],
    }
    return {
        stage: [(topic, partition) for topic in names for partition in partitions_of(platform.bootstrap, topic)]
        for stage, names in inputs.items()
    }


def _lines(path: Path) -> Iterator[Line]:
    for line in read_feed(path):
        yield line if isinstance(line, dict) else Heartbeat(line.ms)


def _controls(history: Path, register: Register) -> Iterator[Control]:
    """The town's controls in terms of pseudonyms."""
    said = [orjson.loads(line) for line in (history / "controls.jsonl").read_bytes().splitlines()]
    if not said:
        return
    wanted = {control["person"] for control in said}
    ids = {
        member["person"]: tuple(tuple(pair) for pair in member["ids"])
        for line in (history / "population.jsonl").read_bytes().splitlines()
        for member in orjson.loads(line)["members"]
        if member["person"] in wanted
    }
    resolved = register.resolve([PersonRequest(ids[control["person"]], control["at"]) for control in said])
    for control, who in zip(said, resolved, strict=True):
        yield Control(ControlKind(control["kind"]), who.person, who.household, who.area, control["at"])


def _stuck(lags: dict[str, Lag], supervisor: Supervisor) -> UserError:
    behind = [stage for stage, lag in lags.items() if not lag.is_zero]
    stage = behind[0] if behind else "deliver"
    return UserError(
        f"stage {stage} has not moved for {STUCK_S:.0f} s; the end of its log:\n{supervisor.last_words(stage)}",
        "mend what the log says, then run the demo again",
    )
