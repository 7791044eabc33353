"""`python -m tests.faults.soak --hours N`: half load for a long time, random faults, and what grows meanwhile.

Publishes towns one after the other, the next one living a year later, in the order in which things were
recorded. Reports slopes of memory and file descriptors of each stage, and the verifier's word in the end.
"""

from __future__ import annotations

import argparse
import heapq
import json
import os
import random
import shutil
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import orjson

from streams.agencies.publishing import Publisher
from streams.clocks import plan_clock, platform_clock
from streams.errors import Unreachable
from streams.processes import FAUST_STAGES
from streams.register import open_register
from streams.simulation.feeds import Heartbeat, read_feed
from streams.simulation.town import Town, build
from tests.faults.rig import Line, Rig, Setup, sent
from tests.faults.striking import hold, restart_broker

PAGE = os.sysconf("SC_PAGE_SIZE")
SAMPLE_S = 1.0
WARM_UP_S = 20.0
"""A process that was just started grows; this much of each life is left out of the slopes."""
FIRST_YEAR = 2000
MOST_PERSONS = 50_000
RECORDS_PER_PERSON = 2.4
"""A year's records of a person, more or less; heartbeats are few beside them."""
BURST = 4_000
"""Records of the burst whose speed is taken for full load."""


@dataclass(slots=True)
class Life:
    """Samples of one process: seconds, bytes, file descriptors."""

    at: list[float] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)
    descriptors: list[float] = field(default_factory=list)


class Watcher:
    """Samples every stage's process about once a second."""

    def __init__(self) -> None:
        self.lives: dict[str, dict[int, Life]] = defaultdict(lambda: defaultdict(Life))
        self._next = 0.0

    def look(self, pids: dict[str, int]) -> None:
        """Takes a sample if it is time."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + SAMPLE_S
        for stage, pid in pids.items():
            with suppress(OSError, IndexError):  # just gone
                life = self.lives[stage][pid]
                pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
                opened = sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
                life.at.append(now)
                life.memory.append(pages * PAGE)
                life.descriptors.append(opened)

    def slopes(self) -> dict[str, dict[str, float]]:
        """Per stage: MB and descriptors an hour, fitted within each process's life after its warm-up."""
        return {
            stage: {
                "MB/h": _slope([(life.at, life.memory) for life in lives.values()]) * 3600 / 1e6,
                "fds/h": _slope([(life.at, life.descriptors) for life in lives.values()]) * 3600,
                "MB": max((max(life.memory, default=0) for life in lives.values()), default=0) / 1e6,
                "fds": max((max(life.descriptors, default=0) for life in lives.values()), default=0),
                "seconds": sum(_span(life.at) for life in lives.values()),
            }
            for stage, lives in self.lives.items()
        }


def _slope(lives: Sequence[tuple[Sequence[float], Sequence[float]]]) -> float:
    """Least squares with one slope for all and a level of its own for each life; 0 when there is too little."""
    over = under = 0.0
    for at, values in lives:
        points = [(t, v) for t, v in zip(at, values, strict=True) if t >= at[0] + WARM_UP_S]
        if len(points) < 3:
            continue
        middle, level = (sum(each) / len(points) for each in zip(*points, strict=True))
        over += sum((t - middle) * (v - level) for t, v in points)
        under += sum((t - middle) ** 2 for t, _ in points)
    return over / under if under else 0.0


def _span(at: Sequence[float]) -> float:
    return max(0.0, at[-1] - at[0] - WARM_UP_S) if at else 0.0


class Striker:
    """A random fault now and then."""

    def __init__(self, rig: Rig, every_s: float) -> None:
        self._rig = rig
        self._every_s = every_s
        self._next = time.monotonic() + every_s
        self.struck: list[str] = []

    def strike_if_due(self) -> None:
        """Strikes when the time drawn has come."""
        if time.monotonic() < self._next:
            return
        fault = self._rig.dice.choices(("kill", "term", "freeze", "broker"), (4, 3, 2, 1))[0]
        stage = self._rig.dice.choice(FAUST_STAGES)
        with suppress(ProcessLookupError):  # it ended by itself just now
            self._strike(fault, self._rig.stages.pids[stage])
        self.struck.append(fault if fault == "broker" else f"{fault} {stage}")
        self._next = time.monotonic() + self._rig.dice.uniform(0.5, 1.5) * self._every_s

    def _strike(self, fault: str, pid: int) -> None:
        if fault == "broker":
            restart_broker(self._rig)
        elif fault == "freeze":
            hold(self._rig, pid, 3.0)
        else:
            os.kill(pid, signal.SIGKILL if fault == "kill" else signal.SIGTERM)


def lines_of(history: Path) -> Iterator[tuple[str, Line]]:
    """A town's lines of all feeds: day by day, as heartbeats divide them."""

    def dated(feed: str, path: Path) -> Iterator[tuple[int, str, int, Line]]:
        at = 0
        for number, line in enumerate(read_feed(path)):
            at = line.ms if isinstance(line, Heartbeat) else at
            yield at, feed, number, line

    files = sorted((history / "feeds").glob("*.jsonl"))
    for _, feed, _, line in heapq.merge(*(dated(file.stem, file) for file in files)):
        yield feed, line


