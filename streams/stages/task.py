"""What a stage is made of: a task per input partition."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from processors.pauses import Pause
from sinks.case_db import Counts
from streams.kafka.committer import Position
from streams.kafka.records import RawRecord
from streams.kafka.tail import Source
from streams.kafka.transactions import Outgoing
from streams.kafka.unpacking import LeavesAside
from streams.stages.tally import Report

TICK_S = 0.05
"""Plan waits for everybody's clock: so often those who decide tell it while there is traffic."""
MOST_SENT = 10_000
"""Records after which a task should end a transaction: it is held in memory, and others wait for it."""


class Work(NamedTuple):
    """What became of a chunk.

    Attributes:
        outgoing: what to send.
        taken: how many of the records, from the first on, are done with that.
    """

    outgoing: list[Outgoing]
    taken: int


class Task(Protocol):
    """The work on one input partition. Called by one thread, in order; holds the state of the partition.

    A task that raises ends the worker: state in memory may then differ from what was committed, so
    it is restored anew on the next start.
    """

    def open(self, position: Position) -> None:
        """Restores the state that belongs to the committed `position`."""

    @property
    def restored(self) -> float:
        """How much of the state `open` has restored, 0 to 1; asked by another thread meanwhile."""

    def process(self, records: Sequence[RawRecord]) -> Work:
        """Works on raw records in offset order, on all or on the first of them; the others are given again."""

    def tick(self, is_idle: bool) -> list[Outgoing]:
        """Called about once a second, with traffic as often as the stage says, but not while the task is at work.

        `is_idle` when nothing waited since the last tick.
        """

    @property
    def is_behind(self) -> bool:
        """Whether more is due at once: a tick gives no more than one transaction takes."""

    def note(self) -> str:
        """What to keep with the committed position, at most a few dozen characters."""

    def committed(self, position: int, delivered: Mapping[Source, int]) -> None:
        """Called when all work so far is committed: after each transaction, which several pieces of work may share.

        Args:
            position: of the input.
            delivered: by partition written to, the offset after its last record.
        """

    def report(self) -> Report:
        """What became of the records since the last report; called every few seconds.

        What is counted may be a transaction ahead of what is committed.
        """

    def close(self) -> None:
        """Lets go of what the task holds."""


class StatelessTask:
    """What tasks without state of their own have in common."""

    @property
    def restored(self) -> float:
        """There is nothing to restore."""
        return 1.0

    @property
    def is_behind(self) -> bool:
        """Nothing waits for its time here, but at most a mark."""
        return False

    def committed(self, position: int, delivered: Mapping[Source, int]) -> None:
        """There is no state to write."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage as the worker runs it.

    Attributes:
        name: `intake`, `correlate`, ...; the consumer group is `headwater-<name>`.
        topics: input topics.
        task: makes the task of one input partition (topic, partition).
        held_by: the order by which the records of an input topic are to stay there for now; asked often, by one
            thread.
        counts: how many offers there are, where the stage can know; called off the event loop.
        tick_s: how often time passes for its tasks while there is traffic.
        followed: how far it has read, by partition, what it follows beside its input; asked by another thread.
        leaves_aside: which records its tasks would count as applied and do nothing else with: most are not handed
            to them; called by the thread that fetches, must not raise.
    """

    name: str
    topics: tuple[str, ...]
    task: Callable[[str, int], Task]
    held_by: Callable[[str], Pause | None] = lambda _topic: None
    counts: Callable[[], Counts] | None = None
    followed: Callable[[], Mapping[Source, int]] = dict
    tick_s: float = TICK_S
    leaves_aside: LeavesAside = lambda _record: False

    @property
    def group(self) -> str:
        """Consumer group and prefix of transactional ids."""
        return f"headwater-{self.name}"


def work_off(task: Task, records: Sequence[RawRecord]) -> Iterator[Outgoing]:
    """Everything a task gives for these records, for who sends nothing: tools and tests."""
    while records:
        done = task.process(records)
        yield from done.outgoing
        records = records[done.taken :]
