"""What time it is for plan.

Each partition of correlate and of households tells its clock on `clocks.v1`, up to 25 times a second; the smallest
of them is the platform's. Plan follows it and puts it on its own input, `situations.v1`, when something is due by it:
only there, in order with everything else, does it take effect.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

from processors.offers.clock import SituationClock
from processors.offers.model import SituationMark
from schemas.codec import Codec
from streams import topics
from streams.kafka.follower import Follower
from streams.kafka.tail import Source, ends_of, place_of, read_on, sources_of
from streams.kafka.transactions import Outgoing
from streams.stages.traffic import MARK_PREFIX

LOOK_EVERY_S = 0.01
RECENT = 20_000
"""Among so many of the newest offsets of a partition plan's mark is looked for: it puts one there every few seconds
while time passes, which then has as many situations to itself."""


def clock_record(codec: Codec, source: int, sources: int, now: int) -> Outgoing:
    """The clock of one who tells plan situations.

    Args:
        codec: of the platform's topics.
        source: a partition of correlate, or of households: those are numbered after correlate's.
        sources: how many there are of both.
        now: ms; everything due by then has been told.
    """
    return Outgoing(topics.CLOCKS, 0, str(source).encode(), codec.encode(SituationMark(source, sources, now)))


def plan_mark(codec: Codec, partition: int, now: int) -> Outgoing:
    """The platform's clock as plan puts it on a partition of its input."""
    return Outgoing(topics.SITUATIONS, partition, MARK_PREFIX + b"plan", codec.encode(SituationMark(0, 1, now)))


def as_plan_hears_it(codec: Codec, told: Iterable[Outgoing]) -> Iterator[Outgoing]:
    """Input of plan's only partition, its clock whenever that moves: for tools and tests, which run stages by hand.

    Args:
        codec: of the platform's topics.
        told: what correlate and households send.
    """
    clock = SituationClock()
    for out in told:
        if out.topic == topics.SITUATIONS:
            yield out
        elif out.topic == topics.CLOCKS and isinstance(mark := codec.decode(out.value), SituationMark):
            before = clock.now
            clock.hear(mark)
            if clock.now is not None and clock.now != before:
                yield plan_mark(codec, 0, clock.now)


class FollowedClock:
    """The platform's clock as `clocks.v1` tells it; used by one thread.

    Raises:
        Unreachable: Kafka stopped sending before everything that was there had been read.
    """

    def __init__(self, bootstrap: str, codec: Codec) -> None:
        self._codec = codec
        self._clock = SituationClock()
        self._follower = Follower(bootstrap, {(topics.CLOCKS, 0): 0})
        for message in self._follower.to_ends():
            self._hear(message.value())
        self._looked = time.monotonic()

    def now(self) -> int | None:
        """Ms since the epoch; None until everybody who tells situations was heard."""
        if time.monotonic() - self._looked >= LOOK_EVERY_S:
            self._looked = time.monotonic()
            for message in self._follower.poll(0.0):
                self._hear(message.value())
        return self._clock.now

    def close(self) -> None:
        """Lets go of the connection."""
        self._follower.__exit__(None, None, None)

    def _hear(self, value: bytes | None) -> None:
        mark = self._codec.decode(value)
        if isinstance(mark, SituationMark):
            self._clock.hear(mark)


def clock_of(address: str, codec: Codec) -> int | None:
    """Up to when plan was told to see to whatever is due, ms: the last of its partitions; None before all have begun.

    Raises:
        Unreachable: Kafka does not answer.
    """
    ends = ends_of(address, sources_of(address, [topics.SITUATIONS]))
    marks: dict[Source, int] = {}
    for message in read_on(address, {source: max(0, end - RECENT) for source, end in ends.items()}):
        mark = codec.decode(message.value())
        if isinstance(mark, SituationMark):
            marks[place_of(message)[0]] = mark.now
    return min(marks.values()) if marks and len(marks) == len(ends) else None
