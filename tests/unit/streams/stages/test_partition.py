"""A position may wait for its transaction, but nothing is taken as committed before, and nothing waits for long."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.kafka.chunks import Chunk
from streams.kafka.committer import Position, Progress
from streams.kafka.transactions import Outgoing
from streams.stages import partition
from streams.stages.partition import WAIT_RECORDS, WAIT_S, PartitionWork
from streams.stages.tally import Report
from streams.stages.task import Work

SOURCE = ("in", 0)


class Log:
    """Takes what is committed."""

    def __init__(self) -> None:
        self.taken: list[Progress] = []

    async def commit(self, progress: Progress) -> dict[tuple[str, int], int]:
        """Takes it."""
        self.taken.append(progress)
        return {}

    @property
    def position(self) -> int:
        """The committed one."""
        return self.taken[-1].offset if self.taken else 0

    @property
    def sent(self) -> list[bytes | None]:
        """Keys of everything sent."""
        return [record.key for progress in self.taken for record in progress.outgoing]


class Task:
    """Sends on what it is told to, and keeps account of what it was told is committed."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self.done = 0
        self.told: list[bytes] = []
        self.sends = False
        self.is_behind = False
        self.kept = 0

    def open(self, position: Position) -> None:
        """Nothing to restore."""

    def process(self, records: Sequence[Any]) -> Work:
        """Sends one record for the chunk, if any."""
        self.done = records[-1].offset + 1 if records else self.done
        return Work(self._out(), len(records))

    def tick(self, is_idle: bool) -> list[Outgoing]:
        """Sends one record, if any."""
        del is_idle
        return self._out()

    def note(self) -> str:
        """Nothing."""
        return ""

    def report(self) -> Report:
        """As if it had counted so much."""
        return Report({"applied": 1, "mark": 2})

    def committed(self, position: int, delivered: object) -> None:
        """Would write its state now: all it has done must be committed."""
        del delivered
        assert position == self._log.position
        assert self.done <= position
        assert self._log.sent == self.told
        self.kept = position

    def _out(self) -> list[Outgoing]:
        if not self.sends:
            return []
        self.told.append(b"%d" % len(self.told))
        return [Outgoing("out", 0, self.told[-1], b"")]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A clock that is set by hand."""
    return set_by_hand(monkeypatch)


def set_by_hand(patch: pytest.MonkeyPatch) -> SimpleNamespace:
    time = SimpleNamespace(now=1000.0)
    patch.setattr(partition, "time", SimpleNamespace(monotonic=lambda: time.now))
    return time


def made() -> tuple[PartitionWork, Task, Log]:
    log = Log()
    task = Task(log)
    untimed: Any = type("Untimed", (), {"chunk": nullcontext})()
    work = PartitionWork(SOURCE, task, log, untimed)  # type: ignore[arg-type]
    work.open(Position(0, ""))
    return work, task, log


async def works_on(work: PartitionWork, records: int) -> None:
    before = work.position
    chunk = Chunk([SimpleNamespace(offset=before + n) for n in range(records)], before, before + records)
    assert work.take(chunk)
    while await work.step():
        pass


def test_outputs_are_committed_at_once_and_a_position_alone_waits_for_them(clock: SimpleNamespace) -> None:
    work, task, log = made()

    async def run() -> None:
        await works_on(work, 1)  # nothing was committed for long
        clock.now += WAIT_S / 2
        await works_on(work, 2)
        assert (work.position, log.position, task.kept) == (3, 1, 1)
        task.sends = True
        await works_on(work, 1)
        assert (work.position, log.position, task.kept) == (4, 4, 4)

    asyncio.run(run())
    assert [len(progress.outgoing) for progress in log.taken] == [0, 1]


@pytest.mark.parametrize(("records", "seconds"), [(1, WAIT_S), (WAIT_RECORDS, 0.0)])
def test_a_position_waits_neither_long_nor_for_many(clock: SimpleNamespace, records: int, seconds: float) -> None:
    work, _, log = made()

    async def run() -> None:
        await works_on(work, 1)
        await works_on(work, records)
        clock.now += seconds
        await work.tick(is_idle=True)
        assert log.position == work.position == records + 1

    asyncio.run(run())


@pytest.mark.parametrize("is_given_back", [True, False])
def test_a_partition_is_left_with_everything_committed(clock: SimpleNamespace, *, is_given_back: bool) -> None:
    del clock
    work, task, log = made()

    async def run() -> None:
        await works_on(work, 1)
        await works_on(work, 5)
        assert log.position == 1
        await (work.give_back() if is_given_back else work.finish())

    asyncio.run(run())
    assert (log.position, task.kept) == (6, 6)
    assert log.taken[-1].is_given_back is is_given_back


def test_what_is_committed_is_not_committed_again_to_finish(clock: SimpleNamespace) -> None:
    del clock
    work, _, log = made()

    async def run() -> None:
        await works_on(work, 1)
        await work.finish()

    asyncio.run(run())
    assert len(log.taken) == 1


def test_of_a_chunk_fetched_twice_only_what_is_new_is_worked_on(clock: SimpleNamespace) -> None:
    del clock
    work, task, _ = made()
    seen: list[int] = []
    task.process = lambda records: seen.extend(r.offset for r in records) or Work([], len(records))  # type: ignore[func-returns-value,method-assign]

    async def run() -> None:
        await works_on(work, 5)
        old, overlapping, beyond = chunk(2, 5), chunk(2, 8), chunk(9, 12)
        assert not work.take(old)
        assert work.is_behind(old)
        assert not work.take(beyond)
        assert not work.is_behind(beyond)
        assert work.take(overlapping)
        await work.step()
        assert work.position == 8

    asyncio.run(run())
    assert seen == [0, 1, 2, 3, 4, 5, 6, 7]


def test_records_left_aside_are_counted_once_as_the_position_passes_them(clock: SimpleNamespace) -> None:
    del clock
    work, task, _ = made()
    counts: list[int] = []
    most = 2
    task.process = lambda records: Work([], min(most, len(records)))  # type: ignore[method-assign]

    def told() -> int:
        results = work.report().results
        assert results["mark"] == 2, "the task's own counts stand beside it"
        return results["applied"] - 1

    async def goes(chunk: Chunk) -> None:
        assert work.take(chunk)
        while await work.step():
            counts.append(told())
        counts.append(told())

    async def run() -> None:
        await goes(Chunk([SimpleNamespace(offset=n) for n in (1, 4, 5, 9)], 0, 10, [0, 2, 3, 6, 7, 8]))
        await goes(Chunk([SimpleNamespace(offset=n) for n in (5, 9, 12)], 5, 13, [6, 7, 8, 10, 11]))  # fetched twice

    asyncio.run(run())
    assert work.position == 13
    assert counts == [3, 3, 2]


def chunk(before: int, after: int) -> Chunk:
    return Chunk([SimpleNamespace(offset=n) for n in range(before, after)], before, after)


Step = tuple[int | None, bool, float]
STEPS = st.lists(
    st.tuples(
        st.one_of(st.none(), st.integers(0, 3), st.just(WAIT_RECORDS)), st.booleans(), st.sampled_from([0, 0.01, 0.3])
    ),
    max_size=30,
)


@given(STEPS)
def test_nothing_is_taken_as_committed_before_it_is(steps: list[Step]) -> None:
    """Chunks and ticks, with and without outputs, at any pace; `Task.committed` looks."""
    work, task, log = made()

    async def run(clock: SimpleNamespace) -> None:
        for records, task.sends, later in steps:
            clock.now += later
            await (work.tick(is_idle=False) if records is None else works_on(work, records))
            assert log.sent == task.told, "an output waits"
            assert work.position - log.position < WAIT_RECORDS
        await work.finish()

    with pytest.MonkeyPatch.context() as patch:
        asyncio.run(run(set_by_hand(patch)))
    assert log.position == work.position == task.done
    positions = [progress.offset for progress in log.taken]
    assert positions == sorted(positions)