class Soak:
    """One run."""

    def __init__(self, rig: Rig, folder: Path, persons: int) -> None:
        self._rig = rig
        self._folder = folder
        self._persons = persons
        self._watcher = Watcher()
        platform = rig.platform
        self._publisher = Publisher(platform.bootstrap, platform.registry, rig.settings.event_partitions)
        self.published = 0

    def run(self, seconds: float, rate: float) -> dict[str, object]:
        """Publishes, strikes, watches, verifies; `rate` is records/s, 0: half of what a burst shows to be possible."""
        lines = self._endless()
        rate = rate or self._capacity(lines) / 2
        striker = Striker(self._rig, max(15.0, seconds / 40))
        began, published = time.monotonic(), self.published
        while (spent := time.monotonic() - began) < seconds:
            self._publish(lines, int(spent * rate) - (self.published - published))
            striker.strike_if_due()
            self._rig.watch()
            self._watcher.look(self._rig.stages.pids)
            time.sleep(0.05)
        self._settle_for_good()
        report = self._rig.verify()
        found = {check["name"]: [*check["lost"], *check["twice"], *check["wrong"]] for check in report["checks"]}
        broken = [f"{name}: {len(what)}, as {what[0]}" for name, what in found.items() if what]
        return {
            "seconds": seconds, "rate": rate, "records": self.published, "struck": striker.struck,
            "slopes": self._watcher.slopes(), "holds": report["holds"], "broken": broken,
        }  # fmt: skip

    def _endless(self) -> Iterator[tuple[str, Line]]:
        for lap in range(1000):
            history = self._folder / f"town-{lap}"
            build(Town(self._persons, 12, 1000 + lap, date(FIRST_YEAR + lap, 1, 1)), history)
            with (
                open_register(self._rig.settings, self._rig.platform.deployment.default_area) as register,
                (history / "population.jsonl").open("rb") as people,
            ):
                register.load_population(map(orjson.loads, people))
            yield from lines_of(history)
            shutil.rmtree(history)

    def _capacity(self, lines: Iterator[tuple[str, Line]]) -> float:
        self._publish(lines, 100)  # so that every stage has opened its partitions
        self._settle()
        began, before = time.monotonic(), self.published
        self._publish(lines, BURST)
        self._settle()
        return (self.published - before) / (time.monotonic() - began)

    def _publish(self, lines: Iterator[tuple[str, Line]], count: int) -> None:
        for _ in range(max(0, count)):
            feed, line = next(lines)
            self._publisher.publish(self._rig.platform.deployment.contracts[feed], [sent(line)])
            self.published += 1
        self._publisher.flush()

    def _settle(self) -> None:
        self._rig.await_until(self._rig.is_quiet, "nothing to wait")

    def _settle_for_good(self) -> None:
        """Plan tells itself the time seconds after everybody came to it: until then more is to come."""
        rest = "plan to be told the last of the time, and nothing to wait"
        self._rig.await_until(lambda: self._rig.is_quiet() and self._is_time_told() and self._rig.is_quiet(), rest)

    def _is_time_told(self) -> bool:
        at = (self._rig.platform.bootstrap, self._rig.platform.codec)
        try:
            told, now = plan_clock(*at), platform_clock(*at)
        except Unreachable:  # the broker is just back
            return False
        return told is not None and now is not None and told >= now


def main() -> int:
    """Reads the arguments, runs, prints."""
    asked = _arguments()
    seconds = asked.hours * 3600
    wanted = (asked.rate or 1000) * seconds / RECORDS_PER_PERSON
    persons = int(min(MOST_PERSONS, max(800, wanted)))
    shutil.rmtree(asked.folder, ignore_errors=True)
    rig = Rig(asked.folder / "soak", asked.folder, random.Random(asked.seed), Setup(chunk=5000))
    with rig.running(is_empty=True):
        result = Soak(rig, asked.folder, persons).run(seconds, asked.rate)
    _show(result)
    if asked.json:
        asked.json.write_text(json.dumps(result, indent=1))
    return 0 if result["holds"] else 1


def _show(result: dict[str, object]) -> None:
    struck = result["struck"]
    assert isinstance(struck, list)
    print(
        f"{result['records']:,} records at {result['rate']:.0f}/s, {len(struck)} faults: {', '.join(struck) or 'none'}"
    )
    print(f"{'stage':<12}{'MB at most':>12}{'MB/h':>9}{'fds at most':>13}{'fds/h':>8}{'seconds fitted':>16}")
    slopes = result["slopes"]
    assert isinstance(slopes, dict)
    for stage, each in slopes.items():
        print(
            f"{stage:<12}{each['MB']:>12.0f}{each['MB/h']:>9.1f}{each['fds']:>13.0f}{each['fds/h']:>8.1f}{each['seconds']:>16.0f}"
        )
    print("the verifier: every check holds" if result["holds"] else f"the verifier: BROKEN: {result['broken']}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.soak", description=__doc__)
    parser.add_argument("--hours", type=float, default=1.0, help="how long; fractions too")
    parser.add_argument("--rate", type=float, default=0, help="records/s; default: half of what is possible, measured")
    parser.add_argument("--seed", type=int, default=7, help="of faults")
    parser.add_argument("--folder", type=Path, default=Path(".headwater/soak"), help="where everything is kept")
    parser.add_argument("--json", type=Path, help="also write the result to this file")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
