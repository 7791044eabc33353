"""Tells browsers that their team's list has changed: one look a second for a team, however many browsers."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import anyio.to_thread
import structlog

from sinks.case_db import CaseStoreUnavailable
from sinks.case_db.values import Scope
from sinks.faults import where

log = structlog.get_logger()

PERIOD_S = 1.0
MOST_EACH = 8
"""Streams of news a worker may have open: one a window."""
_LEAST_REST = 9
"""A look that takes long is followed by a rest this many times as long: never more than a tenth of the time."""


@dataclass(slots=True)
class _Team:
    """What is known of a team's list; `looker` runs while somebody listens."""

    listeners: int = 0
    digest: str = ""
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    looker: asyncio.Task[None] | None = None


class Live:
    """Follows the lists of the teams somebody looks at.

    Args:
        look: digest of a team's list, from the database; may block.
        period_s: least time between two looks.
    """

    def __init__(self, look: Callable[[Scope], str], period_s: float = PERIOD_S) -> None:
        self._look = look
        self._period_s = period_s
        self._teams: dict[Scope, _Team] = {}
        self._places: Counter[str] = Counter()

    @contextmanager
    def place(self, worker: str) -> Iterator[bool]:
        """Holds one of a worker's places to listen; False when they have none left. For the event loop's thread."""
        has_place = self._places[worker] < MOST_EACH
        self._places[worker] += has_place
        try:
            yield has_place
        finally:
            self._places[worker] -= has_place
            if not self._places[worker]:
                del self._places[worker]

    async def follow(self, scope: Scope, seen: str) -> AsyncGenerator[str]:
        """Digests of a team's list as they change, first the present one unless it is `seen`."""
        team = self._teams.setdefault(scope, _Team())
        team.listeners += 1
        if team.looker is None or team.looker.done():
            team.looker = asyncio.create_task(self._keep_looking(scope, team))
        try:
            while True:
                changed = team.changed
                if team.digest and team.digest != seen:
                    seen = team.digest
                    yield seen
                await changed.wait()
        finally:
            team.listeners -= 1
            if not team.listeners:
                team.looker.cancel()
                self._teams.pop(scope, None)

    async def _keep_looking(self, scope: Scope, team: _Team) -> None:
        while True:
            began = time.monotonic()
            try:
                found = await anyio.to_thread.run_sync(self._look, scope)
            except CaseStoreUnavailable:
                found = team.digest  # the pages say so; what was missed is told when it is back
            except Exception as error:  # noqa: BLE001 - those who listen would wait for ever
                log.error("no look at a list", error=type(error).__name__, where=where(error))
                found = team.digest
            if found != team.digest:
                team.digest = found
                team.changed.set()
                team.changed = asyncio.Event()
            await asyncio.sleep(max(self._period_s, _LEAST_REST * (time.monotonic() - began)))
