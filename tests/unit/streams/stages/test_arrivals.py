"""Chunks are worked off in order, each once; little ones together, with bounded memory."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from streams.kafka.chunks import Chunk
from streams.stages.arrivals import MOST_WAITING, Arrivals, joined

EVER_S = 30.0


def chunk(before: int | None, after: int, records: int | None = None) -> Chunk:
    begin = before or 0
    count = after - begin if records is None else records
    made: list[Any] = [SimpleNamespace(offset=begin + n, value=b"x") for n in range(count)]
    return Chunk(made, before, after, range(begin + count, after))


def span(one: Chunk) -> tuple[int | None, int]:
    return one.before, one.after


class Worker:
    """Works as long as the gate is closed."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.calls: list[list[tuple[int | None, int]]] = []
        self.acked: list[int] = []
        self.arrivals = Arrivals(self.work_off)

    async def work_off(self, chunks: Sequence[Chunk]) -> None:
        """Notes them."""
        self.calls.append([span(one) for one in chunks])
        await self.gate.wait()

    async def arrives(self, one: Chunk) -> None:
        """Adds it."""
        await self.arrivals.add(one, lambda: self.acked.append(one.after))

    async def settled(self, acked: int) -> None:
        """Waits until so many are done."""
        async with asyncio.timeout(EVER_S):
            while len(self.acked) < acked:
                await asyncio.sleep(0)


def test_what_arrives_meanwhile_is_worked_on_as_one() -> None:
    async def run() -> Worker:
        worker = Worker()
        for n in range(4):
            await worker.arrives(chunk(n, n + 1))
            await asyncio.sleep(0)
        assert worker.acked == [], "acknowledged before it is worked off"
        worker.gate.set()
        await worker.settled(4)
        return worker

    worker = asyncio.run(run())
    assert worker.calls == [[(0, 1)], [(1, 4)]]
    assert worker.acked == [1, 2, 3, 4]


def test_a_large_chunk_waits_outside_until_the_one_before_it_is_done() -> None:
    async def run() -> None:
        worker = Worker()
        await worker.arrives(chunk(0, 5000))
        await worker.arrives(chunk(5000, 5001))
        large = asyncio.ensure_future(worker.arrives(chunk(5001, 5001 + MOST_WAITING)))
        for _ in range(5):
            await asyncio.sleep(0)
        assert not large.done()
        worker.gate.set()
        async with asyncio.timeout(EVER_S):
            await large
        await worker.settled(3)
        assert worker.calls == [[(0, 5000)], [(5000, 5001)], [(5001, 5001 + MOST_WAITING)]]

    asyncio.run(run())


def test_few_records_that_are_large_wait_outside_too() -> None:
    async def run() -> None:
        worker = Worker()
        await worker.arrives(chunk(0, 1))
        await asyncio.sleep(0)
        heavy = chunk(1, 2)
        heavy.records[0].value = bytes(MOST_WAITING * 1000)  # type: ignore[misc]
        waits = asyncio.ensure_future(worker.arrives(heavy))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not waits.done()
        worker.gate.set()
        async with asyncio.timeout(EVER_S):
            await waits
        await worker.settled(2)

    asyncio.run(run())


def test_a_broken_chunk_stays_by_itself() -> None:
    """Its records do not lie between its positions: the partition refuses it, and what follows."""
    before, broken, after = chunk(0, 5), Chunk(chunk(5, 10).records, 5, 3), chunk(3, 12)
    assert [*map(span, joined([before, broken, after]))] == [(0, 5), (5, 3), (3, 12)]


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 3), st.integers(0, 3)), max_size=12))
def test_joining_loses_nothing_and_joins_only_what_follows(parts: list[tuple[bool, int, int]]) -> None:
    """A gap, or a chunk fetched twice, stays one of its own: the partition must see where it begins."""
    chunks, at = list[Chunk](), 0
    for follows, records, aside in parts:
        begin: int | None = at if follows else at + 7
        at = (begin or 0) + records + aside
        chunks.append(chunk(begin, at, records))
    whole = [*joined(chunks)]
    assert [r.offset for one in whole for r in one.records] == [r.offset for one in chunks for r in one.records]
    assert [offset for one in whole for offset in one.aside] == [offset for one in chunks for offset in one.aside]
    assert all(left.after != right.before for left, right in pairwise(whole))
    assert [one.before for one in whole] == [
        one.before for n, one in enumerate(chunks) if n == 0 or chunks[n - 1].after != one.before
    ]
