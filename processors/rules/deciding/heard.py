"""What feeds were heard of: time as data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Heard:
    """Up to when feeds were heard.

    Attributes:
        feeds: feed -> ms, inclusive; a feed never heard is absent.
        began: feed -> ms from which it is known at all (for absences that look back).
        every: stands for feeds that `feeds` does not name, and for types that have none
            (`headwater rules run`); None: those were never heard.
        every_began: likewise for `began`; None: those are not known.
    """

    feeds: Mapping[str, int] = field(default_factory=dict)
    began: Mapping[str, int] = field(default_factory=dict)
    every: int | None = None
    every_began: int | None = None

    def is_past(self, feeds: Sequence[str], moment: int) -> bool:
        """Whether all of these feeds were heard up to `moment`, ms, inclusive."""
        if not feeds:
            return self.every is None or self.every >= moment
        return all((heard := self.feeds.get(feed, self.every)) is not None and heard >= moment for feed in feeds)

    def is_known(self, feeds: Sequence[str], since: int) -> bool:
        """Whether nothing says that one of these feeds began after `since`, ms; what was before is unknown.

        A feed not heard of yet says nothing: an absence waits until it is heard.
        """
        if not feeds:
            return self.every_began is not None and self.every_began <= since
        return all((began := self.began.get(feed, self.every_began)) is None or began <= since for feed in feeds)
