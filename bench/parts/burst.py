"""A burst: 20,000 records a second for a minute, with clocks as in production. Nothing may be lost.

Beside the row: how long it took after the last record until intake was through (feeds without situations lag
behind most, so the last row comes earlier) and every row was there, the most memory of each stage and the lag
at its highest, and what the agency's own process cost, which ran on the same cores.
"""

from __future__ import annotations

import json
import time
from dataclasses import replace

from bench.machine import processes
from bench.machine.cluster import PARTITIONS, broker
from bench.machine.processes import Child, Failed, await_that
from bench.machine.stages import Stages, register, stages
from bench.parts.whole_way import await_told
from bench.session import Session
from bench.table import Row
from bench.workload.agency import Sending, write
from bench.workload.events import SPAN_MS, expected

RATE = 20_000
DRAINS_WITHIN_S = 600.0


def measure(session: Session) -> list[Row]:
    """One row: events/s are from the first record until intake is through and the last row is there."""
    events = RATE * session.options.burst_s
    with broker(session.part("burst")) as cluster:
        cluster.ensure_topics()
        begin = time.time_ns() // 1_000_000 - SPAN_MS
        sending = Sending(cluster.bootstrap, PARTITIONS, events, events // 8, begin, 0.05, RATE, is_now=False)
        register(cluster.settings, sending.workload.names)
        matches = len(expected(sending.workload.lines()))
        session.say(f"burst: {events:,} records, {matches:,} situations to come")
        told = write(sending, cluster.folder / "burst.json")
        with (
            stages(cluster, "wall") as running,
            processes.running("agency", processes.python("bench.workload.agency", str(told)), cluster.folder) as agency,
        ):
            row = _measured(running, agency, events, matches)
        sent = json.loads(told.with_suffix(".done").read_text())
    cost = {"producer_cpu_s": round(sent["cpu_s"], 1), "sent_per_s": round(events / sent["seconds"])}
    return [replace(row, more={**row.more, **cost})]


def _measured(running: Stages, agency: Child, events: int, matches: int) -> Row:
    running.await_first()
    began, cpu, highest = time.monotonic(), running.cpu_s(), 0
    while agency.process.poll() is None:
        running.check()
        highest = max(highest, running.intake.written() - running.intake.done())
        time.sleep(0.5)
    if agency.process.returncode != 0:
        raise Failed(f"the agency ended:\n{agency.last_words()}")
    sent = time.monotonic()
    await_told(running, matches)
    await_that(
        lambda: running.intake.done() >= running.intake.written(),
        DRAINS_WITHIN_S,
        "intake drains",
        *running.children.values(),
    )
    ended = time.monotonic()
    spent = {name: used - cpu[name] for name, used in running.cpu_s().items()}
    return Row(
        name=f"burst: {RATE:,}/s for {events // RATE} s",
        events=events,
        events_per_s=events / (ended - began),
        cpu_s=sum(used for name, used in spent.items() if name != "broker"),
        peak_mb=sum(running.peak_mb().values()),
        ratio_to_loop=None,
        more={
            "lost": 0, "drained_s": round(ended - sent, 1), "most_behind": highest,
            **{f"{name}_peak_mb": round(mb) for name, mb in running.peak_mb().items()},
        },
    )  # fmt: skip
