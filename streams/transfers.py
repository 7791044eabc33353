"""Orders that events of one person belong to another: given on `life-events.v1`, where correlate carries them out.

In the same transaction goes a no to proactive contact: it was said by the same human being, or perhaps was.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

from processors.events import Control, ControlKind, LifeEvent
from processors.timeline import EMPTY, Timeline, apply
from processors.transfers import Step, Transfer
from streams import topics
from streams.clocks import platform_now
from streams.composition import Platform, wall_ms
from streams.controls import said_now
from streams.kafka.log import read_partition
from streams.kafka.tail import ends_of, read_on
from streams.kafka.transactions import Outgoing, send_once
from streams.life_events import transfer_record
from streams.register import PersonFacts

LOOK_EVERY_S = 0.1


def timeline_of(platform: Platform, person: str) -> Timeline:
    """Everything that was said of a person; reads their whole partition.

    Raises:
        Unreachable: the broker stopped answering.
    """
    timeline, prefix = EMPTY, f"{person}|".encode()
    partition = topics.partition_of(person, platform.settings.core_partitions)
    for message in read_partition(platform.bootstrap, topics.LIFE_EVENTS, partition):
        key = message.key()
        value = platform.codec.decode(message.value()) if isinstance(key, bytes) and key.startswith(prefix) else None
        if isinstance(value, LifeEvent):
            timeline, _ = apply(timeline, value)
    return timeline


class Transferring:
    """Events of one person on their way to another.

    Args:
        platform: on whose Kafka, which is asked at once: nobody is to be merged while it is away.
        person: whose the events were.
        into: whose they are.

    Raises:
        Unreachable: Kafka does not answer.
    """

    def __init__(self, platform: Platform, person: str, into: str) -> None:
        self._bootstrap, self._codec = platform.bootstrap, platform.codec
        self._partitions = platform.settings.core_partitions
        self._person, self._into = person, into
        self._at = platform_now(self._bootstrap, self._codec, wall_ms())
        target = (topics.LIFE_EVENTS, topics.partition_of(into, self._partitions))
        self._start = ends_of(self._bootstrap, [target])

    def order_all(self, living: PersonFacts) -> bool:
        """Orders all events, and whatever is still told of the old key; returns whether a no goes with them.

        Args:
            living: of the person they go to.

        Raises:
            Unreachable: Kafka does not answer; nothing is ordered.
            KafkaException: likewise.
        """
        return self._send(living, [self._order(living, ())])

    def order(self, living: PersonFacts, events: tuple[str, ...]) -> bool:
        """Orders those events, by the first id of each, perhaps none; otherwise as `order_all`."""
        return self._send(living, [self._order(living, events)] if events else [])

    def _order(self, living: PersonFacts, events: tuple[str, ...]) -> Outgoing:
        transfer = Transfer(Step.ORDERED, self._person, self._into, self._at, living.memberships, events)
        return transfer_record(self._codec, transfer, self._partitions)

    def _send(self, living: PersonFacts, records: list[Outgoing]) -> bool:
        is_no = self._has_said_no()
        if is_no:
            no = Control(ControlKind.OPT_OUT, self._into, living.household, living.area, self._at)
            _, said = said_now(self._bootstrap, self._codec, no, self._partitions)
            records = [*said, *records]
        send_once(self._bootstrap, "transfers", records)
        return is_no

    def follow(self, patience_s: float) -> int | None:
        """How many events go, as soon as correlate has told them anew; None: it did not within so many seconds."""
        deadline = time.monotonic() + patience_s
        while True:
            for value in self._told():
                return len(value.events)
            if time.monotonic() > deadline:
                return None
            time.sleep(LOOK_EVERY_S)

    def _told(self) -> Iterator[Transfer]:
        for message in read_on(self._bootstrap, self._start):
            value = self._codec.decode(message.value())
            if isinstance(value, Transfer) and value.step is Step.TOLD and self._is_own(value):
                yield value

    def _is_own(self, told: Transfer) -> bool:
        return (told.person, told.into, told.at) == (self._person, self._into, self._at)

    def _has_said_no(self) -> bool:
        """Whether the person's newest word is a no, and the other said nothing since."""
        newest: dict[str, Control] = {}
        for message in read_on(self._bootstrap, {(topics.CONTROLS, 0): 0}):
            word = self._codec.decode(message.value())
            if isinstance(word, Control) and word.person in {self._person, self._into}:
                newest[word.person] = max(newest.get(word.person, word), word, key=_weight)
        said, theirs = newest.get(self._person), newest.get(self._into)
        if said is None or said.kind is not ControlKind.OPT_OUT:
            return False
        return theirs is None or _weight(theirs) < _weight(said)


def _weight(word: Control) -> tuple[int, str]:
    """As plan has it: the latest counts, of two at one instant the no."""
    return word.at, word.kind
