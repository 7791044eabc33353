"""`python -m bench`: each part of the way alone, then the whole way on Kafka, on one synthetic town.

Figures are ratios to a plain loop that only decodes the agencies' Avro, in the same run: machines are
noisy and differ. Writes `bench/results.json`.
"""

from __future__ import annotations

import io
import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fastavro import schemaless_reader
from rich.console import Console
from rich.table import Table

from bench import backtest, rules
from processors.rules.model import Subject
from schemas.publishing import publish_heartbeat, publish_record
from streams import topics
from streams.cli.simulate import simulate
from streams.composition import Platform, wall_ms
from streams.demo.play import Demo
from streams.kafka.transactions import Outgoing, Position
from streams.register import open_register
from streams.settings import Settings
from streams.simulation.feeds import read_feed
from streams.stages.correlate import CorrelateTask
from streams.stages.deciding import DecidingContext
from streams.stages.forwarding import HouseholdWriter, types_for
from streams.stages.households import HouseholdsTask
from streams.stages.intake import IntakeContext, IntakeTask
from streams.stages.plan import PlanContext, PlanTask
from streams.stages.situations import SituationWriter

PERSONS = 20_000
CHUNK = 1_000
BACKTESTED = 1_000_000
RESULTS = Path(__file__).parent / "results.json"


