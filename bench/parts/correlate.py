"""The common job by every peer, in rounds, one after the other on the same cores and the same log.

A round runs every peer once; the table shows medians over the rounds. Every answer is compared with the
right one, event ids and all: a peer that is wrong fails the benchmark.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.machine.cluster import Cluster, broker, write_log
from bench.machine.processes import Failed
from bench.options import Options
from bench.peers.field import Answer, Peer, peers
from bench.peers.race import Lap, lap
from bench.table import Row
from bench.workload.events import Workload, expected
from streams import topics

SHORT = 5
"""The short log, for slow peers, holds one of so many of the events."""


@dataclass(frozen=True)
class Course:
    """A topic with the events and the answer that is right."""

    topic: str
    right: Answer


def measure(folder: Path, options: Options) -> list[Row]:
    """Every peer's medians; ratios to the bare loop on the same log."""
    with _prepared(folder, options) as (cluster, long, short):
        field = [peer for peer in peers(cluster) if not options.peers or peer.name in options.peers]
        laps: dict[str, list[Lap]] = {peer.name: [] for peer in field}
        for number in range(options.rounds):
            for peer in field:
                laps[peer.name].append(_run(cluster, peer, short if peer.is_slow else long, number))
                options.say(f"round {number + 1}, {peer.name}: {laps[peer.name][-1].events_per_s:,.0f} events/s")
    loop = statistics.median(one.events_per_s for one in laps[field[0].name])
    return [_row(peer, laps[peer.name], loop) for peer in field]


@contextmanager
def _prepared(folder: Path, options: Options) -> Iterator[tuple[Cluster, Course, Course]]:
    with broker(folder / "correlate") as cluster:
        cluster.ensure_topics()
        long = _course(cluster, topics.LIFE_EVENTS, Workload(options.events, options.persons))
        short_topic = cluster.create("short")
        short = _course(cluster, short_topic, Workload(options.events // SHORT, options.persons // SHORT))
        options.say(f"{options.events:,} events of {options.persons:,} persons, {len(long.right):,} matches")
        yield cluster, long, short


def _course(cluster: Cluster, topic: str, workload: Workload) -> Course:
    write_log(cluster, topic, workload.log())
    return Course(topic, expected(workload.lines()))


def _run(cluster: Cluster, peer: Peer, course: Course, number: int) -> Lap:
    name = f"{peer.name.replace(' ', '-')}-{number}"
    with peer.start(cluster, course.topic, name) as run:
        result = lap(cluster, run.children, run.group, course.topic)
    check(peer.name, run.answer(), course.right)
    return result


def check(name: str, found: list[tuple[str, str]], right: Answer) -> None:
    """Sees that every match was found, none besides, and none twice.

    Raises:
        Failed: it was not so; with how many were missing, too many and twice.
    """
    missing, extra, twice = right - set(found), set(found) - right, len(found) - len(set(found))
    if missing or extra or twice:
        raise Failed(f"{name} gave a wrong answer: {len(missing)} missing, {len(extra)} too many, {twice} twice")


def _row(peer: Peer, laps: list[Lap], loop: float) -> Row:
    speed = statistics.median(one.events_per_s for one in laps)
    events = max(one.events for one in laps)
    return Row(
        name=f"correlate: {peer.name}",
        events=events,
        events_per_s=speed,
        cpu_s=statistics.median(one.cpu_us for one in laps) * events / 1e6,
        peak_mb=statistics.median(one.peak_mb for one in laps),
        ratio_to_loop=speed / loop,
        more={
            "promise": peer.promise,
            "broker_cpu_s": round(statistics.median(one.broker_cpu_s for one in laps), 1),
            "start_s": round(statistics.median(one.start_s for one in laps), 1),
            "slowest": round(min(one.events_per_s for one in laps)),
            "fastest": round(max(one.events_per_s for one in laps)),
        },
    )
