"""From the agencies' topics to the row of an offer: all five stages as processes, on the cores the broker is on.

The records lie on the topic before the stages begin (a backlog); the persons are known to the register.
It is over when the fate of every situation stands in the database, and fails when there are too few or too many.
"""

from __future__ import annotations

import time

from bench.machine.cluster import PARTITIONS, Cluster, broker, producing
from bench.machine.databases import databases
from bench.machine.processes import Failed
from bench.machine.stages import Stages, beat, register, stages
from bench.session import Session
from bench.table import Row
from bench.workload.agency import Agencies
from bench.workload.events import Workload, expected

EVENTS = 300_000
KINDS = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
DAY_MS = 86_400_000
STALLED_S = 180.0


def measure(session: Session) -> list[Row]:
    """One row, with the CPU-seconds of every stage beside it."""
    workload = Workload(min(EVENTS, session.options.events), min(EVENTS, session.options.events) // 8)
    with (
        databases(session.options.database) as own,
        broker(session.part("whole-way"), **own) as cluster,
    ):
        cluster.ensure_topics()
        register(cluster.settings, workload.names)
        _publish(cluster, workload)
        matches = len(expected(workload.lines()))
        session.say(f"whole way: {workload.events:,} records, {matches:,} situations to come")
        with stages(cluster, "feeds") as running:
            return [_measured(running, workload.events, matches)]


def _publish(cluster: Cluster, workload: Workload) -> None:
    agencies = Agencies(PARTITIONS)
    with producing(cluster.bootstrap) as producer:
        for event in workload.lines():
            one = agencies.message(event)
            producer.produce(one.topic, partition=one.partition, key=one.key, value=one.value, headers=one.headers)
            producer.poll(0)
        # The clock of the platform is how far the agencies were heard: only then is the last situation ripe.
        beat(cluster, event.recorded_at + DAY_MS, producer)


def _measured(running: Stages, events: int, matches: int) -> Row:
    before = running.await_first()
    began, cpu = time.monotonic(), running.cpu_s()
    await_told(running, matches)
    seconds = time.monotonic() - began
    spent = {name: round(used - cpu[name], 1) for name, used in running.cpu_s().items()}
    return Row(
        name=f"whole way: agency topic to offer row ({KINDS[running.case_db.dialect.name]})",
        events=events - before,
        events_per_s=(events - before) / seconds,
        cpu_s=sum(used for name, used in spent.items() if name != "broker"),
        peak_mb=sum(running.peak_mb().values()),
        ratio_to_loop=None,
        more={"situations": matches, "offers": running.offers(), **{f"{name}_cpu_s": s for name, s in spent.items()}},
    )


def await_told(running: Stages, matches: int) -> None:
    """Waits until every situation's fate stands in the database.

    Raises:
        Failed: a stage ended, nothing moved for long, or there are more than there should be.
    """
    moved, before = time.monotonic(), (-1, -1)
    while (told := running.told()) < matches:
        running.check()
        now = (told, running.intake.done())
        if now != before:
            moved, before = time.monotonic(), now
        if time.monotonic() - moved > STALLED_S:
            raise Failed(f"{told} of {matches} situations arrived, and nothing has moved for {STALLED_S:g} s")
        time.sleep(0.2)
    if told > matches:
        raise Failed(f"{told} situations arrived, {matches} are right")
