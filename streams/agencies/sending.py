"""A publisher that knows where each record landed, by Kafka's delivery reports."""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass, field

from confluent_kafka import KafkaError, Message

from schemas.registry import Registry
from streams.agencies.publishing import Publisher
from streams.kafka.transactions import Headers


@dataclass(frozen=True, slots=True)
class Place:
    """Where a record came from: a line of a file, an offset of a dead-letter topic."""

    file: str
    line: int

    def __str__(self) -> str:
        """As people write it.

        >>> str(Place("a.csv", 3))
        'a.csv:3'
        """
        return self.file if self is HEARTBEAT else f"{self.file}:{self.line}"


HEARTBEAT = Place("heartbeat", 0)
"""The place of what comes from no file."""


@dataclass(slots=True)
class Landings:
    """Offsets of records and their places, by partition in order of offset."""

    _by_partition: dict[int, tuple[list[int], list[Place]]] = field(default_factory=dict)

    def __len__(self) -> int:
        """How many landed."""
        return sum(len(offsets) for offsets, _ in self._by_partition.values())

    @property
    def records(self) -> int:
        """How many of them are no heartbeats."""
        return sum(place is not HEARTBEAT for _, places in self._by_partition.values() for place in places)

    def of(self, partition: int) -> tuple[list[int], list[Place]]:
        """Offsets and places of one partition, side by side."""
        return self._by_partition.get(partition, ([], []))

    def add(self, partition: int, offset: int, place: Place) -> None:
        """Notes one record; those of a partition come in order."""
        offsets, places = self._by_partition.setdefault(partition, ([], []))
        offsets.append(offset)
        places.append(place)


class TrackingPublisher(Publisher):
    """Sends records to one topic; `place` says where the next one comes from.

    Reports of a partition come in the order of sending, since the producer is idempotent; when one
    fails, `flush` raises and nobody reads the landings.
    """

    def __init__(self, bootstrap: str, registry: Registry, partitions: int, batch: str | None = None) -> None:
        super().__init__(bootstrap, registry, partitions, batch)
        self.landings = Landings()
        self.place = HEARTBEAT
        self._sent: defaultdict[int, deque[Place]] = defaultdict(deque)

    def send(
        self, topic: str, partition: int, key: bytes | None, value: bytes | None, headers: Headers | None = None
    ) -> None:
        """See `Publisher.send`."""
        self._sent[partition].append(self.place)
        super().send(topic, partition, key, value, headers)

    def _delivered(self, error: KafkaError | None, message: object) -> None:
        super()._delivered(error, message)
        assert isinstance(message, Message)
        place = self._sent[message.partition() or 0].popleft()
        if error is None:
            self.landings.add(message.partition() or 0, message.offset() or 0, place)
