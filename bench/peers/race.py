"""Runs one peer over the log and measures it from its first committed position to its last.

Between the two lies nothing but work: starting up and joining the group come before the first.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from bench.machine.cluster import Cluster, Progress
from bench.machine.processes import Child, Failed, cpu_s, peak_mb

LOOK_EVERY_S = 0.05
STALLED_S = 120.0


@dataclass(frozen=True, slots=True)
class Lap:
    """One run of one peer.

    Attributes:
        events: records worked on between its first and its last commit.
        seconds: between the two.
        cpu_s: its CPU-seconds between the two.
        broker_cpu_s: the broker's, between the two.
        peak_mb: the most memory it held, start included.
        start_s: from starting the process to its first commit.
    """

    events: int
    seconds: float
    cpu_s: float
    broker_cpu_s: float
    peak_mb: float
    start_s: float

    @property
    def events_per_s(self) -> float:
        """Its speed."""
        return self.events / self.seconds

    @property
    def cpu_us(self) -> float:
        """CPU-microseconds an event."""
        return 1e6 * self.cpu_s / self.events


@dataclass(frozen=True, slots=True)
class _Look:
    done: int
    at: float
    cpu_s: float
    broker_cpu_s: float


def lap(cluster: Cluster, children: list[Child], group: str, topic: str) -> Lap:
    """Waits until the group has worked off the topic; several children count as one.

    Raises:
        Failed: one ended, or nothing moved for `STALLED_S` seconds.
    """
    started = time.monotonic()
    progress = Progress(cluster, group, topic)
    try:
        first = _await(cluster, children, progress, 1)
        last = _await(cluster, children, progress, progress.total)
    finally:
        progress.close()
    if last.done == first.done:
        raise Failed(f"{children[0].name} committed all {last.done} records at once: take more events")
    return Lap(
        events=last.done - first.done,
        seconds=last.at - first.at,
        cpu_s=last.cpu_s - first.cpu_s,
        broker_cpu_s=last.broker_cpu_s - first.broker_cpu_s,
        peak_mb=sum(peak_mb(child.process.pid) for child in children),
        start_s=first.at - started,
    )


def _await(cluster: Cluster, children: list[Child], progress: Progress, least: int) -> _Look:
    moved, before = time.monotonic(), -1
    while True:
        look = _look(cluster, children, progress)
        if look.done >= least:
            return look
        if look.done != before:
            moved, before = look.at, look.done
        if look.at - moved > STALLED_S:
            words = "\n".join(child.last_words() for child in children)
            raise Failed(f"{children[0].name} has not moved for {STALLED_S:g} s at {look.done}:\n{words}")
        time.sleep(LOOK_EVERY_S)


def _look(cluster: Cluster, children: list[Child], progress: Progress) -> _Look:
    for child in children:
        child.check()
    done = progress.done()
    cpu = sum(cpu_s(child.process.pid) for child in children)
    return _Look(done, time.monotonic(), cpu, cpu_s(cluster.pid))
