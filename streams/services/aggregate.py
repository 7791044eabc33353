"""Aggregate: weekly counts for policy analysts, under disclosure control, each week released once.

Follows life events, decisions and offers from their beginning and folds them in memory. When the clock
of the log has passed a week's end and its time to settle, everything on its way is let through first (a
*barrier*), then all cells of the week go out in one transaction. What is out is never changed; what comes
later is dropped and counted. The Parquet files follow from `aggregates.v1` and are made again from it.

Killed at any point: what was not committed is counted again from the log, what was is not.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path

import structlog

from processors.civil_time import DAY_MS, Calendar
from processors.decisions import Decision
from processors.disclosure.model import Cell, Measure, ReadUpTo, Release
from processors.disclosure.policy import DisclosurePolicy
from processors.disclosure.protect import protect
from processors.disclosure.weekly import Known, WeeklyFold, by_week, tally
from processors.disclosure.weeks import before, following, week_of, week_start
from processors.events import LifeEvent
from processors.offers.actions import OutcomeCode
from processors.offers.model import OfferRecord, OfferState
from schemas.codec import Codec, Unreadable, Value
from sinks.aggregates import AggregateFiles, AggregatesUnusable
from sinks.metrics import Meters
from streams import topics
from streams.clocks import hear_for_all
from streams.composition import Platform
from streams.ending import Ending
from streams.errors import Unreachable
from streams.kafka.follower import Follower
from streams.kafka.log import committed_positions, read_topic
from streams.kafka.tail import Source, ends_of, place_of, sources_of
from streams.kafka.transactions import Outgoing, TransactionalSender
from streams.observing.health import Health
from streams.observing.process import observed
from streams.settings import Settings

log = structlog.get_logger()

NAME = "headwater-aggregate"
FOLLOWED = (topics.LIFE_EVENTS, topics.DECISIONS, topics.HOUSEHOLD_DECISIONS, topics.OFFERS)
CLOCK = topics.SITUATIONS
"""Plan puts its clock on each partition of its input: once it has worked on that, what was due is on `offers.v1`."""
UPSTREAM = (
    (topics.LIFE_EVENTS, "headwater-correlate"),
    (topics.HOUSEHOLD_EVENTS, "headwater-households"),
    (topics.SITUATIONS, "headwater-plan"),
)
"""Whoever turns one followed topic into the next, in this order."""
MOST_WEEKS_BACK = 104
"""A platform that releases its first week looks no further back, whatever date a record bears."""


def run(platform: Platform, ending: Ending) -> None:
    """Releases weeks until SIGTERM.

    Raises:
        UserError: Kafka does not answer, or the folder of the files cannot be written.
        KafkaException: a newer process took over, or a transaction failed; nothing is half out.
    """
    is_over = threading.Event()
    ending.gently(is_over.set)
    meters, health = Meters("aggregate"), Health()
    read = meters.records.labels("aggregate", "read")

    def on_read(records: int) -> None:
        read.inc(records)
        health.beat()

    with observed(meters, health, platform.settings), aggregator(platform) as worker:
        worker.on_read = on_read
        health.wait_for("the log to be read again")
        while not is_over.is_set():
            worker.step(is_over)
            if worker.is_caught_up:
                health.be_ready()


def folder_of(settings: Settings) -> Path:
    """Where the Parquet files are."""
    return settings.aggregates or settings.data / "aggregates"


@dataclass(frozen=True, slots=True)
class AggregateContext:
    """What the deployment decides about weekly counts."""

    bootstrap: str
    codec: Codec
    calendar: Calendar
    policy: DisclosurePolicy
    known: Known


def context_of(platform: Platform) -> AggregateContext:
    """The context of a platform."""
    return AggregateContext(
        platform.bootstrap, platform.codec, platform.calendar, platform.deployment.disclosure, known_to(platform)
    )


def known_to(platform: Platform) -> Known:
    """Areas and types that have a row every week, so that no row is missing without a meaning.

    Types no purpose is granted have none: they are withheld at intake and never counted.
    """
    deployment = platform.deployment
    ends = [state.value for state in (OfferState.LAPSED, OfferState.WITHDRAWN)]
    types = {
        Measure.EVENTS: tuple(deployment.granted_types),
        Measure.SITUATIONS: tuple(platform.rules.plans),
        Measure.OFFERS: tuple(deployment.teams),
        Measure.OUTCOMES: (*ends, *(code.value for code in OutcomeCode)),
    }
    return Known(tuple(deployment.areas), types)


@contextmanager
def aggregator(platform: Platform) -> Iterator[Aggregator]:
    """An aggregator that has fenced every earlier one and knows what is out.

    Raises:
        UserError: Kafka does not answer, or the folder of the files cannot be written.
    """
    context = context_of(platform)
    sources = sources_of(context.bootstrap, (*FOLLOWED, CLOCK))
    with closing(TransactionalSender(context.bootstrap, NAME)) as sender:
        # Only when nobody else can write any more is what stands on the topic all there is.
        sender.open()
        files = AggregateFiles(folder_of(platform.settings))
        published = _restore(context, files)
        with Follower(context.bootstrap, dict.fromkeys(sources, 0)) as follower:
            yield Aggregator(context, sender, files, follower, published)


@dataclass(frozen=True, slots=True)
class Published:
    """What is out by now.

    Attributes:
        newest: the newest week; None: none is.
        releases: how far the log had been read for each release, oldest first.
    """

    newest: str | None
    releases: tuple[Release, ...]


def _restore(context: AggregateContext, files: AggregateFiles) -> Published:
    """Makes the files that are missing or differ anew, from the topic; returns what is out."""

    def read(topic: str) -> Iterator[Value | Unreadable]:
        return (context.codec.decode(message.value()) for message in read_topic(context.bootstrap, topic))

    out: dict[str, list[Cell]] = {}
    for cell in read(topics.AGGREGATES):
        if isinstance(cell, Cell):
            out.setdefault(cell.week, []).append(cell)
    for week, cells in out.items():
        if not _is_there(files, week, cells):
            _write(files, week, cells)
    # What is out is told by the cells alone: they must never come again, whatever else is lost.
    releases = tuple(release for release in read(topics.RELEASES) if isinstance(release, Release))
    return Published(max(out, default=None), releases)


def _is_there(files: AggregateFiles, week: str, cells: Sequence[Cell]) -> bool:
    try:
        return set(files.cells(week)) == set(cells)
    except AggregatesUnusable:
        return False


def _write(files: AggregateFiles, week: str, cells: Sequence[Cell]) -> None:
    try:
        files.write(week, cells)
    except AggregatesUnusable as fault:
        raise Unreachable(fault.problem, fault.remedy) from None


class Aggregator:
    """Follows the log and releases weeks as they are due.

    Args:
        published: what is out; the folds forget at the same positions as they did then.

    Attributes:
        on_read: told how many records came, after each look at the log.
    """

    def __init__(
        self,
        context: AggregateContext,
        sender: TransactionalSender,
        files: AggregateFiles,
        follower: Follower,
        published: Published,
    ) -> None:
        self._context = context
        self._sender = sender
        self._files = files
        self._follower = follower
        self.on_read: Callable[[int], object] = lambda _records: None
        self._newest = published.newest
        self._clocks: dict[Source, int] = {source: 0 for source in follower.positions if source[0] == CLOCK}
        self._folds = {source: WeeklyFold() for source in follower.positions if source[0] != CLOCK}
        self._begun = ends_of(context.bootstrap, self._folds)
        self._past: dict[Source, deque[tuple[int, int]]] = {source: deque() for source in self._folds}
        for release in published.releases:
            until = week_start(following(release.week), context.calendar)
            for at in release.positions:
                self._past[at.topic, at.partition].append((at.offset, until))

    @property
    def is_caught_up(self) -> bool:
        """Whether the log was read again up to where it ended when this process began."""
        return self._follower.has_reached(self._begun)

    @property
    def held(self) -> int:
        """Lines, matches and offers held in memory."""
        return sum(fold.held for fold in self._folds.values())

    @property
    def dropped(self) -> Counter[Measure]:
        """Changes that came after the release of their week, since the log began."""
        return sum((fold.dropped for fold in self._folds.values()), Counter())

    def step(self, is_over: threading.Event) -> list[str]:
        """Reads on, and releases what is due; returns the weeks released.

        Args:
            is_over: when set, waiting is given up and nothing is released.

        Raises:
            Unreachable: Kafka refuses to send, or the folder of the files cannot be written.
            KafkaException: a newer process took over, or the transaction failed.
        """
        self._read()
        due = self._due()
        if not due or not self._let_everything_through(is_over):
            return []
        self._release(due)
        return due

    def _read(self) -> None:
        messages = self._follower.poll()
        for message in messages:
            value = self._context.codec.decode(message.value())
            source, offset = place_of(message)
            hear_for_all(self._clocks, source, value)
            if isinstance(value, LifeEvent | Decision | OfferRecord):
                self._forget(source, offset)
                self._folds[source].take(value)
        self.on_read(len(messages))

    def _forget(self, source: Source, offset: int) -> None:
        """Lets a fold that is begun anew forget what had been released before this offset was read."""
        past = self._past[source]
        while past and past[0][0] <= offset:
            self._folds[source].release(past.popleft()[1])

    def _clock(self) -> int:
        """Up to when plan was told to see to whatever is due, ms; 0 until all its partitions were."""
        return min(self._clocks.values(), default=0)

    def _due(self) -> list[str]:
        """Weeks that have settled and are not out, oldest first."""
        context, clock = self._context, self._clock()
        settled = clock - context.policy.settle_days * DAY_MS
        week = self._next(settled)
        due: list[str] = []
        while week is not None and week_start(following(week), context.calendar) <= settled:
            due.append(week)
            week = following(week)
        return due

    def _next(self, settled: int) -> str | None:
        """The oldest week that is not out; the first of all is that of the earliest record."""
        if self._newest is not None:
            return following(self._newest)
        found = [fold.earliest for fold in self._folds.values() if fold.earliest is not None]
        if not found or not self._clock():
            return None
        calendar = self._context.calendar
        return max(week_of(min(found), calendar), before(week_of(settled, calendar), MOST_WEEKS_BACK))

    def _let_everything_through(self, is_over: threading.Event) -> bool:
        """Waits until all that is on the log by now has become decisions and offers and was read.

        Returns False when the process must end before.
        """
        bootstrap = self._context.bootstrap
        for topic, group in UPSTREAM:
            ends = ends_of(bootstrap, sources_of(bootstrap, [topic]))
            if not self._wait_until(partial(self._has_committed, group, ends), is_over):
                return False
        ends = ends_of(bootstrap, self._follower.positions)
        return self._wait_until(partial(self._follower.has_reached, ends), is_over)

    def _has_committed(self, group: str, ends: Mapping[Source, int]) -> bool:
        committed = committed_positions(self._context.bootstrap, group, sorted({topic for topic, _ in ends}))
        return all(committed.get(source, 0) >= end for source, end in ends.items())

    def _wait_until(self, is_so: Callable[[], bool], is_over: threading.Event) -> bool:
        while not is_so():
            if is_over.is_set():
                return False
            self._read()
        return True

    def _release(self, weeks: Sequence[str]) -> None:
        until = week_start(following(weeks[-1]), self._context.calendar)
        for source, offset in self._follower.positions.items():
            if source in self._folds:
                self._forget(source, offset)
        cells = self._count(weeks)
        self._sender.send([*self._outgoing(cells), self._note(weeks[-1])])
        self._newest = weeks[-1]
        for week in weeks:
            _write(self._files, week, cells[week])
        for fold in self._folds.values():
            fold.release(until)
        log.info(
            "weeks released",
            first=weeks[0], last=weeks[-1], cells=sum(map(len, cells.values())),
            withheld=sum(cell.count is None for each in cells.values() for cell in each),
            held=self.held, dropped=self.dropped.total(),
        )  # fmt: skip

    def _count(self, weeks: Sequence[str]) -> dict[str, list[Cell]]:
        context = self._context
        starts = [week_start(week, context.calendar) for week in (*weeks, following(weeks[-1]))]
        counted = by_week(chain.from_iterable(fold.counted() for fold in self._folds.values()), starts)
        return {
            week: protect(week, tally(found, context.known), context.policy)
            for week, found in zip(weeks, counted, strict=True)
        }

    def _outgoing(self, cells: Mapping[str, Sequence[Cell]]) -> Iterator[Outgoing]:
        for cell in chain.from_iterable(cells.values()):
            key = f"{cell.week}|{cell.measure}|{cell.area}|{cell.type}".encode()
            yield Outgoing(topics.AGGREGATES, 0, key, self._context.codec.encode(cell))

    def _note(self, week: str) -> Outgoing:
        """How far the log was read for this release."""
        read = {source: self._follower.positions[source] for source in self._folds}
        positions = tuple(ReadUpTo(*source, offset) for source, offset in sorted(read.items()))
        return Outgoing(topics.RELEASES, 0, week.encode(), self._context.codec.encode(Release(week, positions)))