@dataclass(frozen=True, slots=True)
class Record:
    """A raw record that never saw a broker."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]
    timestamp: int = 0


@dataclass(frozen=True, slots=True)
class Result:
    """One line of the table; `events` are records in, heartbeats and marks included."""

    name: str
    events: int
    events_per_s: float
    cpu_s: float
    peak_mb: float
    ratio_to_loop: float


class Bench:
    """One run over one town."""

    def __init__(self, folder: Path) -> None:
        self._settings = Settings(data=folder / "data", clock="feeds")
        self._platform = Platform(self._settings)
        self._history = folder / "history"
        self._results: list[Result] = []

    def run(self) -> list[Result]:
        """Measures every part in order of the way."""
        self._simulate()
        feeds = {feed: list(self._records(feed)) for feed in self._platform.deployment.contracts}
        count = sum(map(len, feeds.values()))
        self._measure("plain decode loop", count, lambda: self._decode(feeds))
        life_events: list[Outgoing] = []
        self._measure("intake, register on SQLite", count, lambda: life_events.extend(self._intake(feeds)))
        partition = [out for out in life_events if out.topic == topics.LIFE_EVENTS]
        situations: list[Outgoing] = []
        decide = "correlate and households, in memory"
        self._measure(decide, len(partition), lambda: situations.extend(self._decide(partition)))
        told = [out for out in situations if out.topic == topics.SITUATIONS]
        self._measure("plan, in memory", len(told), lambda: self._plan(told))
        self._rules()
        self._whole_way(count)
        return self._results

    def _rules(self) -> None:
        """Deciding alone, and a back-test; each against a loop of its own that only decodes the same."""
        loop, *decided = rules.measure(self._platform, self._history.parent / "decided")
        for cost in decided:
            ratio = cost.events_per_s / loop.events_per_s
            self._add(cost.name, cost.events, cost.seconds, cost.cpu_s, _peak_mb(), ratio)
        tested = backtest.measure(self._history.parent, BACKTESTED)
        name = f"back-test, {backtest.RULES} rules, {tested.persons:,} persons"
        self._add(name, tested.events, tested.seconds, tested.cpu_s, tested.peak_mb, tested.ratio_to_loop)

    def _simulate(self) -> None:
        simulate(persons=PERSONS, out=self._history)

    def _records(self, feed: str) -> Iterator[Record]:
        contract, registry = self._platform.deployment.contracts[feed], self._platform.registry
        for offset, line in enumerate(read_feed(self._history / "feeds" / f"{feed}.jsonl")):
            if isinstance(line, dict):
                key, value, headers = publish_record(contract, registry, line)
            else:
                key, value, headers = publish_heartbeat(contract, registry, line.ms)
            yield Record(contract.topic, 0, offset, key, value, headers)

    def _decode(self, feeds: dict[str, list[Record]]) -> None:
        for feed, records in feeds.items():
            schema = self._platform.deployment.contracts[feed].schema.raw
            for record in records:
                if record.key != b"heartbeat" and record.value is not None:
                    schemaless_reader(io.BytesIO(record.value[5:]), schema, None)  # type: ignore[arg-type]

    def _intake(self, feeds: dict[str, list[Record]]) -> Iterator[Outgoing]:
        platform = self._platform
        with open_register(self._settings, platform.deployment.default_area) as register:
            with (self._history / "population.jsonl").open("rb") as lines:
                register.load_population(map(json.loads, lines))
            context = IntakeContext(
                platform.codec, platform.registry, register, platform.deployment.granted_types, 1, 1, wall_ms
            )
            for feed, records in feeds.items():
                task = IntakeTask(platform.deployment.contracts[feed], 0, context)
                task.open(Position(0, ""))
                for start in range(0, len(records), CHUNK):
                    yield from task.process(records[start : start + CHUNK]).outgoing
                task._last_mark = 0.0
                yield from task.tick(is_idle=True)

    def _decide(self, life_events: list[Outgoing]) -> Iterator[Outgoing]:
        types = types_for(self._platform.rules.of_subject(Subject.HOUSEHOLD))
        correlate = CorrelateTask(0, self._deciding(Subject.PERSON), HouseholdWriter(self._platform.codec, types, 1))
        households = HouseholdsTask(0, self._deciding(Subject.HOUSEHOLD))
        records = _as_records(life_events)
        for start in range(0, len(records), CHUNK):
            told = correlate.process(records[start : start + CHUNK])
            yield from told
            yield from households.process(_as_records([out for out in told if out.topic == topics.HOUSEHOLD_EVENTS]))

    def _deciding(self, subject: Subject) -> DecidingContext:
        platform = self._platform
        return DecidingContext(
            bootstrap="", codec=platform.codec, rules=platform.rules.of_subject(subject),
            feeds=frozenset(platform.deployment.contracts), is_wall=False, core_partitions=1,
            situations=SituationWriter(platform.codec, platform.rules, platform.deployment.languages[0], 1),
        )  # fmt: skip

    def _plan(self, situations: list[Outgoing]) -> None:
        platform = self._platform
        task = PlanTask(0, PlanContext("", platform.codec, platform.deployment.contact))
        records = _as_records(situations)
        for start in range(0, len(records), CHUNK):
            task.process(records[start : start + CHUNK])

    def _whole_way(self, count: int) -> None:
        demo = Demo(self._settings, self._history, lambda _: None, lambda *_: None)
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        with demo.running() as (platform, supervisor):
            played = demo.play(platform, supervisor)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - children.ru_utime - children.ru_stime
        self._note("whole way on Kafka, start included", count, played.seconds, cpu, after.ru_maxrss / 1024)

    def _measure(self, name: str, events: int, work: Callable[[], object]) -> None:
        started, cpu = time.perf_counter(), time.process_time()
        work()
        spent = time.perf_counter() - started
        self._note(name, events, spent, time.process_time() - cpu, _peak_mb())

    def _note(self, name: str, events: int, seconds: float, cpu_s: float, peak_mb: float) -> None:
        rate = events / seconds
        loop = self._results[0].events_per_s if self._results else rate
        self._add(name, events, seconds, cpu_s, peak_mb, rate / loop)

    def _add(  # noqa: PLR0913, PLR0917 - the columns
        self, name: str, events: int, seconds: float, cpu_s: float, peak_mb: float, ratio: float
    ) -> None:
        rate = round(events / seconds)
        self._results.append(Result(name, events, rate, round(cpu_s, 2), round(peak_mb), round(ratio, 3)))


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _as_records(sent: list[Outgoing]) -> list[Record]:
    return [Record(out.topic, out.partition, offset, out.key, out.value, []) for offset, out in enumerate(sent)]


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="headwater-bench-") as name:
        yield Path(name)


def main() -> int:
    """Runs the benchmarks, prints the table and writes the results."""
    with _folder() as folder:
        results = Bench(folder).run()
    table = Table(box=None, pad_edge=False)
    for heading in ("", "events", "events/s", "CPU s", "peak MB", "ratio to loop"):
        table.add_column(heading, justify="left" if not heading else "right")
    for r in results:
        table.add_row(
            r.name, f"{r.events:,}", f"{r.events_per_s:,.0f}", f"{r.cpu_s}", f"{r.peak_mb:,.0f}", f"{r.ratio_to_loop}"
        )
    Console().print(table)
    fields = ("name", "events", "events_per_s", "cpu_s", "peak_mb", "ratio_to_loop")
    RESULTS.write_text(json.dumps([{name: getattr(r, name) for name in fields} for r in results], indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
