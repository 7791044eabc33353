"""What a task tells about its work: plain counts, which the worker turns into metrics now and then.

A task only counts; it knows no metrics library and no registry. Counts are told between chunks, so
that they are of what was committed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from streams.kafka.transactions import Outgoing
from streams.stages.dead_letters import reason_of


@dataclass(frozen=True, slots=True)
class Report:
    """What became of the records since the last report, and how things stand.

    Attributes:
        results: records by what became of them (`sinks.metrics.RESULTS`).
        dead_letters: records set aside, by reason.
        waits_ms: for each offer opened, the time since its newest event was recorded.
        held: how many persons (correlate), households, or situations in their hold (plan) the task holds.
        clock: the task's clock, ms since the epoch; 0 before it begins.
        waiting: how many situations are ripe, but paused (plan).
        heard: up to when each feed was heard, ms since the epoch.
    """

    results: Mapping[str, int] = field(default_factory=dict)
    dead_letters: Mapping[str, int] = field(default_factory=dict)
    waits_ms: tuple[int, ...] = ()
    held: int = 0
    clock: int = 0
    waiting: int = 0
    heard: Mapping[str, int] = field(default_factory=dict)


class Tally:
    """Counts of one task since it last reported."""

    def __init__(self) -> None:
        self.results: Counter[str] = Counter()
        self.dead_letters: Counter[str] = Counter()
        self.waits_ms: list[int] = []

    def set_aside(self, letters: Iterable[Outgoing]) -> None:
        """Counts dead letters by their reason."""
        self.dead_letters.update(map(reason_of, letters))

    def report(self, held: int = 0, clock: int = 0, heard: Mapping[str, int] | None = None) -> Report:
        """Tells what was counted, and begins to count anew."""
        told = Report(self.results, self.dead_letters, tuple(self.waits_ms), held, clock, heard=heard or {})
        self.results, self.dead_letters, self.waits_ms = Counter(), Counter(), []
        return told
