"""What an event costs, and what memory is held, by how many persons there is state for.

Every person has an event of the rule's first type that waits for a second; that is worked off first. Correlate
is then started anew on the state it left and, once RocksDB has put in order what it was closed with, works off
events, a fifth of them of the rule's types, of persons chosen evenly from all: at most a few for each, so that a row
differs from another in the number of persons alone.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from bench.machine import processes
from bench.machine.cluster import Cluster, Progress, broker, write_log
from bench.machine.processes import Child, Failed, await_that, cpu_s, peak_mb
from bench.session import Session
from bench.table import Row
from bench.workload import FIRST
from bench.workload.events import BEGIN_MS, FEEDS, Workload, marks
from processors.events import LifeEvent, Mark
from streams import topics

SIZES = (10_000, 100_000, 1_000_000, 5_000_000)
EVENTS = 100_000
SHARE = 0.1
STALLED_S = 300.0
REST_S, REST_SHARE = 2.0, 0.1
"""At rest: no more than a tenth of a core for so long; letting time pass takes some of that."""
GROUP = "headwater-correlate"


@contextmanager
def _correlate(cluster: Cluster, folder: Path) -> Iterator[Child]:
    command, environment = processes.python("streams.stages", "correlate"), cluster.environment(folder)
    with processes.running("correlate", command, folder, environment) as child:
        yield child


@dataclass(frozen=True, slots=True)
class _Point:
    done: int
    at: float
    cpu_s: float


def measure(session: Session) -> list[Row]:
    """A row for each number of persons; the first is the measure of the others."""
    rows: list[Row] = []
    for persons in SIZES:
        if persons > session.options.largest:
            break
        rows.append(_row(session, persons))
        session.say(f"{persons:,} persons: {rows[-1].events_per_s:,.0f} events/s")
    return [
        replace(row, more={**row.more, **_compared(row, rows[0], size)}) for row, size in zip(rows, SIZES, strict=False)
    ]


def _compared(row: Row, first: Row, persons: int) -> dict[str, float]:
    """CPU an event against the smallest number of persons, and memory for every million persons more."""
    found = {"cost_to_first": round(row.cpu_s / row.events / (first.cpu_s / first.events), 2)}
    if row is not first:
        found["mb_per_million"] = round((row.peak_mb - first.peak_mb) / (persons - SIZES[0]) * 1e6)
    return found


def _row(session: Session, persons: int) -> Row:
    folder = session.part(f"persons-{persons}")
    with broker(folder) as cluster:
        cluster.ensure_topics()
        many = Workload(EVENTS, persons, BEGIN_MS + 86_400_000, SHARE)
        write_log(cluster, topics.LIFE_EVENTS, _idle(many))
        with _correlate(cluster, folder) as child:
            _await(cluster, child)
        await_that(lambda: cluster.members(GROUP) == 0, 60, "correlate leaves its group")
        # Started anew on the state it left: memory is then what holding so many takes, not what taking them in did.
        with _correlate(cluster, folder) as child:
            await_that(lambda: cluster.members(GROUP) == 1, 60, "correlate joins its group", child)
            await_that(lambda: _is_at_rest(child), 120, "correlate has nothing to do", child)
            child.process.send_signal(signal.SIGSTOP)
            write_log(cluster, topics.LIFE_EVENTS, many.log())
            child.process.send_signal(signal.SIGCONT)
            first, last = _await(cluster, child)
            peak = peak_mb(child.process.pid)
    events = last.done - first.done
    return Row(
        name=f"correlate: state of {persons:,} persons",
        events=events,
        events_per_s=events / (last.at - first.at),
        cpu_s=last.cpu_s - first.cpu_s,
        peak_mb=peak,
        ratio_to_loop=None,
        more={"disk_mb": round(_size_mb(folder / "state"))},
    )


def _idle(workload: Workload) -> Iterator[LifeEvent | Mark]:
    """One waiting event for everybody."""
    template = next(workload.lines())
    for number, name in enumerate(workload.names):
        yield replace(
            template, id=name[16:] + name[:16], type=FIRST, feed=FEEDS[FIRST], person=name, household=name[::-1],
            occurred_at=BEGIN_MS, recorded_at=BEGIN_MS, heard=BEGIN_MS, arrival=number,
        )  # fmt: skip
    yield from marks(BEGIN_MS, BEGIN_MS)


def _await(cluster: Cluster, child: Child) -> tuple[_Point, _Point]:
    """Its first and its last commit on the way to the end of the log."""
    progress = Progress(cluster, GROUP, topics.LIFE_EVENTS)
    try:
        begun = progress.done()
        first = _next(child, progress, begun + 1)
        return first, _next(child, progress, progress.total)
    finally:
        progress.close()


def _next(child: Child, progress: Progress, least: int) -> _Point:
    deadline = time.monotonic() + STALLED_S
    while (done := progress.done()) < least:
        child.check()
        if time.monotonic() > deadline:
            raise Failed(f"correlate has not got beyond {done} within {STALLED_S:g} s:\n{child.last_words()}")
        time.sleep(0.05)
    return _Point(done, time.monotonic(), cpu_s(child.process.pid))


def _is_at_rest(child: Child) -> bool:
    before = cpu_s(child.process.pid)
    time.sleep(REST_S)
    return cpu_s(child.process.pid) - before < REST_S * REST_SHARE


def _size_mb(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 2**20
