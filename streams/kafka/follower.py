"""Reads partitions on for ever, and knows how far it has come. Committed records only."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping

from confluent_kafka import Message

from streams.errors import Unreachable
from streams.kafka.tail import Source, Tail, ends_of, place_of

PATIENCE_S = 60.0


class Follower(Tail):
    """A tail with positions; of whole partitions when every start is 0.

    Attributes:
        positions: by partition, the offset before which everything from its start on was read.
    """

    def __init__(self, bootstrap: str, starts: Mapping[Source, int]) -> None:
        self.positions = dict(starts)
        self._looked = time.monotonic()
        super().__init__(bootstrap, starts)

    def __enter__(self) -> Follower:
        """The follower itself."""
        return self

    def has_reached(self, ends: Mapping[Source, int]) -> bool:
        """Whether everything before these offsets was read."""
        return all(self.positions[source] >= end for source, end in ends.items())

    def to_ends(self) -> Iterator[Message]:
        """What lies before the ends as they are now.

        Raises:
            Unreachable: Kafka stopped sending before that.
        """
        ends = ends_of(self._bootstrap, self.positions)
        moved = time.monotonic()
        while not self.has_reached(ends):
            messages = self.poll(0.05)
            if messages:
                moved = time.monotonic()
            elif time.monotonic() - moved > PATIENCE_S:
                names = ", ".join(sorted({topic for topic, _ in self.positions}))
                raise Unreachable(f"Kafka at {self._bootstrap} stopped sending {names}", "check the broker")
            yield from messages

    def since(self, rest_s: float) -> Iterator[Message]:
        """All that has arrived here by now, which may be less than there is; nothing so soon after the last look.

        Args:
            rest_s: between two looks, for whoever asks often.

        Raises:
            Unreachable: Kafka refuses to send.
        """
        if time.monotonic() - self._looked < rest_s:
            return
        self._looked = time.monotonic()
        while messages := self.poll(0.0):
            yield from messages

    def _is_record(self, message: Message) -> bool:
        is_record = super()._is_record(message)
        source, offset = place_of(message)
        # The end of a partition is told with its offset; transaction markers before it are no records.
        self.positions[source] = max(self.positions[source], offset + 1 if is_record else offset)
        return is_record
