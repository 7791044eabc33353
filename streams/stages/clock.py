"""The clock of a correlate task: marks on the log, or the machine's clock when that is asked for.

Everything is ms since the epoch, UTC. A clock never goes back.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

from processors.events import Mark
from processors.rules.decide import Heard


class MarkedClock:
    """Turns marks into up to when each feed was heard, and into `now`.

    Under `feeds`, `now` is the smallest of all feeds' marks, 0 until every feed was heard. Under
    `wall` it is the append time of the newest record worked on, and the machine's clock when idle:
    a backlog is decided as of then, not as of today.
    """

    def __init__(self, feeds: Iterable[str], *, is_wall: bool) -> None:
        self._by_source: dict[str, dict[int, int]] = {feed: {} for feed in feeds}
        self._is_wall = is_wall
        self._heard: dict[str, int] = {}
        self.heard = Heard({})
        self.now = 0

    def mark(self, mark: Mark) -> None:
        """Takes a mark; a feed counts as heard up to the minimum over all its source partitions."""
        sources = self._by_source.get(mark.feed)
        if sources is None:
            return
        sources[mark.partition] = max(sources.get(mark.partition, 0), mark.heard)
        if len(sources) < mark.partitions:
            return
        heard = min(sources.values())
        if heard != self._heard.get(mark.feed):
            self._heard[mark.feed] = heard
            self.heard = Heard(dict(self._heard))
            if not self._is_wall and len(self._heard) == len(self._by_source):
                self._advance(min(self._heard.values()))

    def append(self, appended_at: int) -> None:
        """Takes the append time of a record that is worked on."""
        if self._is_wall:
            self._advance(appended_at)

    def idle(self) -> None:
        """Nothing waits: the machine's clock is as good as the log's."""
        if self._is_wall:
            self._advance(time.time_ns() // 1_000_000)

    def _advance(self, now: int) -> None:
        self.now = max(self.now, now)
