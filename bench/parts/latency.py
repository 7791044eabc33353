"""From an event being sent to its offer standing in the database, at 500 events a second.

Clocks as in production, a rule without a hold. A twentieth of the events complete the rule; the database is
asked for new rows all the time, and the time an offer is first seen less the time its last event was sent counts.
"""

from __future__ import annotations

import json
import sqlite3
import statistics
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from bench.machine import processes
from bench.machine.cluster import PARTITIONS, broker
from bench.machine.processes import Child, Failed
from bench.machine.stages import Stages, register, stages
from bench.session import Session
from bench.table import Row
from bench.workload.agency import Sending, write

RATE, SECONDS, WARM_S = 500, 60, 10
PERSONS = 3000
SHARE = 0.2
LOOK_EVERY_S = 0.005
ENDS_WITHIN_S = 20.0
NEW_ROWS = "SELECT rowid, offer_id, events FROM offer_situations WHERE rowid > ? ORDER BY rowid"


def measure(session: Session) -> list[Row]:
    """One row; the latencies stand beside it, ms."""
    with broker(session.part("latency")) as cluster:
        cluster.ensure_topics()
        now = time.time_ns() // 1_000_000
        sending = Sending(cluster.bootstrap, PARTITIONS, RATE * SECONDS, PERSONS, now, SHARE, RATE, is_now=True)
        register(cluster.settings, sending.workload.names)
        told = write(sending, cluster.folder / "latency.json")
        with (
            stages(cluster, "wall") as running,
            processes.running("agency", processes.python("bench.workload.agency", str(told)), cluster.folder) as agency,
        ):
            return [_measured(running, agency, sending.events)]


def _measured(running: Stages, agency: Child, events: int) -> Row:
    cpu = running.cpu_s()
    seen = list(_seen(running, agency))
    began = min((sent for sent, _ in seen), default=0.0)
    waits = sorted(at - sent for sent, at in seen if sent > began + WARM_S * 1000)
    if len(waits) < 100:
        raise Failed(f"only {len(waits)} offers were seen")
    spent = running.cpu_s()
    return Row(
        name=f"latency: event to offer row at {RATE}/s",
        events=events,
        events_per_s=RATE,
        cpu_s=sum(spent[name] - cpu[name] for name in running.children),
        peak_mb=sum(running.peak_mb().values()),
        ratio_to_loop=None,
        more={
            "offers": len(waits), "p50_ms": round(statistics.median(waits)),
            "p99_ms": round(waits[int(len(waits) * 0.99)]), "most_ms": round(waits[-1]),
        },
    )  # fmt: skip


def _seen(running: Stages, agency: Child) -> Iterator[tuple[float, float]]:
    """When the last event of each new offer was sent, and when the offer was first seen, ms."""
    last, known, quiet_since = 0, set[str](), time.monotonic()
    with closing(_opened(running.cluster.settings.data / "cases.db")) as database:
        while agency.process.poll() is None or time.monotonic() - quiet_since < ENDS_WITHIN_S / 4:
            running.check()
            rows = database.execute(NEW_ROWS, (last,)).fetchall()
            now = time.time() * 1000
            for row, offer, events in rows:
                last, quiet_since = row, time.monotonic()
                if offer not in known:
                    known.add(offer)
                    yield max(event["recorded_at"] for event in json.loads(events)), now
            time.sleep(LOOK_EVERY_S)


def _opened(database: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=30)
