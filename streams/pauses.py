"""Orders to hold work, on their way: given once on `controls.v1`, where whoever comes later finds them.

Orders on rules and recipients also go, in the same transaction and in order, to every partition of
`situations.v1`, so that plan stays a fold of its own input. Orders on feeds are followed by intake.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from confluent_kafka import Message

from processors.pauses import Pause, PauseKind
from schemas.codec import Codec
from streams import topics
from streams.clocks import platform_clock, told_the_time
from streams.kafka.follower import Follower
from streams.kafka.tail import Source, read_on
from streams.kafka.transactions import Outgoing, send_once

CONTROLS: Source = (topics.CONTROLS, 0)
PREFIX = b"pause|"
LOOK_EVERY_S = 0.5


def pause_records(codec: Codec, pause: Pause, core_partitions: int) -> list[Outgoing]:
    """An order as it goes to the topics."""
    key, value = b"%b%b|%b" % (PREFIX, pause.kind.encode(), pause.name.encode()), codec.encode(pause)
    for_plan = range(0 if pause.kind is PauseKind.FEED else core_partitions)
    return [
        Outgoing(topics.CONTROLS, 0, key, value),
        *(Outgoing(topics.SITUATIONS, partition, key, value) for partition in for_plan),
    ]


def publish(bootstrap: str, codec: Codec, pause: Pause, core_partitions: int) -> None:
    """Gives an order: on all its topics, or on none.

    Plan is told the time before it: what was due by then happens without the order, also when plan is down now.

    Raises:
        Unreachable: Kafka does not answer; nothing is ordered.
        KafkaException: likewise.
    """
    now = platform_clock(bootstrap, codec)
    records = pause_records(codec, pause, core_partitions)
    send_once(bootstrap, "pauses", told_the_time(codec, records, now))


def standing(bootstrap: str, codec: Codec) -> dict[tuple[PauseKind, str], Pause]:
    """The newest order on each feed, rule and recipient.

    Raises:
        Unreachable: Kafka does not answer.
    """
    return {pause.target: pause for pause in _pauses(read_on(bootstrap, {CONTROLS: 0}), codec)}


class FeedOrders:
    """The newest order on each feed, as far as this process has heard."""

    def __init__(self) -> None:
        self._newest: dict[str, Pause] = {}

    def of(self, feed: str) -> Pause | None:
        """The newest order on a feed; None: there never was one."""
        return self._newest.get(feed)

    def holding(self, feed: str) -> Pause | None:
        """The order by which the feed's records are to stay where they are; None: they are not."""
        order = self._newest.get(feed)
        return order if order is not None and order.is_paused else None

    def note(self, pause: Pause) -> None:
        """Takes an order on a feed; others are left to plan."""
        if pause.kind is PauseKind.FEED:
            self._newest[pause.name] = pause


class FollowedOrders(FeedOrders):
    """Orders on feeds as `controls.v1` tells them; looks there when asked, twice a second at most.

    Raises:
        Unreachable: Kafka stopped sending before everything that was there had been read.
    """

    def __init__(self, bootstrap: str, codec: Codec) -> None:
        super().__init__()
        self._codec = codec
        self._follower = Follower(bootstrap, {CONTROLS: 0})
        self._note_all(self._follower.to_ends())

    def holding(self, feed: str) -> Pause | None:
        """See `FeedOrders.holding`; called by one thread."""
        self._note_all(self._follower.since(LOOK_EVERY_S))
        return super().holding(feed)

    @property
    def followed(self) -> Mapping[Source, int]:
        """How far `controls.v1` was read."""
        return self._follower.positions

    def close(self) -> None:
        """Lets go of the connection."""
        self._follower.close()

    def _note_all(self, messages: Iterable[Message]) -> None:
        for pause in _pauses(messages, self._codec):
            self.note(pause)


def _pauses(messages: Iterable[Message], codec: Codec) -> Iterator[Pause]:
    """The orders among controls; people's words, of which there may be many, are not decoded."""
    for message in messages:
        key = message.key()
        if isinstance(key, bytes) and key.startswith(PREFIX):
            pause = codec.decode(message.value())
            if isinstance(pause, Pause):
                yield pause
