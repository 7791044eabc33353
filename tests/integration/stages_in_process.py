"""Stages as plain objects over logs in memory: the composition root's own tasks, one partition each.

The broker is real where a task reads its log on `open`; topics have names of their own there.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import orjson
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from processors.decisions import Decision
from processors.events import LifeEvent
from processors.offers.clock import SituationClock
from processors.offers.model import OfferRecord, Situation
from schemas.codec import Value
from schemas.publishing import publish_heartbeat, publish_record
from streams import composition, topics
from streams.composition import Platform
from streams.kafka.clients import client_config
from streams.kafka.committer import Position
from streams.kafka.records import Record
from streams.kafka.transactions import Headers, Outgoing
from streams.register import open_register
from streams.settings import Settings
from streams.simulation.feeds import Heartbeat, read_feed
from streams.simulation.town import Town, build
from streams.stages import deciding, intake, plan
from streams.stages.task import Task, work_off

INTERNAL = ("LIFE_EVENTS", "DECISIONS", "HOUSEHOLD_EVENTS", "HOUSEHOLD_DECISIONS", "CLOCKS", "SITUATIONS", "OFFERS")


def new_task(platform: Platform, stage: str, position: Position | None = None) -> Task:
    """A task of the stage for partition 0 as the composition root builds it, opened."""
    with ExitStack() as stack:
        built = stack.enter_context(composition._BUILDERS[stage](platform))
        task = built.task(built.topics[0], 0)
        if isinstance(task, plan.PlanTask):  # what it follows is closed with the stack
            task._context = replace(task._context, clock=lambda: None)
        if position is not None:
            task.open(position)
        return task


class Way:
    """From `life-events.v1` to `offers.v1` in this process; what was sent is kept as values."""

    def __init__(self, platform: Platform) -> None:
        self.codec = platform.codec
        self.correlate = new_task(platform, "correlate", Position(0, ""))
        self.households = new_task(platform, "households", Position(0, ""))
        self.clock = SituationClock()
        self.plan = new_task(platform, "plan", Position(0, ""))
        self.plan._context = replace(self.plan._context, clock=lambda: self.clock.now)  # type: ignore[attr-defined]
        self.log: list[Record] = []
        self.told: list[Outgoing] = []
        self.heard_at_home: list[Record] = []
        self.situations: list[Record] = []
        self.offers: list[OfferRecord] = []

    def say(self, *values: Value, appended: int = 0) -> None:
        """One chunk of lines on `life-events.v1`, appended to the log at that time."""
        self._say([(None, self.codec.encode(value), ()) for value in values], appended)

    def _say(self, lines: Iterable[tuple[bytes | None, bytes | None, Headers]], appended: int) -> None:
        """What correlate puts on its own input is its next chunk."""
        records = [
            Record("life-events.v1", 0, len(self.log) + n, appended, key, value, headers)
            for n, (key, value, headers) in enumerate(lines)
        ]
        self.log += records
        outgoing = [*work_off(self.correlate, records)]
        self._pass_on(outgoing, appended)
        own = [(out.key, out.value, out.headers or ()) for out in outgoing if out.topic == topics.LIFE_EVENTS]
        if own:
            self._say(own, appended)

    def tick(self, is_idle: bool = True) -> None:
        """A second passes."""
        self._pass_on(self.correlate.tick(is_idle))
        self._plan(self.households.tick(is_idle))

    @property
    def decisions(self) -> list[Decision]:
        return [each for each in self._values(self.told) if isinstance(each, Decision)]

    @property
    def situations_told(self) -> list[Situation]:
        return [each for each in self._values(self.told) if isinstance(each, Situation)]

    def _pass_on(self, outgoing: list[Outgoing], appended: int = 0) -> None:
        self._plan(outgoing)
        fresh = [out for out in outgoing if out.topic == topics.HOUSEHOLD_EVENTS]
        count = len(self.heard_at_home)
        records = [Record(o.topic, 0, count + i, appended, o.key, o.value) for i, o in enumerate(fresh)]
        self.heard_at_home += records
        self._plan([*work_off(self.households, records)])

    def _plan(self, outgoing: list[Outgoing]) -> None:
        self.told += outgoing
        for mark in self._values(out for out in outgoing if out.topic == topics.CLOCKS):
            self.clock.hear(mark)
        fresh = [out for out in outgoing if out.topic == topics.SITUATIONS]
        while True:
            records = [Record(o.topic, 0, len(self.situations) + i, 0, o.key, o.value) for i, o in enumerate(fresh)]
            self.situations += records
            planned = [*work_off(self.plan, records), *self.plan.tick(is_idle=False)]
            self.offers += [each for each in self._values(planned) if isinstance(each, OfferRecord)]
            fresh = [out for out in planned if out.topic == topics.SITUATIONS]  # its clock, on its own input
            if not fresh:
                break

    def _values(self, outgoing: Iterable[Outgoing]) -> Iterator[Any]:
        return (self.codec.decode(out.value) for out in outgoing)


def name_topics(bootstrap: str, patch: pytest.MonkeyPatch) -> None:
    """Gives the internal topics names of one test's own, and makes them; no mark of time is held back."""
    patch.setattr(deciding, "MARK_EVERY_S", 0)
    patch.setattr(plan, "MARK_EVERY_S", 0)
    tag = uuid.uuid4().hex[:12]
    for name in INTERNAL:
        patch.setattr(topics, name, f"{getattr(topics, name)}.{tag}")
    make_topics(bootstrap, *(getattr(topics, name) for name in INTERNAL))


