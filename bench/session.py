"""One run of the benchmarks: its size, its folder, and the log several parts read, made once."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from bench.machine.cluster import Cluster, broker, write_log
from bench.options import Options
from bench.workload.events import Workload, expected
from streams import topics

SHORT = 5
"""The short log, for slow peers, holds one of so many of the events."""


@dataclass(frozen=True, slots=True)
class Course:
    """A topic with the events of the common job, and the right answer: ids of the two events of every match."""

    topic: str
    right: set[tuple[str, str]]


@dataclass
class Session:
    """What the parts share; closing it stops the broker."""

    folder: Path
    options: Options
    _open: ExitStack = field(default_factory=ExitStack)

    @cached_property
    def cluster(self) -> Cluster:
        """The broker of the common job."""
        cluster = self._open.enter_context(broker(self.folder / "common"))
        cluster.ensure_topics()
        return cluster

    @cached_property
    def long(self) -> Course:
        """All events, on `life-events.v1`."""
        return self._course(topics.LIFE_EVENTS, Workload(self.options.events, self.options.persons))

    @cached_property
    def short(self) -> Course:
        """A few of them, for slow peers."""
        few = Workload(self.options.events // SHORT, self.options.persons // SHORT)
        return self._course(self.cluster.create("short"), few)

    def say(self, text: str) -> None:
        """Tells whoever waits how far it is."""
        sys.stderr.write(f"{text}\n")

    def part(self, name: str) -> Path:
        """A folder of its own for a part."""
        folder = self.folder / name
        folder.mkdir()
        return folder

    def close(self) -> None:
        """Stops what was started."""
        self._open.close()

    def _course(self, topic: str, workload: Workload) -> Course:
        write_log(self.cluster, topic, workload.log())
        course = Course(topic, expected(workload.lines()))
        self.say(f"{topic}: {workload.events:,} events of {workload.persons:,} persons, {len(course.right):,} matches")
        return course
