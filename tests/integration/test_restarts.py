"""What a start meets that was left half-done: work told once already, a walk, a damaged store, a million looked at."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from processors.events import LifeEvent, Mark
from processors.offers.model import SituationMark
from processors.offers.policy import ContactPolicy
from streams import topics
from streams.clocks import as_plan_hears_it
from streams.composition import Platform
from streams.kafka.chunks import Chunk
from streams.kafka.committer import Position, Progress
from streams.kafka.log import read_partition
from streams.kafka.records import Record
from streams.kafka.transactions import Outgoing
from streams.settings import Settings
from streams.stages import correlate, deciding, restoring
from streams.stages.deciding import DECIDED
from streams.stages.partition import PartitionWork
from streams.stages.task import Task, work_off
from streams.state.store import MemoryStore, Unreadable
from tests.integration.stages_in_process import decide, make_life, name_topics, new_task, write
from tests.integration.test_time import STOPPED, cuts, day, news


@pytest.fixture
def platform(kafka: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Platform:
    """Of one partition, on topics of this test's own; state in memory."""
    name_topics(kafka, monkeypatch)
    fixed: dict[str, Any] = {"kafka": kafka, "data": tmp_path, "deployment": None, "case_db": None, "register_db": None}
    return Platform(Settings(**fixed, clock="feeds", event_partitions=1, core_partitions=1), is_state_kept=False)