def make_life(bootstrap: str, folder: Path) -> list[Record]:
    """`life-events.v1` of a small town, one partition, made by the real intake day by day."""
    build(Town(400, 12, 7), folder / "history")
    platform = Platform(
        Settings(
            kafka=bootstrap, data=folder, deployment=None, register_db=None, event_partitions=1, core_partitions=1
        ),
        is_state_kept=False,
    )
    controls = [topic for topic in topics.core(platform.settings) if topic.name == topics.CONTROLS]
    topics.ensure(bootstrap, controls, platform.settings)  # intake follows them
    with (
        open_register(platform.settings, platform.deployment.default_area) as register,
        (folder / "history" / "population.jsonl").open("rb") as lines,
    ):
        register.load_population(map(orjson.loads, lines))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(intake, "MARK_EVERY_S", 0)
        return list(run_intake(platform, folder / "history" / "feeds"))


def run_intake(platform: Platform, feeds: Path) -> Iterator[Record]:
    with composition._BUILDERS["intake"](platform) as stage:
        days = {feed: by_day(platform, feed, feeds) for feed in sorted(platform.deployment.contracts)}
        tasks = {feed: stage.task(contract.topic, 0) for feed, contract in platform.deployment.contracts.items()}
        for task in tasks.values():
            task.open(Position(0, ""))
        offset = now = 0
        while days:
            for feed in list(days):
                chunk = next(days[feed], None)
                if chunk is None:
                    del days[feed]
                    continue
                for out in work_off(tasks[feed], chunk):
                    if out.topic == topics.LIFE_EVENTS:
                        value = platform.codec.decode(out.value)
                        now = max(now, value.recorded_at if isinstance(value, LifeEvent) else value.heard)
                        yield Record(out.topic, 0, offset, now, out.key, out.value, tuple(out.headers or ()))
                        offset += 1


def by_day(platform: Platform, feed: str, feeds: Path) -> Iterator[list[Record]]:
    contract = platform.deployment.contracts[feed]
    chunk: list[Record] = []
    for offset, line in enumerate(read_feed(feeds / f"{feed}.jsonl")):
        is_beat = isinstance(line, Heartbeat)
        key, value, headers = (
            publish_heartbeat(contract, platform.registry, line.ms)
            if isinstance(line, Heartbeat)
            else publish_record(contract, platform.registry, line)
        )
        chunk.append(Record(contract.topic, 0, offset, 0, key, value, headers))
        if is_beat:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def decide(platform: Platform, life: Sequence[Record], at: Sequence[int]) -> list[Outgoing]:
    """What correlate and households say, chunk by chunk."""
    correlate, households = (new_task(platform, stage, Position(0, "")) for stage in ("correlate", "households"))
    told: list[Outgoing] = []
    for begin, end in pairwise(at):
        said = [*work_off(correlate, life[begin:end])]
        now, heard = life[end - 1].timestamp, [out for out in said if out.topic == topics.HOUSEHOLD_EVENTS]
        told += [*said, *work_off(households, [Record(o.topic, 0, 0, now, o.key, o.value) for o in heard])]
    return told


def make_topics(bootstrap: str, *names: str) -> None:
    """Topics of one partition, kept for ever: a town's records are older than what Kafka keeps unasked."""
    client = AdminClient(client_config(bootstrap))
    kept = {"retention.ms": "-1"}
    for made in client.create_topics([NewTopic(name, 1, 1, config=kept) for name in names]).values():
        made.result(30)


def write(bootstrap: str, topic: str, records: Sequence[Record | Outgoing]) -> None:
    """Puts records on partition 0 as they are, offsets 0, 1, ..."""
    producer = Producer(
        {**client_config(bootstrap), "enable.idempotence": True, "queue.buffering.max.messages": 1_000_000}
    )
    for record in records:
        timestamp = record.timestamp if isinstance(record, Record) else 0
        producer.produce(topic, key=record.key, value=record.value, partition=0, timestamp=timestamp)
    assert producer.flush(30) == 0
