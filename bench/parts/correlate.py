"""The common job by every peer, in rounds, one after the other on the same cores and the same log.

A round runs every peer once; the table shows medians over the rounds. Every answer is compared with the
right one, event ids and all: a peer that is wrong fails the benchmark.
"""

from __future__ import annotations

import statistics

from bench.machine.processes import Failed
from bench.peers.field import Peer, Run, peers
from bench.peers.race import Lap, lap
from bench.session import Course, Session
from bench.table import Row


def measure(session: Session) -> list[Row]:
    """Every peer's medians; ratios to the bare loop."""
    wanted = session.options.peers
    field = [peer for peer in peers(session.cluster) if not wanted or peer.name in wanted]
    laps: dict[str, list[Lap]] = {peer.name: [] for peer in field}
    for number in range(session.options.rounds):
        for peer in field:
            laps[peer.name].append(_run(session, peer, number))
            session.say(f"round {number + 1}, {peer.name}: {laps[peer.name][-1].events_per_s:,.0f} events/s")
    loop = median_speed(laps[field[0].name])
    return [row(f"correlate: {peer.name}", laps[peer.name], loop, peer.promise) for peer in field]


def _run(session: Session, peer: Peer, number: int) -> Lap:
    course = session.short if peer.is_slow else session.long
    with peer.start(session.cluster, course.topic, f"{peer.name.replace(' ', '-')}-{number}") as run:
        return finish(session, run, course)


def finish(session: Session, run: Run, course: Course) -> Lap:
    """Waits until the log is worked off and looks at the answer.

    Raises:
        Failed: a process ended or stalled, or the answer was wrong.
    """
    result = lap(session.cluster, run.children, run.group, course.topic)
    check(run.children[0].name, run.answer(), course.right)
    return result


def check(name: str, found: list[tuple[str, str]], right: set[tuple[str, str]]) -> None:
    """Sees that every match was found, none besides, and none twice.

    Raises:
        Failed: it was not so; with how many were missing, too many and twice.
    """
    missing, extra, twice = right - set(found), set(found) - right, len(found) - len(set(found))
    if missing or extra or twice:
        raise Failed(f"{name} gave a wrong answer: {len(missing)} missing, {len(extra)} too many, {twice} twice")


def median_speed(laps: list[Lap]) -> float:
    """Events/s in the middle of several runs."""
    return statistics.median(one.events_per_s for one in laps)


def row(name: str, laps: list[Lap], loop: float | None, promise: str) -> Row:
    """Several runs as one line of the table.

    Args:
        name: of the line.
        laps: the runs.
        loop: events/s of the bare loop, when it ran.
        promise: what is kept of state and what becomes of a crash, in words.
    """
    speed, events = median_speed(laps), max(one.events for one in laps)
    return Row(
        name=name,
        events=events,
        events_per_s=speed,
        cpu_s=statistics.median(one.cpu_us for one in laps) * events / 1e6,
        peak_mb=statistics.median(one.peak_mb for one in laps),
        ratio_to_loop=None if loop is None else speed / loop,
        more={
            "promise": promise,
            "broker_cpu_s": round(statistics.median(one.broker_cpu_s for one in laps), 1),
            "start_s": round(statistics.median(one.start_s for one in laps), 1),
            "slowest": round(min(one.events_per_s for one in laps)),
            "fastest": round(max(one.events_per_s for one in laps)),
        },
    )
