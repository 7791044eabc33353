"""How long a partition stands still while workers of a stage are restarted: `python -m bench.rolling`.

Two workers of correlate share the partitions of `life-events.v1` on a broker of their own, while events
come in evenly. Committed positions are read all the time; a partition's stall is how long its position
stood still although records waited. Nothing is asserted: it prints a table.
"""

from __future__ import annotations

import argparse
import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from confluent_kafka import Consumer, Producer, TopicPartition

from processors.events import LifeEvent
from streams import topics
from streams.broker import start_broker, stop_broker
from streams.composition import Platform
from streams.kafka.clients import client_config, committed_offsets
from streams.kafka.ends import Ends
from streams.processes import with_workers
from streams.settings import Settings
from streams.stages.membership import SESSION_S
from streams.stages.supervisor import Supervisor

GROUP = "headwater-correlate"
PERSONS = 5_000
PER_SECOND = 500
PARTITIONS = 4
FEED = "employment-service.job-declarations"


def main() -> None:
    """Runs and prints all cases."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3, help="restarts of each kind")
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as (supervisor, stalls):
        print(
            f"session timeout {SESSION_S:g} s, {PER_SECOND} events/s, {topics.LIFE_EVENTS} with 4 partitions, 2 workers"
        )
        report("nothing happens, 10 s", stalls, lambda: time.sleep(10))
        for number in range(rounds):
            for name in list(supervisor.pids):
                report(
                    f"SIGTERM {name}, round {number + 1}",
                    stalls,
                    lambda name=name: restart(supervisor, name, signal.SIGTERM),
                )
        for number in range(rounds):
            name = list(supervisor.pids)[number % 2]
            report(
                f"SIGKILL {name}, round {number + 1}",
                stalls,
                lambda name=name: restart(supervisor, name, signal.SIGKILL),
            )
        report("one worker stopped and not started again", stalls, lambda: leave(supervisor, stalls))


def report(what: str, stalls: Stalls, act: Callable[[], object]) -> None:
    """Lets something happen and prints the longest stalls until all is worked off again."""
    stalls.begin()
    act()
    stalls.settle()
    longest = stalls.longest()
    print(f"{what:45} longest stall by partition, s: {'  '.join(f'{each:5.2f}' for each in longest)}", flush=True)


def restart(supervisor: Supervisor, name: str, how: signal.Signals) -> None:
    """Ends a worker; its supervisor starts it anew, and it takes its partitions up again."""
    before = supervisor.restarts[name]
    os.kill(supervisor.pids[name], how)
    while supervisor.restarts[name] == before:
        supervisor.watch()
        time.sleep(0.05)


def leave(supervisor: Supervisor, stalls: Stalls) -> None:
    """Ends the first worker and leaves it ended: the other gets its partitions."""
    os.kill(next(iter(supervisor.pids.values())), signal.SIGTERM)
    stalls.await_all_moving()


class Stalls:
    """Looks at committed positions and ends, in a thread of its own, about twenty times a second."""

    def __init__(self, bootstrap: str) -> None:
        self._group = Consumer({**client_config(bootstrap), "group.id": GROUP, "isolation.level": "read_uncommitted"})
        self._sources = [(topics.LIFE_EVENTS, partition) for partition in range(PARTITIONS)]
        self._ends = Ends(bootstrap)
        self._since: dict[tuple[str, int], float] = {}
        self._positions: dict[tuple[str, int], int] = {}
        self._longest: dict[tuple[str, int], float] = {}
        threading.Thread(target=self._run, daemon=True).start()

    def begin(self) -> None:
        """Forgets earlier stalls."""
        self._longest = {}

    def longest(self) -> list[float]:
        """The longest stall of each partition since `begin`, s."""
        return [self._longest.get(source, 0.0) for source in self._sources]

    def settle(self) -> None:
        """Waits until every partition has kept moving for five seconds."""
        self.await_all_moving()
        quiet_since = time.monotonic()
        while time.monotonic() - quiet_since < 5:
            time.sleep(0.1)
            if any(time.monotonic() - since > 1.5 for since in self._since.values()):
                quiet_since = time.monotonic()

    def await_all_moving(self) -> None:
        """Waits until a stall of more than a second began and none is left."""
        deadline = time.monotonic() + 3
        while time.monotonic() < deadline or any(time.monotonic() - since > 1 for since in self._since.values()):
            time.sleep(0.1)

    def _run(self) -> None:
        while True:
            ends = self._ends.of(self._sources)
            committed = committed_offsets(self._group, [TopicPartition(*source) for source in self._sources])
            found = {(one.topic, one.partition): one.offset for one in committed}
            now = time.monotonic()
            for source in self._sources:
                self._look(now, source, found.get(source, 0), ends.get(source, 0))
            time.sleep(0.05)

    def _look(self, now: float, source: tuple[str, int], position: int, end: int) -> None:
        if position != self._positions.get(source) or position >= end:
            self._positions[source] = position
            self._since[source] = now
        self._longest[source] = max(self._longest.get(source, 0.0), now - self._since[source])


@contextmanager
def running(folder: Path) -> Iterator[tuple[Supervisor, Stalls]]:
    """A broker, two workers of correlate, and events that come in evenly."""
    settings = Settings(kafka=None, broker_port=None, deployment=None, data=folder, core_partitions=PARTITIONS)
    start_broker(settings)
    platform = Platform(settings)
    topics.ensure(platform.bootstrap, platform.topics, settings)
    told = {"KAFKA": platform.bootstrap, "DATA": folder, "CORE_PARTITIONS": PARTITIONS}
    environment = {f"HEADWATER_{name}": str(value) for name, value in told.items()}
    supervisor = Supervisor(with_workers(["correlate"], 2), environment, folder / "logs")
    is_over = threading.Event()
    producing = threading.Thread(target=produce, args=(platform, is_over))
    producing.start()
    try:
        stalls = Stalls(platform.bootstrap)
        await_two(folder)
        yield supervisor, stalls
    finally:
        is_over.set()
        producing.join()
        supervisor.stop()
        stop_broker(settings)


def await_two(folder: Path) -> None:
    """Waits until both workers have their share."""

    def opened(worker: int) -> int:
        log = folder / "logs" / f"correlate-{worker}.log"
        return log.read_text(errors="replace").count("partition opened") if log.exists() else 0

    while not (opened(1) >= 2 and opened(2) >= 2):
        time.sleep(0.1)
    time.sleep(5)


def produce(platform: Platform, is_over: threading.Event) -> None:
    """Events of many persons, a few every hundredth of a second."""
    producer = Producer({**client_config(platform.bootstrap), "linger.ms": 5})
    number, begun = 0, time.monotonic()
    while not is_over.is_set():
        while number < (time.monotonic() - begun) * PER_SECOND:
            number += 1
            person, at = f"p{number % PERSONS}", int(time.time() * 1000)
            event = LifeEvent(
                f"e{number}",
                "job_lost",
                person,
                f"h-{person}",
                "riverbend",
                "employment-service",
                FEED,
                at,
                at,
                number,
                at,
            )
            producer.produce(
                topics.LIFE_EVENTS, platform.codec.encode(event), key=f"{person}|{event.id}|{number}".encode(),
                partition=topics.partition_of(person, PARTITIONS),
            )  # fmt: skip
        producer.poll(0.01)
    producer.flush(10)


if __name__ == "__main__":
    main()
