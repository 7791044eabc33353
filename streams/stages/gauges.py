"""Turns what the tasks of a stage report into metrics; the worker calls it, tasks know nothing of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager

from faust.types import TP

from processors.pauses import BRAKE, Pause
from schemas.deployment import Deployment
from schemas.outcomes import RejectionReason
from sinks.case_db import Counts
from sinks.metrics import Meters
from streams.stages.tally import Report

UNREAD = ("unreadable", "unexpected")
REASONS: dict[str, tuple[str, ...]] = {
    "intake": tuple(RejectionReason),
    "correlate": (*UNREAD, "fault"),
    "households": (*UNREAD, "fault"),
    "plan": UNREAD,
    "deliver": UNREAD,
}
"""For which reasons each stage may set a record aside."""


def meters_of(stage: str, deployment: Deployment) -> Meters:
    """The metrics of a stage's process, with everything the deployment can bring at zero."""
    meters = Meters(stage)
    meters.expect_dead_letters(REASONS[stage])
    if stage == "correlate":
        meters.expect_feeds({feed: each.settles_within_ms for feed, each in deployment.contracts.items()})
    return meters


class StageGauges:
    """The metrics of one stage's worker.

    Args:
        stage: its name.
        meters: of this process.
        is_wall: whether a feed's delay is measured against the machine's clock; otherwise against the
            feed that was heard furthest, as in a demo or a replay.
        now: the machine's clock, s since the epoch.
    """

    def __init__(self, stage: str, meters: Meters, is_wall: bool, now: Callable[[], float] = time.time) -> None:
        self._stage = stage
        self._meters = meters
        self._is_wall = is_wall
        self._now = now
        self._chunk_seconds = meters.chunk_seconds.labels(stage)
        self._transaction_seconds = meters.transaction_seconds.labels(stage)

    def chunk(self) -> AbstractContextManager[object]:
        """Times the work on a chunk."""
        return self._chunk_seconds.time()

    def transaction(self) -> AbstractContextManager[object]:
        """Times a commit."""
        return self._transaction_seconds.time()

    def lag(self, tp: TP, records: int) -> None:
        """How far the stage is behind the end of a partition; markers of transactions count as records."""
        self._meters.lag.labels(self._stage, tp.topic, tp.partition).set(max(0, records))

    def partitions(self, number: int) -> None:
        """How many partitions this worker has."""
        self._meters.partitions.labels(self._stage).set(number)

    def forget(self, tp: TP) -> None:
        """Says nothing more of a partition that another worker has now."""
        self._meters.lag.remove(self._stage, tp.topic, tp.partition)

    def holds(self, topic: str, order: Pause) -> None:
        """A feed's records stay on its topic."""
        self._meters.feed_held.labels(order.name, topic, _by(order)).set(order.at / 1000)

    def holds_no_more(self, topic: str, order: Pause) -> None:
        """They no longer do, or another worker says so."""
        self._meters.feed_held.remove(order.name, topic, _by(order))

    def count(self, report: Report) -> None:
        """Adds what was counted."""
        for result, number in report.results.items():
            self._meters.records.labels(self._stage, result).inc(number)
        for reason, number in report.dead_letters.items():
            self._meters.dead_letters.labels(self._stage, reason).inc(number)
        for wait_ms in report.waits_ms:
            self._meters.event_to_offer.observe(max(0, wait_ms) / 1000)

    def stand(self, reports: Collection[Report]) -> None:
        """Shows how things stand over all partitions of this worker."""
        held = sum(report.held for report in reports)
        self._meters.subjects.set(held)
        self._meters.situations_held.set(held)
        self._meters.situations_paused.set(sum(report.waiting for report in reports))
        clock = min((report.clock for report in reports), default=0)
        self._meters.clock.labels(self._stage).set(clock / 1000)
        self._show_feeds(_heard_by_all(reports))

    def offers(self, counts: Counts) -> None:
        """Shows how many offers there are."""
        self._meters.show_offers(counts.offers, counts.suppressed)

    def _show_feeds(self, heard: dict[str, int]) -> None:
        now = self._now() * 1000 if self._is_wall else max(heard.values(), default=0)
        for feed, upto in heard.items():
            self._meters.feed_heard.labels(feed).set(upto / 1000)
            self._meters.watermark_delay.labels(feed).set(max(0, now - upto) / 1000)


def _by(order: Pause) -> str:
    return BRAKE if order.by == BRAKE else "officer"


def _heard_by_all(reports: Collection[Report]) -> dict[str, int]:
    """Feed -> up to when every partition heard it, ms; feeds that one of them never heard are left out."""
    feeds = set.intersection(*(set(report.heard) for report in reports)) if reports else set()
    return {feed: min(report.heard[feed] for report in reports) for feed in feeds}
