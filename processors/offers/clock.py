"""Plan's clock: up to when everything was told that situations can come of."""

from __future__ import annotations

from dataclasses import dataclass, field

from processors.offers.model import SituationMark


@dataclass(slots=True)
class SituationClock:
    """The smallest of what those who tell the time said last.

    Attributes:
        sources: how many tell it: on `clocks.v1` every partition of correlate and of households, on plan's input one
            (whoever puts it there speaks for all), or those same partitions on a log from before decision 20.
        newest: source -> its newest mark, ms.
    """

    sources: int = 0
    newest: dict[int, int] = field(default_factory=dict)

    def hear(self, mark: SituationMark) -> None:
        """Takes what one of them says; it never goes back. With another number of them a new count begins."""
        if mark.source_partitions != self.sources:
            self.sources = mark.source_partitions
            self.newest.clear()
        self.newest[mark.source_partition] = max(mark.now, self.newest.get(mark.source_partition, mark.now))

    @property
    def now(self) -> int | None:
        """Ms since the epoch, inclusive; None until each was heard."""
        if not self.sources or len(self.newest) < self.sources:
            return None
        return min(self.newest.values())
