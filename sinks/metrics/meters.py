"""Every metric of the platform, as one object per process.

A process exposes only the families it can know something of; the others are there to be used (a task
need not ask where it runs) and go nowhere. Every combination of closed labels begins at zero, so that
a rate is right from the first event on and an alert need not treat "never" as a case of its own.
"""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from typing import Any, TypeVar

from prometheus_client import Counter, Gauge, Histogram, ProcessCollector

from processors.offers.model import OfferState, Reason
from sinks.metrics.registry import Registry, exposition

MINUTE, HOUR, DAY = 60, 3_600, 86_400

RESULTS: Mapping[str, tuple[str, ...]] = {
    "intake": ("processed", "withheld", "rejected", "heartbeat"),
    "correlate": ("applied", "duplicate", "conflicting", "mark", "control", "transfer", "forwarded", "unread"),
    "households": ("applied", "duplicate", "conflicting", "mark", "unread"),
    "plan": ("situation", "mark", "control", "policy", "action", "pause", "unread"),
    "deliver": ("written", "unchanged", "unread"),
    "relay": ("sent",),
    "aggregate": ("read",),
}
"""What can become of a record, by stage; every record counts once."""

STAGES = tuple(RESULTS)
FAUST_STAGES = STAGES[:5]
DECIDING = STAGES[1:3]
CLOCKED = STAGES[1:4]
SERVICES = ("gateway", "board")
SUPERVISOR = "supervisor"
EVERY = (*STAGES, *SERVICES, SUPERVISOR)

CHUNK_BUCKETS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
REQUEST_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
OFFER_BUCKETS = (
    *(MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 4 * HOUR, 12 * HOUR),
    *(DAY, 2 * DAY, 3 * DAY, 5 * DAY, 7 * DAY, 14 * DAY, 28 * DAY, 56 * DAY),
)

Family = TypeVar("Family", Counter, Gauge, Histogram)