@pytest.fixture(scope="module")
def life(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> list[Record]:
    """`life-events.v1` of a small town."""
    return make_life(kafka, tmp_path_factory.mktemp("town"))


def work(task: Task, records: list[Record], until: int) -> Iterator[Outgoing]:
    """What a task gives for the first records, committed in pieces."""
    for begin in range(0, until, 500):
        end = min(begin + 500, until)
        yield from work_off(task, records[begin:end])
        task.committed(end, {})


def test_a_restart_on_the_way_after_offsets_were_set_back_tells_nothing_again(
    platform: Platform, life: list[Record], kafka: str
) -> None:
    """The state is lost as well: the partition went to another worker meanwhile."""
    write(kafka, topics.LIFE_EVENTS, life)
    told = decide(platform, life, cuts(random.Random(3), len(life)))
    write(kafka, topics.DECISIONS, [out for out in told if out.topic == topics.DECISIONS])
    at = len(life) // 3
    first = new_task(platform, "correlate", Position(0, ""))
    said = [*first.tick(is_idle=False), *work(first, life, at)]
    second = new_task(platform, "correlate", Position(at, first.note()))
    said += [*second.tick(is_idle=False), *work_off(second, life[at:])]
    assert {out.topic for out in news(platform, said)} <= {topics.HOUSEHOLD_EVENTS}
    second.committed(len(life), {})
    assert second.note().startswith(DECIDED), "from the end on, starts are ordinary again"


def test_a_restart_on_the_way_after_offsets_were_set_back_offers_nothing_again(
    platform: Platform, life: list[Record], kafka: str
) -> None:
    told = decide(platform, life, cuts(random.Random(3), len(life)))
    write(kafka, topics.SITUATIONS, [*as_plan_hears_it(platform.codec, told)])
    situations = [
        Record(topics.SITUATIONS, 0, m.offset() or 0, 0, None, m.value())
        for m in read_partition(kafka, topics.SITUATIONS, 0)
    ]
    offers = [*work_off(new_task(platform, "plan", Position(0, "")), situations)]
    write(kafka, topics.OFFERS, [out for out in offers if out.topic == topics.OFFERS])
    at = len(situations) // 3
    planning = new_task(platform, "plan", Position(0, ""))
    said = [*work(planning, situations, at)]
    planning = new_task(platform, "plan", Position(at, planning.note()))
    said += [*planning.tick(is_idle=False), *work_off(planning, situations[at:])]
    assert [out for out in said if out.topic == topics.OFFERS] == []
    planning.committed(len(situations), {})
    assert planning.note() == "planned"


def test_what_was_planned_before_the_first_limits_on_the_log_is_planned_under_them_again(
    platform: Platform, kafka: str
) -> None:
    """The limits of a first start come after the backlog it found, and the settings are others meanwhile."""
    before = ContactPolicy(cap_offers=7)
    marks = [Outgoing(topics.SITUATIONS, 0, b"mark", platform.codec.encode(SituationMark(0, 2, n))) for n in range(9)]
    limits = Outgoing(topics.SITUATIONS, 0, b"policy", platform.codec.encode(before))
    write(kafka, topics.SITUATIONS, [*marks, limits])
    task = new_task(platform, "plan", Position(5, "planned"))
    assert task._policy == before  # type: ignore[attr-defined]


def test_a_partition_comes_back_while_the_past_was_being_passed_on(
    platform: Platform, life: list[Record], kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(correlate, "PAST_RECORDS", 1)
    write(kafka, topics.LIFE_EVENTS, life)
    kept = replace(platform, is_state_kept=True)
    first = new_task(kept, "correlate", Position(len(life) // 2, DECIDED + "other types"))
    assert [out for out in first.tick(is_idle=False) if out.topic == topics.HOUSEHOLD_EVENTS]
    first.close()
    second = new_task(kept, "correlate", Position(len(life) // 2, first.note()))
    second.close()


def test_a_record_whose_subject_cannot_be_read_from_the_store_is_no_fault_of_the_record(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = new_task(platform, "correlate", Position(0, DECIDED))

    def damaged(_self: MemoryStore, _key: bytes) -> bytes | None:
        raise Unreadable("state is damaged and will be made anew")

    monkeypatch.setattr(MemoryStore, "get", damaged)
    record = Record(topics.LIFE_EVENTS, 0, 0, day(1), None, platform.codec.encode(STOPPED))
    with pytest.raises(Unreadable):
        task.process([record])


def test_what_is_still_to_be_looked_at_shows_while_state_is_made(
    platform: Platform, life: list[Record], kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The watchdog ends a stage whose share stays the same: in every phase of a long start it must move."""
    monkeypatch.setattr(restoring, "TOLD_EVERY_S", 0)
    write(kafka, topics.LIFE_EVENTS, life)
    task: Any = new_task(platform, "correlate")
    shares: list[float] = []
    look = task._restorer.look

    def looking(name: str) -> None:
        shares.append(task.restored)
        look(name)

    task._restorer.look = looking
    task.open(Position(len(life), DECIDED))
    assert len(set(shares)) > len(shares) // 2
    assert shares == sorted(shares)
    assert task.restored == 1.0


class Commits:
    """Takes whatever is committed."""

    async def commit(self, progress: Progress) -> dict[tuple[str, int], int]:
        """Takes it."""
        del progress
        return {}


def test_looking_at_many_who_have_nothing_to_tell_does_not_gather_them_in_memory(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their time has come, but the feeds that could contradict are silent."""
    monkeypatch.setattr(deciding, "MOST_LOOKS", 10)
    monkeypatch.setattr(deciding, "WRITE_CHANGES", 20)
    task: Any = new_task(platform, "correlate", Position(0, DECIDED))
    task._subjects._most_in_memory = 40
    always: Any = type("Watched", (), {"commit": nullcontext, "transaction": nullcontext, "chunk": nullcontext})()
    part = PartitionWork((topics.LIFE_EVENTS, 0), task, Commits(), always)  # type: ignore[arg-type]
    people = [replace(STOPPED, id=f"s{n}", person=f"p{n}", arrival=n) for n in range(400)]
    lines: list[LifeEvent | Mark] = [*people, *(Mark(feed, 0, 1, day(1)) for feed in platform.deployment.contracts)]

    async def looked_at() -> None:
        await say(part, platform, lines, 0)
        task._clock._advance(day(90))
        most, seen = 0, [part.progress]
        while await part.tick(is_idle=False):
            most = max(most, len(task._subjects._held))
            seen.append(part.progress)
        assert len(set(seen)) == len(seen) > 30, "to the watchdog it stands still"
        assert int(max(seen)) == part.position
        idle = part.progress
        await part.tick(is_idle=False)
        assert part.progress == idle, "ticks hide from the watchdog that records are not worked on"
        assert most <= 100, f"{most} subjects in memory"
        assert len(task._silence) >= 400

    asyncio.run(looked_at())


async def say(part: PartitionWork, platform: Platform, lines: list[LifeEvent | Mark], at: int) -> None:
    """One chunk of lines, worked on to its end."""
    records = [
        Record(topics.LIFE_EVENTS, 0, at + n, day(1), None, platform.codec.encode(x)) for n, x in enumerate(lines)
    ]
    assert part.take(Chunk(records, at, at + len(records)))  # type: ignore[arg-type]
    while await part.step():
        pass
