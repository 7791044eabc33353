"""Plan's clock: up to when everything was told that situations can come of."""

from __future__ import annotations

from processors.offers.model import SituationMark


class SituationClock:
    """The smallest of what those who tell situations said last."""

    def __init__(self) -> None:
        self._newest: dict[int, int] = {}
        self._sources = 0

    def hear(self, mark: SituationMark) -> None:
        """Takes what one of them says; it never goes back."""
        self._sources = mark.source_partitions
        self._newest[mark.source_partition] = max(mark.now, self._newest.get(mark.source_partition, mark.now))

    @property
    def now(self) -> int | None:
        """Ms since the epoch, inclusive; None until each was heard."""
        if not self._sources or len(self._newest) < self._sources:
            return None
        return min(self._newest.values())
