"""A synthetic town with the shipped rules: each part of the way alone, then the whole way on Kafka.

Figures are ratios to a plain loop that only decodes the agencies' Avro, in the same run.
"""

from __future__ import annotations

import io
import json
import resource
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from fastavro import schemaless_reader

from bench import backtest, rules
from bench.session import Session
from bench.table import Row
from schemas.publishing import publish_heartbeat, publish_record
from streams import composition, topics
from streams.cli.simulate import simulate
from streams.clocks import as_plan_hears_it
from streams.composition import Platform, wall_ms
from streams.demo.play import Demo
from streams.kafka.committer import Position
from streams.kafka.records import Record
from streams.kafka.transactions import Outgoing
from streams.register import open_register
from streams.settings import Settings
from streams.simulation.feeds import read_feed
from streams.stages.intake import IntakeContext, IntakeTask
from streams.stages.plan import PlanContext, PlanTask
from streams.stages.task import Task, work_off
from streams.state.store import MemoryStore

EVENTS_A_PERSON = 100
"""Of the common job for each person of the town: the town is small, but its rules are many."""

EVENTS_A_BACKTESTED = 2
CHUNK = 1_000


def measure(session: Session) -> list[Row]:
    """Every part in order of the way."""
    return Town(session.part("town"), session.options.events).run()


class Town:
    """One run over one town."""

    def __init__(self, folder: Path, events: int) -> None:
        self._persons = events // EVENTS_A_PERSON
        self._backtested = events // EVENTS_A_BACKTESTED
        self._settings = Settings(data=folder / "data", clock="feeds", kafka=None)
        # Parts alone see no broker: tasks are given records, and state is in memory.
        self._platform = Platform(self._settings.model_copy(update={"kafka": "unused:1"}), is_state_kept=False)
        self._history = folder / "history"
        self._results: list[Row] = []

    def run(self) -> list[Row]:
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
        told = [*as_plan_hears_it(self._platform.codec, situations)]
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
        tested = backtest.measure(self._history.parent, self._backtested)
        name = f"back-test, {backtest.RULES} rules, {tested.persons:,} persons"
        self._add(name, tested.events, tested.seconds, tested.cpu_s, tested.peak_mb, tested.ratio_to_loop)

    def _simulate(self) -> None:
        simulate(persons=self._persons, out=self._history)

    def _records(self, feed: str) -> Iterator[Record]:
        contract, registry = self._platform.deployment.contracts[feed], self._platform.registry
        for offset, line in enumerate(read_feed(self._history / "feeds" / f"{feed}.jsonl")):
            if isinstance(line, dict):
                key, value, headers = publish_record(contract, registry, line)
            else:
                key, value, headers = publish_heartbeat(contract, registry, line.ms)
            yield Record(contract.topic, 0, offset, 0, key, value, headers)

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
                    yield from work_off(task, records[start : start + CHUNK])
                task._last_mark = 0.0
                yield from task.tick(is_idle=True)

    def _decide(self, life_events: list[Outgoing]) -> Iterator[Outgoing]:
        with self._task("correlate") as correlate, self._task("households") as households:
            records = _as_records(life_events)
            for start in range(0, len(records), CHUNK):
                told = [*work_off(correlate, records[start : start + CHUNK])]
                yield from told
                passed_on = [out for out in told if out.topic == topics.HOUSEHOLD_EVENTS]
                yield from work_off(households, _as_records(passed_on))

    def _plan(self, situations: list[Outgoing]) -> None:
        platform = self._platform
        contact = platform.deployment.contact
        context = PlanContext("", platform.codec, contact, lambda *_: MemoryStore(), clock=lambda: None)
        task, records = PlanTask(0, context), _as_records(situations)
        for start in range(0, len(records), CHUNK):
            deque(work_off(task, records[start : start + CHUNK]), maxlen=0)

    @contextmanager
    def _task(self, stage: str) -> Iterator[Task]:
        """A task as the composition root builds it, its state in memory."""
        with composition._BUILDERS[stage](self._platform) as built:
            yield built.task(built.topics[0], 0)

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
        self._results.append(Row(f"town: {name}", events, events / seconds, cpu_s, peak_mb, ratio))


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _as_records(sent: list[Outgoing]) -> list[Record]:
    return [
        Record(out.topic, out.partition, offset, 0, out.key, out.value, [*(out.headers or ())])
        for offset, out in enumerate(sent)
    ]
