"""Runs one stage as a Faust worker.

Faust brings group membership, fetching and the agent; positions, commits and state are ours:

1. On assignment, each partition is claimed (`streams.kafka.committer`) and its task folds its state up to the
   committed position.
2. A chunk that does not begin at the task's position (fetched before a rebalance, dropped by Faust)
   is not worked on; the consumer seeks back.
3. Outputs and the new position are committed in one transaction, which partitions share
   (`streams.stages.commits`); only then is a chunk with outputs acknowledged.
4. Whatever raises ends the process with a code other than 0; `streams.stages.supervisor` starts it anew.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing, suppress
from functools import partial
from typing import Any

import faust
import structlog
from aiokafka.errors import IllegalStateError
from confluent_kafka import KafkaException
from faust.types import TP, AppT

from sinks.case_db import CaseStoreUnavailable, Counts
from sinks.metrics import Meters
from streams.ending import Ending
from streams.errors import UserError
from streams.kafka.chunks import Chunk, last_stable_offset
from streams.kafka.committer import Committer
from streams.kafka.ends import Ends
from streams.kafka.tail import Source
from streams.kafka.transactions import kafka_fault
from streams.logs import where
from streams.observing.health import Health
from streams.settings import Settings
from streams.stages.application import GentleWorker, RawSchema, application
from streams.stages.arrivals import Arrivals
from streams.stages.commits import Commits
from streams.stages.gauges import StageGauges
from streams.stages.holding import Holding
from streams.stages.membership import client_id, refuse_namesake, sole
from streams.stages.partition import PartitionWork
from streams.stages.task import Stage
from streams.stages.traffic import is_traffic
from streams.stages.watchdog import Watchdog
from streams.state.store import Unreadable

log = structlog.get_logger()

SECOND_S, BRISK_S = 1.0, 2.0
"""Time passes for the tasks once a second, more often for so long after there was traffic."""
REPORT_S = 2.0
COUNTS_S = 5.0
COUNTS_REST = 20
"""Offers are counted every few seconds, and rarer when counting takes long: at most 5 % of the time."""
FAULT = 70
"""Exit code of a stage that ends because of a fault; `sysexits.h` calls it an internal one."""
LOST_TICKS = 3
"""After how many ticks without progress a fetched chunk that never reached the stage counts as lost."""


class StageWorker:
    """A Faust application for one stage."""

    def __init__(  # noqa: PLR0913, PLR0917 - what the composition root has for it
        self, stage: Stage, bootstrap: str, settings: Settings, meters: Meters, health: Health, ending: Ending
    ) -> None:
        self._stage = stage
        self._ending = ending
        self._watchdog = Watchdog(
            stage.name, self._positions, self._restored, Ends(bootstrap).of, lambda: ending.leave(FAULT)
        )
        self._gauges = StageGauges(stage.name, meters, is_wall=settings.clock == "wall")
        self._committer = Committer(bootstrap, stage.group, f"{stage.name}-{settings.worker}")
        self._commits = Commits(self._committer, self._gauges, self._watchdog)
        self._health = health
        self._next_counts = 0.0
        self._bootstrap = bootstrap
        self._worker = f"{stage.name}-{settings.worker}"
        self._folder = settings.data / "faust" / self._worker
        self._client_id = client_id(self._worker, settings.data)
        self._work: dict[TP, PartitionWork] = {}
        self._opening: dict[TP, PartitionWork] = {}
        self._arrivals: dict[TP, Arrivals] = {}
        self._taken_at = self._next_second = 0.0
        self.app = self._connected(application(stage, bootstrap, self._worker, self._folder, self._client_id))
        self._holding = Holding(stage.held_by, lambda: self.app.consumer, self._seek, self._gauges)

    def run(self) -> None:
        """Runs until SIGTERM or SIGINT; leaves the process with code 1 when anything raised.

        Raises:
            WrongUse: another process has the name of this worker.
        """
        with sole(self._worker, self._folder), closing(self._committer):
            refuse_namesake(self._bootstrap, self._stage.group, self._worker, self._client_id)
            self._committer.open()
            self._run()

    def _run(self) -> None:
        worker = GentleWorker(self.app, loglevel="ERROR", redirect_stdouts=False, daemon=True, quiet=True)
        worker.spinner = None
        self._ending.gently(lambda: worker.loop.call_soon_threadsafe(worker.end))
        try:
            with self._watchdog.running():
                worker.execute_from_commandline()
        except SystemExit as end:
            if end.code:
                raise

    def _positions(self) -> dict[Source, float]:
        """How far each partition is that is worked on and not held, and what is followed for them.

        Asked by the watchdog's thread.
        """
        works = tuple(self._work.items())
        working = ((tp, work) for tp, work in works if not self._holding.is_held(tp))
        followed = self._stage.followed() if works else {}
        return {**followed, **{(tp.topic, tp.partition): work.progress for tp, work in working}}

    def _restored(self) -> dict[Source, float]:
        """How much of its state each partition has that is being opened; asked by the watchdog's thread."""
        return {(tp.topic, tp.partition): work.restored for tp, work in tuple(self._opening.items())}

    def _connected(self, app: faust.App) -> faust.App:
        """Lets the application call this worker for chunks, time and partitions."""
        topic = app.topic(*self._stage.topics, schema=RawSchema(), acks=False)
        app.agent(topic, name=self._stage.name)(self._consume)  # type: ignore[arg-type]
        app.timer(interval=self._stage.tick_s)(self._tick)
        app.timer(interval=REPORT_S)(self._report)
        app.on_partitions_assigned.connect(self._on_assigned)  # type: ignore[arg-type]
        app.on_partitions_revoked.connect(self._on_revoked)  # type: ignore[arg-type]
        return app

    async def _consume(self, stream: faust.Stream[Any]) -> None:
        async for event in stream.noack().events():
            tp: TP = event.message.tp
            if tp not in self._arrivals:
                self._arrivals[tp] = Arrivals(partial(self._handle, tp))
            await self._arrivals[tp].add(event.value, event.ack)

    async def _handle(self, tp: TP, chunks: Sequence[Chunk]) -> None:
        try:
            work = self._work.get(tp)
            # Without work the partition is not open yet, or no longer ours.
            if work is not None:
                async with work.turn:
                    for chunk in chunks:
                        await self._take(tp, work, chunk)
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 - Faust would go on after a lost chunk
            self._end(error)

    async def _take(self, tp: TP, work: PartitionWork, chunk: Chunk) -> None:
        if self._work.get(tp) is not work:  # revoked while it waited for its turn
            return
        if self._holding.look(tp, work.position) or not work.take(chunk):
            if not work.is_behind(chunk):
                self._rewind(tp, work)
            return
        if is_traffic(chunk.records):
            self._taken_at = time.monotonic()
        while self._work.get(tp) is work and await work.step():
            if self._holding.look(tp, work.position):  # what is left of the chunk stays where it is
                self._rewind(tp, work)
                return
            await asyncio.sleep(0)  # heartbeats, ticks and signals are heard between transactions

    async def _tick(self) -> None:
        try:
            self._health.beat()
            now = time.monotonic()
            is_second = now >= self._next_second
            if is_second:
                self._next_second = now + SECOND_S
            elif now - self._taken_at > BRISK_S:
                return
            await asyncio.gather(*(self._tick_one(tp, work, is_second) for tp, work in self._work.items()))
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 - see _consume
            self._end(error)

    async def _tick_one(self, tp: TP, work: PartitionWork, is_second: bool) -> None:
        is_held = self._holding.look(tp, work.position)
        end = None if is_held else last_stable_offset(self.app.consumer, tp)
        if not work.turn.locked():  # else it is at work, and time passes with it
            async with work.turn:
                await self._pass_time(tp, work, end)
        if is_second:
            end = await self._holding.end_of(tp) if is_held else end
            self._gauges.lag(tp, 0 if end is None else end - work.position)
            if not is_held:
                await self._fetch_again_if_lost(tp, work)

    async def _pass_time(self, tp: TP, work: PartitionWork, end: int | None) -> None:
        while self._work.get(tp) is work and await work.tick(is_idle=end is not None and work.position >= end):
            await asyncio.sleep(0)

    async def _report(self) -> None:
        """What is counted may be a transaction ahead of what is committed."""
        try:
            self._tell_of_opening()
            reports = [work.report() for work in self._work.values()]
            for report in reports:
                self._gauges.count(report)
            self._gauges.stand(reports)
            if self._stage.counts is not None and time.monotonic() >= self._next_counts:
                await self._show_counts(self._stage.counts)
        except Exception as error:  # noqa: BLE001 - what is told about the work must not end it
            log.error("stage cannot report", stage=self._stage.name, error=type(error).__name__, where=where(error))

    def _tell_of_opening(self) -> None:
        opening = list(self._opening.values())
        if opening:
            share = sum(work.restored for work in opening) / len(opening)
            self._health.wait_for(f"the state of {len(opening)} partitions, {share:.0%} made from the log")

    async def _show_counts(self, counts: Callable[[], Counts]) -> None:
        begun = time.monotonic()
        with suppress(CaseStoreUnavailable):  # the stage itself will say so as soon as it has work
            self._gauges.offers(await asyncio.to_thread(counts))
        self._next_counts = time.monotonic() + max(COUNTS_S, COUNTS_REST * (time.monotonic() - begun))

    async def _fetch_again_if_lost(self, tp: TP, work: PartitionWork) -> None:
        """A lost chunk shows by the next one; when none follows, by a consumer ahead of work that stalls.

        A false alarm (the chunk only waited in the buffer) costs a second fetch: what was worked on
        does not begin at the position any more and is refused.
        """
        with suppress(IllegalStateError):  # revoked meanwhile
            try:
                fetched = await self.app.consumer.position(tp)
            except RuntimeError:
                if self.app.should_stop:  # the consumer's loop is closed by now; nothing is lost by not asking it
                    return
                raise
            work.stalled_ticks = 0 if fetched == work.position else work.stalled_ticks + 1
            if work.stalled_ticks >= LOST_TICKS and self._work.get(tp) is work:
                work.stalled_ticks = 0
                log.info("chunk fetched again", topic=tp.topic, partition=tp.partition, position=work.position)
                self._rewind(tp, work)

    def _rewind(self, tp: TP, work: PartitionWork) -> None:
        self._seek(tp, work.position)

    def _seek(self, tp: TP, position: int) -> None:
        self.app.consumer.rewind(tp, position)  # type: ignore[attr-defined]  # a ChunkConsumer

    async def _on_assigned(self, _app: AppT, assigned: Iterable[TP], **_: object) -> None:
        try:
            missing = sorted(tp for tp in assigned if tp not in self._work)
            self._health.wait_for(f"{len(missing)} partitions to be opened")
            # Claiming waits for the broker half a second each: side by side, off the event loop.
            opened = await asyncio.gather(*(asyncio.to_thread(self._open, tp) for tp in missing))
            for tp, work in zip(missing, opened, strict=True):
                self._work[tp] = work
                # Faust fetches as soon as it is assigned; what it handed over meanwhile was dropped.
                self._rewind(tp, work)
            self._gauges.partitions(len(self._work))
            self._health.be_ready()
        except BaseException as error:  # noqa: BLE001 - see _consume
            self._end(error)

    async def _on_revoked(self, _app: AppT, revoked: Iterable[TP], **_: object) -> None:
        try:
            await asyncio.gather(*(self._let_go(tp) for tp in revoked))
            self._gauges.partitions(len(self._work))
        except BaseException as error:  # noqa: BLE001 - see _consume
            self._end(error)

    async def _let_go(self, tp: TP) -> None:
        work = self._work.pop(tp, None)
        self._holding.forget(tp)
        if work is None:
            return
        async with work.turn:  # what is on its way to the broker is committed first
            await (work.finish() if self.app.should_stop else work.give_back())
            self._gauges.count(work.report())
            self._gauges.forget(tp)
            work.close()

    def _open(self, tp: TP) -> PartitionWork:
        started = time.monotonic()
        source = (tp.topic, tp.partition)
        with self._watchdog.transaction(f"claiming {tp.topic}/{tp.partition}"):
            committed = self._committer.claim(source)
        work = self._opening[tp] = PartitionWork(source, self._stage.task(*source), self._commits, self._gauges)
        try:
            work.open(committed)
        finally:
            del self._opening[tp]
        log.info(
            "partition opened",
            stage=self._stage.name, topic=tp.topic, partition=tp.partition,
            position=work.position, seconds=round(time.monotonic() - started, 2),
        )  # fmt: skip
        return work

    def _end(self, error: BaseException) -> None:
        """Leaves at once: nothing uncommitted may be followed by a commit."""
        log.error("stage ends to start anew", stage=self._stage.name, error=_named(error), where=where(error))
        self._ending.leave(FAULT)


def _named(error: BaseException) -> str:
    """What kind of error it is, without what it quotes."""
    if isinstance(error, KafkaException):
        return kafka_fault(error)
    if isinstance(error, Unreadable):
        return str(error)
    return f"{error.problem}; {error.remedy}" if isinstance(error, UserError) else type(error).__name__
