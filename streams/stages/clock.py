"""The clock of a task that decides: marks on the log, or the machine's clock when that is asked for.

Everything is ms since the epoch, UTC. A clock never goes back.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from processors.events import Mark
from processors.rules.deciding.heard import Heard


class MarkedClock:
    """Turns marks into up to when each feed was heard, and into `now`.

    Under `feeds`, `now` is the smallest of all feeds' marks, 0 until every feed was heard. Under
    `wall` it is the append time of the newest record worked on, and the machine's clock when idle:
    a backlog is decided as of then, not as of today.
    """

    def __init__(self, feeds: Iterable[str], *, is_wall: bool) -> None:
        self._by_source: dict[str, dict[int, Mark]] = {feed: {} for feed in feeds}
        self._is_wall = is_wall
        self.heard = Heard()
        self.now = 0

    def mark(self, mark: Mark) -> None:
        """Takes a mark.

        A feed counts as heard up to the minimum over all its source partitions, and as known from
        the maximum of where they began.
        """
        sources = self._by_source.get(mark.feed)
        if sources is None:
            return
        newest = sources.get(mark.partition)
        if newest is not None and mark.heard < newest.heard:
            return
        sources[mark.partition] = mark
        if len(sources) >= mark.partitions:
            self._hear(mark.feed, sources.values())

    def _hear(self, feed: str, sources: Collection[Mark]) -> None:
        heard = min(mark.heard for mark in sources)
        begun = [mark.began for mark in sources if mark.began is not None]
        began = max(begun) if len(begun) == len(sources) else None
        if (heard, began) == (self.heard.feeds.get(feed), self.heard.began.get(feed)):
            return
        known = {**self.heard.began, feed: began} if began is not None else self.heard.began
        self.heard = Heard({**self.heard.feeds, feed: heard}, known)
        if not self._is_wall and len(self.heard.feeds) == len(self._by_source):
            self._advance(min(self.heard.feeds.values()))

    def append(self, appended_at: int) -> None:
        """Takes the append time of a record that is worked on."""
        if self._is_wall:
            self._advance(appended_at)

    def kept(self) -> dict[str, Any]:
        """What a clock needs to go on from here, as plain JSON values."""
        marks = [
            [m.feed, m.partition, m.partitions, m.heard, m.began]
            for each in self._by_source.values()
            for m in each.values()
        ]
        return {"now": self.now, "marks": marks}

    def restore(self, kept: Mapping[str, Any]) -> None:
        """Goes on from what was kept; feeds that are no more are left out."""
        for parts in kept["marks"]:
            self.mark(Mark(*parts))
        self._advance(kept["now"])

    def idle(self) -> None:
        """Nothing waits: the machine's clock is as good as the log's."""
        if self._is_wall:
            self._advance(time.time_ns() // 1_000_000)

    def _advance(self, now: int) -> None:
        self.now = max(self.now, now)
