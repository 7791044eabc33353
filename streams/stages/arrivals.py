"""Chunks of one partition that arrive while one before them is worked on.

Small ones gather and are worked on as one: with little traffic a fetch returns a record or two, and a
transaction for each would cost far more than the records; nor do other partitions wait for this one. The next
large one is waited for, so that memory is bounded.
"""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence

from streams.kafka.chunks import Chunk

MOST_WAITING = 1_000
"""Records that may wait beside those that are worked on, each counted as one for every begun kB."""
KB = 1_000
OFFSET_BYTES = 8


class Arrivals:
    """Works off what arrives, in order; used by the event loop alone.

    Args:
        work_off: is called with one or several chunks at a time, never twice at once; must not raise.
    """

    def __init__(self, work_off: Callable[[Sequence[Chunk]], Awaitable[None]]) -> None:
        self._work_off = work_off
        self._waiting: list[tuple[Chunk, Callable[[], object]]] = []
        self._weight = 0
        self._has_room = asyncio.Event()
        self._run: asyncio.Task[None] | None = None

    async def add(self, chunk: Chunk, ack: Callable[[], object]) -> None:
        """Takes a chunk, of which `ack` is called once it is worked off; waits while too much is there."""
        weight = _weight(chunk)
        while self._is_busy and self._weight + weight > MOST_WAITING:
            self._has_room.clear()
            await self._has_room.wait()
        self._waiting.append((chunk, ack))
        self._weight += weight
        if not self._is_busy:
            self._run = asyncio.ensure_future(self._work())

    @property
    def _is_busy(self) -> bool:
        return self._run is not None and not self._run.done()

    async def _work(self) -> None:
        while self._waiting:
            taken, self._waiting, self._weight = self._waiting, [], 0
            self._has_room.set()
            await self._work_off([*joined(chunk for chunk, _ in taken)])
            for _, ack in taken:
                ack()
        self._has_room.set()


def joined(chunks: Iterable[Chunk]) -> Iterator[Chunk]:
    """Chunks that follow one another, as one; one that is not whole stays by itself, so that it is refused."""
    run: list[Chunk] = []
    for chunk in chunks:
        if run and not (run[-1].after == chunk.before and run[-1].is_whole and chunk.is_whole):
            yield _one(run)
            run = []
        run.append(chunk)
    if run:
        yield _one(run)


def _weight(chunk: Chunk) -> int:
    aside = len(chunk.aside) * OFFSET_BYTES // KB
    if len(chunk.records) > MOST_WAITING:
        return len(chunk.records) + aside
    return aside + sum(1 + len(record.value or b"") // KB for record in chunk.records)


def _one(run: Sequence[Chunk]) -> Chunk:
    if len(run) == 1:
        return run[0]
    aside = array("q")
    for chunk in run:
        aside.extend(chunk.aside)
    return Chunk([record for chunk in run for record in chunk.records], run[0].before, run[-1].after, aside)
