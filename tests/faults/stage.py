"""`python -m tests.faults.stage NAME`: a stage's real main, with failpoints and planted bugs as the environment orders.

The product knows nothing of this: what is named below is wrapped before the stage starts, so that the process
strikes itself at the n-th passing. Environment:

* `FAULTS_ORDERS`: JSON list of `Order`; those of other stages are left aside.
* `FAULTS_STRIKES`: file to which every strike is appended; it also limits how often one strikes.
* `FAULTS_CHUNK`: most records in a chunk.
* `FAULTS_PLANTED`: name of a planted bug (`tests.faults.planted`).
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import confluent_kafka
import faust

from sinks.case_db import CaseStore
from streams.ending import Ending
from streams.kafka import transactions
from streams.stages import __main__ as stages
from streams.stages import application, deciding, partition, plan
from streams.state.store import RocksStore
from tests.faults import planted

STEPS = ("begin", "produce", "offsets", "commit", "state", "ack")
"""Steps of a commit in their order; each has a failpoint before and after."""

CLAIM = "claim"
"""Committing that a partition is one's own now; likewise."""

HOW = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}


@dataclass(frozen=True, slots=True)
class Order:
    """When a stage strikes itself.

    Attributes:
        stage: which.
        point: `chunk` (in the middle of one), `<step>.before`, `<step>.after`, `write.before`, `write.after`
            (the case database); `full` limits the size of every file from its start on.
        at: at which passing, counted from 1 in each process.
        times: how often in all processes together.
        how: `kill` or `stop`; for `full` the limit in bytes.
    """

    stage: str
    point: str
    at: int = 1
    times: int = 1
    how: str = "kill"


def as_environment(orders: list[Order], strikes: Path, chunk: int, bug: str = "") -> dict[str, str]:
    """What the stages are told."""
    return {
        "FAULTS_ORDERS": json.dumps([asdict(order) for order in orders]),
        "FAULTS_STRIKES": str(strikes),
        "FAULTS_CHUNK": str(chunk),
        "FAULTS_PLANTED": bug,
    }


class Trigger:
    """Counts passings of failpoints, and strikes."""

    def __init__(self, orders: list[Order], strikes: Path) -> None:
        self._orders = orders
        self._strikes = strikes
        self._passed: Counter[str] = Counter()

    def has(self, prefix: str) -> bool:
        """Whether anything is ordered there."""
        return any(order.point.startswith(prefix) for order in self._orders)

    def take(self, point: str) -> str | None:
        """Notes a passing; how to strike now, if at all. A strike is written down before it happens."""
        self._passed[point] += 1
        for order in self._orders:
            line = f"{order.stage} {order.point}"
            if order.point == point and self._passed[point] >= order.at and self._count(line) < order.times:
                with self._strikes.open("a") as strikes:
                    strikes.write(f"{line}\n")
                return order.how
        return None

    def passing(self, point: str) -> None:
        """Strikes if it is time."""
        how = self.take(point)
        if how is not None:
            os.kill(os.getpid(), HOW[how])

    def around(self, step: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function with a failpoint before and after."""

        def wrapped(*args: Any, **options: Any) -> Any:
            self.passing(f"{step}.before")
            result = function(*args, **options)
            self.passing(f"{step}.after")
            return result

        return wrapped

    def _count(self, line: str) -> int:
        return self._strikes.read_text().splitlines().count(line) if self._strikes.exists() else 0


class Trap(list[Any]):
    """A chunk's records; whoever goes through them is struck in the middle."""

    def __init__(self, records: list[Any], strike: Callable[[], None]) -> None:
        super().__init__(records)
        self._strike = strike

    def __iter__(self) -> Iterator[Any]:
        """The records, up to the strike."""
        for number, record in enumerate(super().__iter__()):
            if number == len(self) // 2:
                self._strike()
            yield record


def arm(trigger: Trigger) -> None:
    """Puts failpoints where orders name them."""
    _arm_producer(trigger)
    _arm_tasks(trigger)
    if trigger.has("ack"):
        faust.Event.ack = trigger.around("ack", faust.Event.ack)  # type: ignore[method-assign]
    if trigger.has("write"):
        CaseStore.apply = trigger.around("write", CaseStore.apply)  # type: ignore[method-assign]
    if trigger.has("state"):
        RocksStore.write = trigger.around("state", RocksStore.write)  # type: ignore[method-assign]
    if (limit := trigger.take("full")) is not None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # then writing fails with an error, as on a full disk
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))


def _arm_producer(trigger: Trigger) -> None:
    class Producer(confluent_kafka.Producer):
        """A producer with failpoints at the steps of a transaction."""

        def __init__(self, config: dict[str, Any]) -> None:
            super().__init__(config)
            # A producer named after a partition only claims it.
            self.claims = config["transactional.id"].rpartition("|")[2].isdigit()

        begin_transaction = _unless_claiming(trigger, "begin", confluent_kafka.Producer.begin_transaction)
        produce = _unless_claiming(trigger, "produce", confluent_kafka.Producer.produce)
        send_offsets_to_transaction = _unless_claiming(
            trigger, "offsets", confluent_kafka.Producer.send_offsets_to_transaction
        )
        commit_transaction = _unless_claiming(trigger, "commit", confluent_kafka.Producer.commit_transaction)

    if any(trigger.has(step) for step in (*STEPS[:4], CLAIM)):
        transactions.Producer = Producer  # type: ignore[misc]


def _unless_claiming(trigger: Trigger, step: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """The step with its failpoints; in a claim only the commit has some, under another name."""
    working, claiming = trigger.around(step, function), trigger.around(CLAIM, function)

    def chosen(self: Any, *args: Any, **options: Any) -> Any:
        if not self.claims:
            return working(self, *args, **options)
        return (claiming if step == "commit" else function)(self, *args, **options)

    return chosen


def _arm_tasks(trigger: Trigger) -> None:
    original = partition.PartitionWork.__init__

    def wrapped(self: Any, source: Any, task: Any, *args: Any) -> None:
        if trigger.has("chunk"):
            process = task.process
            task.process = lambda records: process(Trap(list(records), lambda: trigger.passing("chunk")))
        original(self, source, task, *args)

    partition.PartitionWork.__init__ = wrapped  # type: ignore[method-assign]


def main(stage: str) -> None:
    """Arms the stage and runs it, as its own main does."""
    ending = Ending(stage)
    ending.listen()
    orders = [Order(**each) for each in json.loads(os.environ["FAULTS_ORDERS"])]
    application.CHUNK_RECORDS = int(os.environ["FAULTS_CHUNK"])
    # A small town is over before state is written as rarely as it is in earnest.
    deciding.WRITE_S, plan.KEEP_AFTER, plan.KEEP_SHARE = 0.3, 50, 0
    arm(Trigger([order for order in orders if order.stage == stage], Path(os.environ["FAULTS_STRIKES"])))
    if os.environ["FAULTS_PLANTED"]:
        planted.BUGS[os.environ["FAULTS_PLANTED"]].plant(stage)
    ending.leave(stages.main(stage, ending))


if __name__ == "__main__":
    main(sys.argv[1])
