"""The work on one assigned input partition: chunks and ticks in, one transaction each out.

Knows nothing of Faust: `streams.stages.worker` hands over chunks, in one thread and in order.
"""

from __future__ import annotations

import faulthandler

from streams.kafka.chunks import Chunk
from streams.kafka.transactions import Committer, Outgoing
from streams.stages.gauges import StageGauges
from streams.stages.tally import Report
from streams.stages.task import Task, Work

HUNG_S = 40.0
"""A commit that takes longer is taken to hang; an ordinary one takes milliseconds."""


class PartitionWork:
    """One assigned partition: its task, its committer and its position."""

    def __init__(self, task: Task, committer: Committer, gauges: StageGauges) -> None:
        self._task = task
        self._committer = committer
        self._gauges = gauges
        self.position = 0
        self.stalled_ticks = 0

    def open(self) -> None:
        """Fences earlier holders and restores the task's state."""
        committed = self._committer.open()
        self._task.open(committed)
        self.position = committed.offset

    def take(self, chunk: Chunk) -> bool:
        """Works on a chunk and commits; False when it does not begin at the task's position."""
        if chunk.before != self.position or not _is_whole(chunk):
            return False
        with self._gauges.chunk():
            done = self._task.process(chunk.records)
        work = done if isinstance(done, Work) else Work(done, len(chunk.records))
        is_whole = work.taken == len(chunk.records)
        self._commit(work.outgoing, chunk.after if is_whole else chunk.records[work.taken].offset)
        self.stalled_ticks = 0
        return True

    def is_behind(self, chunk: Chunk) -> bool:
        """Whether a refused chunk begins where work was done already: fetched twice, and more will follow."""
        return chunk.before is not None and chunk.before < self.position

    def tick(self, is_idle: bool) -> None:
        """Lets time pass; sends what became due. Idle: everything that was sent was worked on."""
        outgoing = self._task.tick(is_idle)
        if outgoing:
            self._commit(outgoing, self.position)

    def report(self) -> Report:
        """What became of the records since the last report; all of it is committed."""
        return self._task.report()

    def close(self) -> None:
        """Ends the work on this partition."""
        self._task.close()
        self._committer.close()

    def _commit(self, outgoing: list[Outgoing], position: int) -> None:
        # librdkafka's `send_offsets_to_transaction` may wait for ever, whatever its time-out says, when the
        # broker was away meanwhile (confluentinc/librdkafka#5456): then the process ends, to start anew.
        faulthandler.dump_traceback_later(HUNG_S, exit=True)
        try:
            with self._gauges.transaction():
                self._committer.commit(outgoing, position, self._task.note())
        finally:
            faulthandler.cancel_dump_traceback_later()
        self.position = position


def _is_whole(chunk: Chunk) -> bool:
    """Whether the records lie between the positions: a seek during the fetch may have moved one of them."""
    records = chunk.records
    return not records or (records[0].offset >= (chunk.before or 0) and records[-1].offset < chunk.after)
