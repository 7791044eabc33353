"""Who waits for feeds to be heard: looked at again when that happens, not before.

An absence is concluded only when the feeds that could contradict it were heard past its deadline; a
feed that is silent for days may keep thousands waiting, who must cost nothing meanwhile.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping

from processors.rules.matching.run import Wait


class Silence:
    """Subjects by the feed they wait for, in order of up to when it must be heard."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[tuple[int, str]]] = {}
        self._known: set[tuple[str, int, str]] = set()

    def __len__(self) -> int:
        """How many wait, each once for every feed."""
        return len(self._known)

    def wait(self, name: str, waits: Iterable[Wait], heard: Mapping[str, int]) -> None:
        """Notes that a subject waits; of several silent feeds one is enough, for all must be heard.

        Args:
            name: the subject.
            waits: what could be concluded but for silent feeds.
            heard: feed -> up to when it was heard, ms.
        """
        for wait in waits:
            feed = next((each for each in wait.feeds if heard.get(each, wait.heard - 1) < wait.heard), None)
            if feed is not None and (feed, wait.heard, name) not in self._known:
                self._known.add((feed, wait.heard, name))
                heapq.heappush(self._waiting.setdefault(feed, []), (wait.heard, name))

    def broken(self, heard: Mapping[str, int]) -> Iterator[str]:
        """Subjects whose feed was heard far enough by now; they wait no longer, each may come more than once."""
        for feed, waiting in self._waiting.items():
            upto = heard.get(feed)
            while waiting and upto is not None and waiting[0][0] <= upto:
                moment, name = heapq.heappop(waiting)
                self._known.discard((feed, moment, name))
                yield name
