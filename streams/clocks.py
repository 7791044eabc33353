"""What time it is for plan.

Each partition of correlate and of households tells its clock on `clocks.v1`, up to 25 times a second; the smallest
of them is the platform's. Plan follows it and puts it on its own input, `situations.v1`, when something is due by it;
so does whoever writes there what takes effect where it stands. Only there, in order with everything else, does the
time take effect.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from confluent_kafka import Message

from processors.offers.clock import SituationClock
from processors.offers.model import SituationMark
from schemas.codec import Codec
from streams import topics
from streams.kafka.follower import Follower
from streams.kafka.tail import Source, ends_of, place_of, read_on, sources_of
from streams.kafka.transactions import Outgoing
from streams.stages.traffic import MARK_PREFIX

LOOK_EVERY_S = 0.01
RECENT, FURTHER = 20_000, 8
"""Among so many of the newest offsets of a partition plan's mark is looked for, and then among so many times more:
it puts one there every few seconds while time passes, but while it is down others write on."""


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
    """The platform's clock as it is put on a partition of plan's input."""
    return Outgoing(topics.SITUATIONS, partition, MARK_PREFIX + b"plan", codec.encode(SituationMark(0, 1, now)))


def told_the_time(
    codec: Codec, records: Sequence[Outgoing], now: int | None, partitions: Iterable[int] = ()
) -> list[Outgoing]:
    """Records for plan that take effect where they stand, and before them the time, on each partition they go to.

    Without it they would take effect at the last time plan told itself: long ago, when it was down.

    Args:
        codec: of the platform's topics.
        records: for one transaction; those for other topics are left as they are.
        now: the platform's clock, ms; None: nobody knows it yet.
        partitions: of plan to be told besides, for what comes to them by way of other stages.
    """
    if now is None:
        return [*records]
    marked = {*partitions, *(out.partition for out in records if out.topic == topics.SITUATIONS)}
    return [*(plan_mark(codec, partition, now) for partition in sorted(marked)), *records]


def as_plan_hears_it(codec: Codec, told: Iterable[Outgoing]) -> Iterator[Outgoing]:
    """Input of plan where it has one partition, and the clock there whenever it moves: for tools and tests.

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
        _hear(self._clock, codec, self._follower.to_ends())

    def now(self) -> int | None:
        """Ms since the epoch, some 10 ms ago; None until everybody who tells situations was heard.

        Raises:
            Unreachable: Kafka refuses to send.
        """
        _hear(self._clock, self._codec, self._follower.since(LOOK_EVERY_S))
        return self._clock.now

    def newest(self) -> int | None:
        """The same, as of now: asks Kafka how far the topic goes, and reads up to there.

        Raises:
            Unreachable: Kafka does not answer, or stopped sending.
        """
        _hear(self._clock, self._codec, self._follower.to_ends())
        return self._clock.now

    @property
    def followed(self) -> Mapping[Source, int]:
        """How far `clocks.v1` was read."""
        return self._follower.positions

    def close(self) -> None:
        """Lets go of the connection."""
        self._follower.close()


def platform_clock(address: str, codec: Codec) -> int | None:
    """Up to when plan can be told to see to whatever is due, ms; None before everybody who tells situations has begun.

    Raises:
        Unreachable: Kafka does not answer.
    """
    clock = SituationClock()
    _hear(clock, codec, read_on(address, dict.fromkeys(sources_of(address, [topics.CLOCKS]), 0)))
    return clock.now


def platform_now(address: str, codec: Codec, wall: int) -> int:
    """The platform's now, ms: the machine's (`wall`), unless the platform's clock stands before it.

    Raises:
        Unreachable: Kafka does not answer.
    """
    clock = platform_clock(address, codec)
    return wall if clock is None else min(wall, clock)


def plan_clock(address: str, codec: Codec) -> int | None:
    """Up to when plan was told to, ms: on the partition that was told least; None before all have begun.

    Raises:
        Unreachable: Kafka does not answer.
    """
    ends = ends_of(address, sources_of(address, [topics.SITUATIONS]))
    told: dict[Source, int] = {}
    reach = RECENT
    while unread := {source: max(0, end - reach) for source, end in ends.items() if source not in told}:
        for message in read_on(address, unread):
            hear_for_all(told, place_of(message)[0], codec.decode(message.value()))
        if any(start == 0 for source, start in unread.items() if source not in told):
            return None
        reach *= FURTHER
    return min(told.values(), default=None)


def hear_for_all(told: dict[Source, int], source: Source, value: object) -> None:
    """Takes up to when a partition of plan's input was told the time, if the value says so."""
    if isinstance(value, SituationMark) and value.is_for_all:
        told[source] = max(value.now, told.get(source, value.now))


def _hear(clock: SituationClock, codec: Codec, messages: Iterable[Message]) -> None:
    for message in messages:
        mark = codec.decode(message.value())
        if isinstance(mark, SituationMark):
            clock.hear(mark)
