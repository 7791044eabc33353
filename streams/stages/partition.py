"""The work on one assigned input partition: chunks and ticks in, one transaction each out.

The task is called by the event loop alone, in order. While its transaction is committed other partitions
work, this one does not. Whoever works on a partition holds its `turn`.

Knows nothing of Faust: `streams.stages.worker` hands over chunks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

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


class PartitionWork:
    """One assigned partition: its task and its position."""

    def __init__(self, source: Source, task: Task, commits: Commits, gauges: StageGauges) -> None:
        self._source = source
        self._task = task
        self._commits = commits
        self._gauges = gauges
        self.turn = asyncio.Lock()
        self.position = 0
        self.stalled_ticks = 0
        self._pieces = 0
        self._left: Sequence[RawRecord] = ()
        self._after = 0
        self._is_taken = False

    def open(self, committed: Position) -> None:
        """Restores the task's state."""
        self._task.open(committed)
        self.position = committed.offset

    @property
    def restored(self) -> float:
        """How much of the state has been restored, 0 to 1."""
        return self._task.restored

    @property
    def progress(self) -> float:
        """The position, and after the point what changes with each piece of work done there."""
        return self.position + self._pieces % PIECES / PIECES

    def take(self, chunk: Chunk) -> bool:
        """Takes a chunk to work on by `step`; False when it does not begin at the task's position."""
        if chunk.before != self.position or not _is_whole(chunk):
            return False
        self._left, self._after, self._is_taken = chunk.records, chunk.after, True
        return True

    async def step(self) -> bool:
        """Works on what one transaction takes of the chunk and commits; False when nothing of it is left."""
        if not self._is_taken:
            return False
        with self._gauges.chunk():
            outgoing, taken = self._task.process(self._left)
        self._left = self._left[taken:]
        self._is_taken = bool(self._left)
        position = self._left[0].offset if self._left else self._after
        await self._commit(outgoing, position)
        self._pieces += 1
        self.stalled_ticks = 0
        return self._is_taken

    def is_behind(self, chunk: Chunk) -> bool:
        """Whether a refused chunk begins where work was done already: fetched twice, and more will follow."""
        return chunk.before is not None and chunk.before < self.position

    async def tick(self, is_idle: bool) -> bool:
        """Lets time pass; sends what became due; True when more is. Idle: everything that was sent was worked on."""
        await self._commit(self._task.tick(is_idle), self.position)
        is_behind = self._task.is_behind
        self._pieces += is_behind  # a tick with nothing to do is no sign that records are worked on
        return is_behind

    def report(self) -> Report:
        """What became of the records since the last report."""
        return self._task.report()

    async def give_back(self) -> None:
        """Lets another worker have the partition at once, without fencing this one."""
        await self._commits.commit(Progress(self._source, self.position, self._task.note(), is_given_back=True))

    def close(self) -> None:
        """Ends the work on this partition."""
        self._task.close()

    async def _commit(self, outgoing: list[Outgoing], position: int) -> None:
        delivered: Mapping[Source, int] = {}
        if outgoing or position != self.position:
            delivered = await self._commits.commit(Progress(self._source, position, self._task.note(), outgoing))
            self.position = position
        # Also when there is nothing to send: a million who were looked at for nothing must not gather in memory.
        self._task.committed(position, delivered)


def _is_whole(chunk: Chunk) -> bool:
    """Whether the records lie between the positions: a seek during the fetch may have moved one of them."""
    records = chunk.records
    return not records or (records[0].offset >= (chunk.before or 0) and records[-1].offset < chunk.after)
