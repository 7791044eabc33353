"""The work on one assigned input partition: chunks and ticks in, transactions out.

The task is called by the event loop alone, in order. While its transaction is committed other partitions
work, this one does not. Whoever works on a partition holds its `turn`.

Outputs are committed at once, for others wait for them. A position alone may wait a moment for what follows:
nobody waits for it, and a small transaction costs the broker as much as a large one.

Knows nothing of Faust: `streams.stages.worker` hands over chunks.
"""

from __future__ import annotations

import asyncio
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from streams.kafka.chunks import Chunk
from streams.kafka.committer import Position, Progress
from streams.kafka.records import RawRecord
from streams.kafka.tail import Source
from streams.kafka.transactions import Outgoing
from streams.stages.commits import Commits
from streams.stages.gauges import StageGauges
from streams.stages.tally import Report
from streams.stages.task import Task

PIECES = 1 << 10
"""A power of two: position and pieces make an exact sum."""
WAIT_S = 0.25
WAIT_RECORDS = 1_000
"""How long after the last transaction a position without outputs may wait for the next, and for how many records.

Looked at with every chunk and tick: without traffic it may be a second more.
"""


class PartitionWork:
    """One assigned partition: its task and its position."""

    def __init__(self, source: Source, task: Task, commits: Commits, gauges: StageGauges) -> None:
        self._source = source
        self._task = task
        self._commits = commits
        self._gauges = gauges
        self.turn = asyncio.Lock()
        self.position = 0
        self._committed = 0
        self._committed_at = 0.0
        self.stalled_ticks = 0
        self._pieces = 0
        self._left: Sequence[RawRecord] = ()
        self._aside: Sequence[int] = ()
        self._aside_passed = 0
        self._after = 0
        self._is_taken = False

    def open(self, committed: Position) -> None:
        """Restores the task's state."""
        self._task.open(committed)
        self.position = self._committed = committed.offset

    @property
    def restored(self) -> float:
        """How much of the state has been restored, 0 to 1."""
        return self._task.restored

    @property
    def progress(self) -> float:
        """The position, and after the point what changes with each piece of work done there."""
        return self.position + self._pieces % PIECES / PIECES

    def take(self, chunk: Chunk) -> bool:
        """Takes what of a chunk was not worked on yet, for `step`; False when it does not go on from the position."""
        begin, position = chunk.before, self.position
        if begin is None or not chunk.is_whole or not (begin == position or begin < position < chunk.after):
            return False
        is_fresh = begin == position
        self._left = chunk.records if is_fresh else [each for each in chunk.records if each.offset >= position]
        self._after, self._aside, self._is_taken = chunk.after, chunk.aside, True
        return True

    async def step(self) -> bool:
        """Works on what one transaction takes of the chunk; False when nothing of it is left."""
        if not self._is_taken:
            return False
        with self._gauges.chunk():
            outgoing, taken = self._task.process(self._left)
        self._left = self._left[taken:]
        self._is_taken = bool(self._left)
        position = self._left[0].offset if self._left else self._after
        self._aside_passed += bisect_left(self._aside, position) - bisect_left(self._aside, self.position)
        await self._advance(outgoing, position)
        self._pieces += 1
        self.stalled_ticks = 0
        return self._is_taken

    def is_behind(self, chunk: Chunk) -> bool:
        """Whether a refused chunk holds only what was worked on already: fetched twice, and more will follow."""
        return chunk.before is not None and chunk.before < self.position and chunk.after <= self.position

    async def tick(self, is_idle: bool) -> bool:
        """Lets time pass; sends what became due; True when more is. Idle: everything that was sent was worked on."""
        await self._advance(self._task.tick(is_idle), self.position)
        is_behind = self._task.is_behind
        self._pieces += is_behind  # a tick with nothing to do is no sign that records are worked on
        return is_behind

    def report(self) -> Report:
        """What became of the records since the last report; those left aside count as the task would count them."""
        told = self._task.report()
        passed, self._aside_passed = self._aside_passed, 0
        return replace(told, results=Counter(told.results) + Counter(applied=passed))

    async def give_back(self) -> None:
        """Lets another worker have the partition at once, without fencing this one."""
        await self._commit((), self.position, is_given_back=True)

    async def finish(self) -> None:
        """Commits what still waits for it; comes before `close`, for a task then takes all as committed."""
        if self.position != self._committed:
            await self._commit((), self.position)

    def close(self) -> None:
        """Ends the work on this partition."""
        self._task.close()

    async def _advance(self, outgoing: Sequence[Outgoing], position: int) -> None:
        if outgoing or self._is_due(position):
            await self._commit(outgoing, position)
        elif position == self._committed:
            # A million who were looked at for nothing must not gather in memory.
            self._task.committed(position, {})
        self.position = position

    def _is_due(self, position: int) -> bool:
        waiting = position - self._committed
        is_late = time.monotonic() - self._committed_at >= WAIT_S
        return waiting != 0 and (is_late or waiting >= WAIT_RECORDS)

    async def _commit(self, outgoing: Sequence[Outgoing], position: int, *, is_given_back: bool = False) -> None:
        progress = Progress(self._source, position, self._task.note(), outgoing, is_given_back)
        delivered = await self._commits.commit(progress)
        self.position = self._committed = position
        self._committed_at = time.monotonic()
        self._task.committed(position, delivered)
