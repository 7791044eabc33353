"""Ends a stage that has work and does none, so that it is started anew; works while the stage hangs.

Four kinds of standing still, each with its own limit:

* records wait on a partition, and its position has not moved for `PATIENCE_S`: the event loop hangs, the
  fetcher died, a chunk never ends, what the stage follows beside its input is read no more (`Watch`, a pure
  decision);
* the state of a partition is being made from the log, and that has not moved for `PATIENCE_S`;
* a commit, or claiming a partition, takes longer than `HUNG_S`;
* this thread itself gets no turn for `FROZEN_S`, since another never lets go of the interpreter: then a
  thread of `faulthandler`, which needs no turn, ends the process.

Whether records wait is asked of the broker: what the stage last knew of it may be as old as its standstill.
A broker that does not answer and a partition that is held prove nothing.
Knows nothing of what the stage does.
"""

from __future__ import annotations

import faulthandler
import itertools
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import structlog

from streams.kafka.tail import Source
from streams.logs import where

log = structlog.get_logger()

LOOK_S = 5.0
PATIENCE_S = 120.0
"""As long as a process may be still before /livez calls it dead: longer than the longest chunk and commit."""
HUNG_S = 40.0
"""A transaction that takes longer is taken to hang; an ordinary one takes milliseconds, a claim half a second."""
FROZEN_S = 180.0
LATE = 3
"""Looks this many times further apart than planned prove nothing: the process was stopped, or its machine slept."""


@dataclass(frozen=True, slots=True)
class Still:
    """A partition that stands still: at which position, and since when."""

    position: float
    since: float


class Watch:
    """Decides which partitions have stood still for too long.

    Args:
        patience_s: how long a partition may stand still while records wait on it.
        look_s: how often it is looked at.
    """

    def __init__(self, patience_s: float, look_s: float) -> None:
        self._patience_s = patience_s
        self._late_s = LATE * look_s
        self._still: dict[Source, Still] = {}
        self._positions: dict[Source, float] = {}
        self._looked: float | None = None

    def unmoved(self, positions: Mapping[Source, float]) -> list[Source]:
        """Partitions that are where they were at the last look: only of these the end matters."""
        before, self._positions = self._positions, dict(positions)
        return [source for source, position in positions.items() if before.get(source) == position]

    def look(self, now: float, positions: Mapping[Source, float], ends: Mapping[Source, float]) -> list[Source]:
        """Partitions that have stood still for too long; empty when all is well.

        Args:
            now: by a clock that never goes back, s.
            positions: of the partitions that are worked on.
            ends: of those of which the end is known.
        """
        if self._looked is None or now - self._looked > self._late_s:
            self._still = {}
        self._looked = now
        waiting = [source for source, position in positions.items() if ends.get(source, -1) > position]
        self._still = {source: self._since(now, source, positions[source]) for source in waiting}
        return [source for source, still in self._still.items() if now - still.since >= self._patience_s]

    def _since(self, now: float, source: Source, position: float) -> Still:
        before = self._still.get(source)
        return before if before is not None and before.position == position else Still(position, now)


class Watchdog:
    """Looks at a stage every few seconds, from a thread of its own.

    Args:
        stage: its name, for the log.
        positions: of the partitions that are worked on now, more than the position when something was done
            there since, less than the next; called by the thread, as the next two.
        opening: of those being opened, how much of their state is there, 0 to 1.
        ends: ends of partitions, as far as the broker tells.
        leave: ends the process.
    """

    def __init__(
        self,
        stage: str,
        positions: Callable[[], Mapping[Source, float]],
        opening: Callable[[], Mapping[Source, float]],
        ends: Callable[[Iterable[Source]], Mapping[Source, int]],
        leave: Callable[[], None],
    ) -> None:
        self._stage = stage
        self._positions = positions
        self._opening = opening
        self._ends = ends
        self._leave = leave
        self._watch = Watch(PATIENCE_S, LOOK_S)
        self._opening_watch = Watch(PATIENCE_S, LOOK_S)
        self._transactions: dict[int, tuple[str, float]] = {}
        self._numbers = itertools.count()
        self._is_over = threading.Event()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Watches while the block runs."""
        thread = threading.Thread(target=self._run, name="watchdog", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._is_over.set()
            thread.join()
            faulthandler.cancel_dump_traceback_later()

    @contextmanager
    def transaction(self, what: str) -> Iterator[None]:
        """Watches over a transaction; several threads may have one each.

        librdkafka's `send_offsets_to_transaction` may wait for ever, whatever its time-out says, when the
        broker was away meanwhile (confluentinc/librdkafka#5456).

        Args:
            what: it is for, for the log.
        """
        number = next(self._numbers)
        self._transactions[number] = (what, time.monotonic())
        try:
            yield
        finally:
            del self._transactions[number]

    def _run(self) -> None:
        while not self._is_over.wait(LOOK_S):
            faulthandler.dump_traceback_later(FROZEN_S, exit=True)
            try:
                self._look(time.monotonic())
            except Exception as error:  # noqa: BLE001 - a look that fails must not be the last one
                log.error("watchdog cannot look", stage=self._stage, error=type(error).__name__, where=where(error))

    def _look(self, now: float) -> None:
        for what, since in tuple(self._transactions.values()):
            if now - since > HUNG_S:
                self._end(f"{what} has not ended for {now - since:.0f} s")
        opening = self._opening()
        if self._opening_watch.look(now, opening, dict.fromkeys(opening, 1.0)):
            self._end(f"the state of a partition has not got on for {PATIENCE_S:.0f} s")
        positions = self._positions()
        stuck = self._watch.look(now, positions, self._ends(self._watch.unmoved(positions)))
        if stuck:
            told = ", ".join(f"{topic}/{partition} at {int(positions[topic, partition])}" for topic, partition in stuck)
            self._end(f"records wait and nothing was done for {PATIENCE_S:.0f} s: {told}")

    def _end(self, why: str) -> None:
        log.error("stage stands still and ends to start anew", stage=self._stage, why=why)
        faulthandler.dump_traceback(all_threads=True)
        sys.stderr.flush()
        self._leave()
