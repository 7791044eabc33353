"""Commits of a worker: one transaction at a time takes whatever its partitions have ready by then.

Several partitions share a transaction, which costs the broker hardly more than that of one; and while they wait
for it, others are worked on. With little traffic transactions keep a distance, so that more comes together.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping

from streams.kafka.committer import Committer, Progress
from streams.kafka.tail import Source
from streams.stages.gauges import StageGauges
from streams.stages.watchdog import Watchdog

PACE_S = 0.02
"""A transaction begins so long after the one before it at least; the first one begins at once."""


class Commits:
    """Gathers what is to be committed; used by the event loop alone."""

    def __init__(self, committer: Committer, gauges: StageGauges, watchdog: Watchdog) -> None:
        self._committer = committer
        self._gauges = gauges
        self._watchdog = watchdog
        self._waiting: list[tuple[Progress, asyncio.Future[None]]] = []
        self._run: asyncio.Task[None] | None = None
        self._next_at = 0.0

    async def commit(self, progress: Progress) -> Mapping[Source, int]:
        """Waits until it is committed, with whatever else is; gives the ends of the partitions written to.

        Raises:
            KafkaException: nothing is committed; the caller must end and start anew.
        """
        done = asyncio.get_running_loop().create_future()
        self._waiting.append((progress, done))
        if self._run is None or self._run.done():
            self._run = asyncio.ensure_future(self._commit_all())
        await done
        return self._committer.delivered

    async def _commit_all(self) -> None:
        while self._waiting:
            await asyncio.sleep(self._next_at - time.monotonic())
            self._next_at = time.monotonic() + PACE_S
            taken, self._waiting = self._waiting, []
            try:
                with self._watchdog.transaction("a commit"), self._gauges.transaction():
                    await asyncio.to_thread(self._committer.commit, [progress for progress, _ in taken])
            except BaseException as error:  # noqa: BLE001 - whoever waits must hear of it, and ends the worker
                taken, self._waiting = taken + self._waiting, []
                _tell(taken, error)
                return
            _tell(taken, None)


def _tell(waiting: list[tuple[Progress, asyncio.Future[None]]], error: BaseException | None) -> None:
    for _, done in waiting:
        if done.done():  # cancelled meanwhile
            continue
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)
