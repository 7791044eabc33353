"""Whatever is merged, split, corrected and told too late, read in any order: each fact ends with its person."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from processors.events import ChangeKind, LifeEvent
from processors.identity.households import BEGINNING_MS, Membership
from processors.transfers import Step, Transfer
from schemas.codec import Codec
from streams import composition, topics
from streams.composition import Platform
from streams.kafka.records import Record
from streams.kafka.transactions import Outgoing
from streams.life_events import life_event_record, transfer_record
from streams.stages.task import Task, work_off
from tests.integration.small_rules import lost, new_platform, twice

PARTITIONS = 3
TELL, CORRECT, ANNUL, MERGE, SPLIT, READ = range(6)
Act = tuple[int, int, int, int]


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Platform:
    """One that is never asked to reach Kafka."""
    return new_platform("nowhere:1", tmp_path_factory.mktemp("place"), [twice("both", "job_lost", 60)], PARTITIONS)


@dataclass
class Fact:
    """What is true of a fact: whose it was, the last has it now; of which of them its agency has heard."""

    root: str
    owners: list[str]
    newest: str
    is_annulled: bool = False
    heard: int = 0


@dataclass
class World:
    """Agencies, a register and an officer on one side, the partitions of correlate on the other."""

    tasks: list[Task]
    codec: Codec
    keys: list[str] = field(default_factory=lambda: ["a", "b", "c", "d"])
    merged: dict[str, str] = field(default_factory=dict)
    facts: list[Fact] = field(default_factory=list)
    log: list[list[Record]] = field(default_factory=lambda: [[] for _ in range(PARTITIONS)])
    read: list[int] = field(default_factory=lambda: [0] * PARTITIONS)
    count: int = 0

    def act(self, act: Act) -> None:
        what, one, other, many = act
        self.count += 1
        if what == TELL:
            self._tell(self._anybody(one), other)
        elif what == MERGE:
            self._merge(self._living(one), self._living(other))
        elif what == READ:
            self._read(one % PARTITIONS, many)
        elif self.facts and what == SPLIT:
            self._split(self._living(one), other, many)
        elif self.facts:
            self._speak(self.facts[one % len(self.facts)], other, is_annulment=what == ANNUL)

    def drain(self) -> None:
        while any(self.read[number] < len(log) for number, log in enumerate(self.log)):
            for number in range(PARTITIONS):
                self._read(number, 1_000)

    def standing(self, root: str) -> list[tuple[str, str]]:
        """Who has the fact, and by which line."""
        subjects = [(key, self.tasks[self._partition(key)]._subjects.of(key)) for key in self.keys]  # type: ignore[attr-defined]
        return [(key, live.line.id) for key, held in subjects for live in held.timeline.standing if live.root == root]

    def _tell(self, key: str, stale: int) -> None:
        """Somebody who has not heard of a merge tells it of the old key."""
        root = f"fact {self.count}"
        owner = self._now(key)
        former = [each for each in self.keys if self._now(each) == owner]
        self.facts.append(Fact(root, [owner], root))
        self._say(lost(former[stale % len(former)], self.count, id=root))

    def _speak(self, fact: Fact, stale: int, is_annulment: bool) -> None:
        """Who has heard of a new owner does not forget it."""
        change = ChangeKind.ANNULLED if is_annulment else ChangeKind.CORRECTED
        fact.heard += stale % (len(fact.owners) - fact.heard)
        line = lost(fact.owners[fact.heard], self.count, id=f"line {self.count}")
        self._say(replace(line, change=change, replaces=fact.newest))
        fact.is_annulled |= is_annulment
        if not is_annulment:
            fact.newest = line.id

    def _merge(self, key: str, into: str) -> None:
        """The register refuses to give a key back what it has lost."""
        going = [fact for fact in self.facts if fact.owners[-1] == key]
        if key == into or any(into in fact.owners for fact in going):
            return
        self.merged[key] = into
        for fact in going:
            fact.owners.append(into)
        self._order(key, into)

    def _split(self, key: str, first: int, many: int) -> None:
        own = [fact for fact in self.facts if fact.owners[-1] == key]
        going = own[first % len(own) :][: many + 1] if own else []
        if going:
            into = f"new {self.count}"
            self.keys.append(into)
            for fact in going:
                fact.owners.append(into)
            self._order(key, into, *(fact.root for fact in going))

    def _order(self, key: str, into: str, *events: str) -> None:
        homes = (Membership(f"home of {into}", "riverbend", BEGINNING_MS),)
        self._send(
            transfer_record(self.codec, Transfer(Step.ORDERED, key, into, self.count, homes, events), PARTITIONS)
        )

    def _say(self, line: LifeEvent) -> None:
        self._send(life_event_record(self.codec, line, PARTITIONS))

    def _send(self, out: Outgoing) -> None:
        log = self.log[out.partition]
        log.append(Record(out.topic, out.partition, len(log), 0, out.key, out.value, out.headers or ()))

    def _read(self, number: int, many: int) -> None:
        begin = self.read[number]
        records = self.log[number][begin : begin + many]
        self.read[number] += len(records)
        for out in work_off(self.tasks[number], records):
            if out.topic == topics.LIFE_EVENTS:
                self._send(out)

    def _anybody(self, number: int) -> str:
        return self.keys[number % len(self.keys)]

    def _living(self, number: int) -> str:
        return self._now(self._anybody(number))

    def _now(self, key: str) -> str:
        return self._now(self.merged[key]) if key in self.merged else key

    def _partition(self, key: str) -> int:
        return topics.partition_of(key, PARTITIONS)


def tasks_of(platform: Platform) -> Iterator[Task]:
    for number in range(PARTITIONS):
        with composition._BUILDERS["correlate"](platform) as stage:
            yield stage.task(topics.LIFE_EVENTS, number)


number = st.integers(0, 9)
kinds = st.sampled_from([TELL, TELL, CORRECT, CORRECT, ANNUL, MERGE, SPLIT, READ, READ])
acts = st.lists(st.tuples(kinds, number, number, number), max_size=40)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=1000, deadline=None)
@given(acts=acts)
def test_each_fact_ends_with_the_person_it_belongs_to(platform: Platform, acts: list[Act]) -> None:
    world = World(list(tasks_of(platform)), platform.codec)
    for act in acts:
        world.act(act)
    world.drain()
    for fact in world.facts:
        assert world.standing(fact.root) == ([] if fact.is_annulled else [(fact.owners[-1], fact.newest)]), fact
