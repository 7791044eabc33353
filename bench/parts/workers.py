"""Two workers of correlate against one, on the same cores and the same log."""

from __future__ import annotations

from dataclasses import replace

from bench.parts.correlate import finish, median_speed, row
from bench.peers.field import headwater
from bench.peers.race import Lap
from bench.session import Session
from bench.table import Row

PROMISE = "exactly once, RocksDB"


def measure(session: Session) -> list[Row]:
    """One worker, two workers; how much faster two are stands beside the second."""
    one = [_run(session, ("1",), number) for number in range(session.options.rounds)]
    two = [_run(session, ("1", "2"), number) for number in range(session.options.rounds)]
    both = row("correlate: two workers", two, None, PROMISE)
    faster = {**both.more, "times_one_worker": round(median_speed(two) / median_speed(one), 2)}
    return [row("correlate: one worker", one, None, PROMISE), replace(both, more=faster)]


def _run(session: Session, workers: tuple[str, ...], number: int) -> Lap:
    with headwater(session.cluster, session.long.topic, f"workers-{len(workers)}-{number}", workers) as run:
        return finish(session, run, session.long)