class Meters:
    """The metrics of one process.

    Args:
        process: `intake`, ..., `board`, or `supervisor`.

    Attributes:
        registry: what this process exposes.
        labels: names of labels by name of the family, of all families there are.

    Raises:
        ValueError: there is no such process.
    """

    def __init__(self, process: str) -> None:
        if process not in EVERY:
            raise ValueError(f"{process!r} has no metrics; name one of {', '.join(EVERY)}")
        self.process = process
        self.registry = Registry()
        self.labels: dict[str, tuple[str, ...]] = {}
        ProcessCollector(registry=self.registry)
        self._define_work()
        self._define_time()
        self._define_offers()
        self._define_services()
        self._begin_at_zero()

    def expect_feeds(self, settles_ms: Mapping[str, int]) -> None:
        """Names the deployment's feeds and how long each may take to record an event, ms."""
        for feed, within in settles_ms.items():
            self.feed_heard.labels(feed).set(0)
            self.feed_settles.labels(feed).set(within / 1000)

    def expect_dead_letters(self, reasons: Iterable[str]) -> None:
        """Names the reasons for which this stage may set a record aside."""
        for reason in reasons:
            self.dead_letters.labels(self.process, reason)

    def expect_processes(self, names: Iterable[str]) -> None:
        """Names the processes a supervisor keeps running."""
        for name in names:
            self.restarts.labels(name)
            self.restart_pause.labels(name)
            self.failing_since.labels(name)

    def show_offers(self, by_state: Mapping[OfferState, int], by_reason: Mapping[Reason, int]) -> None:
        """Sets how many offers and suppressed situations there are; what is not named is none."""
        for state in OfferState:
            if state is not OfferState.SUPPRESSED:
                self.offers.labels(state.value).set(by_state.get(state, 0))
        for reason in Reason:
            self.suppressed.labels(reason.value).set(by_reason.get(reason, 0))

    def expose(self, accept: str = "") -> tuple[bytes, str]:
        """What a scrape gets: body and content type."""
        return exposition(self.registry, accept)

    def _define_work(self) -> None:
        self.records = self._add(
            Counter, "records_total", "Records worked on and committed, by what became of them.", "stage result"
        )
        self.dead_letters = self._add(
            Counter, "dead_letters_total", "Records set aside because they could not be taken.", "stage reason"
        )
        self.lag = self._add(
            Gauge, "lag_records", "End of an input partition less the stage's position.", "stage topic partition"
        )
        self.partitions = self._add(Gauge, "partitions", "Input partitions this process works on.", "stage")
        self.chunk_seconds = self._add(
            Histogram, "chunk_seconds", "Time to work on one chunk of records.", "stage", buckets=CHUNK_BUCKETS
        )
        self.transaction_seconds = self._add(
            Histogram, "transaction_seconds", "Time to commit outputs and position.", "stage", buckets=CHUNK_BUCKETS
        )
        self.restarts = self._add(
            Counter, "stage_restarts_total", "How often a process was started anew.", "stage", of=(SUPERVISOR,)
        )
        self.restart_pause = self._add(
            Gauge,
            "stage_restart_pause_seconds",
            "Wait before the next start of a process that ended; 0 when it runs steadily.",
            "stage",
            of=(SUPERVISOR,),
        )
        self.failing_since = self._add(
            Gauge,
            "stage_failing_since_timestamp_seconds",
            "Since when a process has not run steadily; 0 when it does.",
            "stage",
            of=(SUPERVISOR,),
        )
        self.build = self._add(Gauge, "build_info", "Always 1; what runs.", "version python", of=EVERY)

    def _define_time(self) -> None:
        correlate = ("correlate",)
        self.watermark_delay = self._add(
            Gauge, "watermark_delay_seconds", "How far a feed is behind now.", "feed", of=correlate
        )
        self.feed_heard = self._add(
            Gauge, "feed_heard_timestamp_seconds", "Up to when a feed was heard; 0: never.", "feed", of=correlate
        )
        self.feed_settles = self._add(
            Gauge, "feed_settles_seconds", "How long a feed may take to record an event.", "feed", of=correlate
        )
        self.clock = self._add(
            Gauge, "clock_timestamp_seconds", "The stage's clock; 0: not begun.", "stage", of=CLOCKED
        )
        self.feed_held = self._add(
            Gauge, "feed_held_since_timestamp_seconds", "When a feed was held; absent unless it is.", "feed topic by",
            of=("intake",),
        )  # fmt: skip
        self.event_to_offer = self._add(
            Histogram, "event_to_offer_seconds", "From an offer's newest event being recorded to its opening.",
            of=("deliver",), buckets=OFFER_BUCKETS,
        )  # fmt: skip

    def _define_offers(self) -> None:
        self.subjects = self._add(Gauge, "subjects", "Persons or households whose timeline is held.", of=DECIDING)
        self.situations_held = self._add(
            Gauge, "situations_held", "Situations waiting for the end of their hold.", of=("plan",)
        )
        self.situations_paused = self._add(
            Gauge, "situations_paused", "Ripe situations whose rule or team is paused.", of=("plan",)
        )
        self.offers = self._add(Gauge, "offers", "Offers in the case database.", "state", of=("deliver",))
        self.suppressed = self._add(
            Gauge, "suppressed", "Suppressed situations in the case database.", "reason", of=("deliver",)
        )
        self.outbox_pending = self._add(
            Gauge, "outbox_pending", "Case workers' actions not yet on Kafka.", of=("relay",)
        )

    def _define_services(self) -> None:
        self.http_requests = self._add(
            Counter, "http_requests_total", "HTTP requests answered.", "service route method status", of=SERVICES
        )
        self.http_seconds = self._add(
            Histogram, "http_request_seconds", "Time until an answer begins.", "service route",
            of=SERVICES, buckets=REQUEST_BUCKETS,
        )  # fmt: skip

    def _add(
        self,
        kind: type[Family],
        name: str,
        meaning: str,
        labels: str = "",
        *,
        of: tuple[str, ...] = STAGES,
        **more: Any,  # noqa: ANN401 - buckets, of a histogram alone
    ) -> Family:
        """A family; exposed when it is `of` this process."""
        registry = self.registry if self.process in of else None
        names = self.labels[f"headwater_{name}"] = tuple(labels.split())
        return kind(f"headwater_{name}", meaning, names, registry=registry, **more)

    def _begin_at_zero(self) -> None:
        self.build.labels(version("headwater"), platform.python_version()).set(1)
        for result in RESULTS.get(self.process, ()):
            self.records.labels(self.process, result)
        if self.process in FAUST_STAGES:
            self.partitions.labels(self.process).set(0)
            self.chunk_seconds.labels(self.process)
            self.transaction_seconds.labels(self.process)
        if self.process in CLOCKED:
            self.clock.labels(self.process).set(0)
        if self.process == "deliver":
            self.show_offers({}, {})
