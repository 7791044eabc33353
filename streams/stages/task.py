"""What a stage is made of: a task per input partition."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from processors.pauses import Pause
from sinks.case_db import Counts
from streams.kafka.records import RawRecord
from streams.kafka.transactions import Outgoing, Position
from streams.stages.tally import Report


class Task(Protocol):
    """The work on one input partition. Called by one thread, in order; holds the state of the partition.

    A task that raises ends the worker: state in memory may then differ from what was committed, so
    it is folded from the log again on the next start.
    """

    def open(self, position: Position) -> None:
        """Restores the state that belongs to the committed `position`."""

    def process(self, records: Sequence[RawRecord]) -> list[Outgoing] | Work:
        """Works on raw records in offset order; returns what to send, of all of them or of the first."""

    def tick(self, is_idle: bool) -> list[Outgoing]:
        """Called about once a second; `is_idle` when nothing waited since the last tick."""

    def note(self) -> str:
        """What to keep with the committed position, at most a few dozen characters."""

    def report(self) -> Report:
        """What became of the records since the last report; called every few seconds, between chunks."""

    def close(self) -> None:
        """Lets go of what the task holds."""


@dataclass(frozen=True, slots=True)
class Work:
    """What became of a chunk.

    Attributes:
        outgoing: what to send.
        taken: how many of the records are done, from the first on; the others are handed over again later.
    """

    outgoing: list[Outgoing]
    taken: int


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
    """

    name: str
    topics: tuple[str, ...]
    task: Callable[[str, int], Task]
    held_by: Callable[[str], Pause | None] = lambda _topic: None
    counts: Callable[[], Counts] | None = None

    @property
    def group(self) -> str:
        """Consumer group and prefix of transactional ids."""
        return f"headwater-{self.name}"
