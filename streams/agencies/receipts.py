"""Receipts of intake as agencies read them: by topic and partition, or for records sent just now."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import Message

from schemas.codec import Codec
from schemas.receipts import Receipt, RejectedRecord
from streams.agencies.sending import HEARTBEAT, Landings, Place
from streams.instants import rfc3339
from streams.kafka.tail import Tail

Range = tuple[int, int]
"""First and last offset, both inclusive."""


def receipts_in(messages: Iterable[Message], codec: Codec) -> Iterator[Receipt]:
    """The receipts among records of a receipts topic."""
    for message in messages:
        value = codec.decode(message.value() or b"")
        if isinstance(value, Receipt):
            yield value


def accepted_ranges(receipt: Receipt) -> list[Range]:
    """Offsets of a receipt's run less the rejected ones.

    The offsets of heartbeats are among them, and so are those Kafka itself took.
    """
    ranges: list[Range] = []
    first = receipt.first_offset
    for offset in sorted(one.offset for one in receipt.rejected):
        if first < offset:
            ranges.append((first, offset - 1))
        first = offset + 1
    return [*ranges, (first, receipt.last_offset)] if first <= receipt.last_offset else ranges


@dataclass(slots=True)
class Summary:
    """All receipts of one partition of a topic, added up.

    Attributes:
        counts: by outcome, as in `schemas.receipts.ReceiptCounts`, and `events` made.
        accepted: offsets; ranges that touch are one.
        rejected: in order of offset.
        at: when the newest receipt was made, ms.
    """

    feed: str
    topic: str
    partition: int
    counts: Counter[str] = field(default_factory=Counter)
    accepted: list[Range] = field(default_factory=list)
    rejected: list[RejectedRecord] = field(default_factory=list)
    at: int = 0

    def add(self, receipt: Receipt) -> None:
        """Adds one receipt; they come in order."""
        self.counts.update(counts_of(receipt))
        for first, last in accepted_ranges(receipt):
            if self.accepted and self.accepted[-1][1] == first - 1:
                first = self.accepted.pop()[0]  # noqa: PLW2901 - the range grows to the left
            self.accepted.append((first, last))
        self.rejected += receipt.rejected
        self.at = max(self.at, receipt.at)


def counts_of(receipt: Receipt) -> dict[str, int]:
    """The counts of a receipt by name."""
    counts = receipt.counts
    return {
        "processed": counts.processed,
        "withheld": counts.withheld,
        "rejected": counts.rejected,
        "heartbeats": counts.heartbeats,
        "events": receipt.events_made,
    }


def as_data(receipt: Receipt) -> dict[str, Any]:
    """A receipt as plain JSON values; ranges of offsets are inclusive."""
    return {
        "agency": receipt.agency,
        "feed": receipt.feed,
        "topic": receipt.topic,
        "partition": receipt.partition,
        "offsets": [receipt.first_offset, receipt.last_offset],
        "accepted": [list(one) for one in accepted_ranges(receipt)],
        "counts": counts_of(receipt),
        "rejected": [
            {"offset": one.offset, "event": one.event, "reason": one.reason, "detail": one.detail}
            for one in receipt.rejected
        ],
        "at": rfc3339(receipt.at),
    }


def summed(receipts: Iterable[Receipt]) -> list[Summary]:
    """Receipts by topic and partition, in that order."""
    found: dict[tuple[str, int], Summary] = {}
    for receipt in receipts:
        key = (receipt.topic, receipt.partition)
        found.setdefault(key, Summary(receipt.feed, *key)).add(receipt)
    return [found[key] for key in sorted(found)]


@dataclass(frozen=True, slots=True)
class Refused:
    """A record sent just now that intake rejected."""

    place: Place
    partition: int
    record: RejectedRecord


@dataclass(slots=True)
class Awaited:
    """What became of the records of one topic that were sent just now.

    Attributes:
        landings: where they are.
        accepted: how many intake understood.
        withheld: of them, those of a type granted to nobody; counted only in runs that hold nothing else.
        heartbeats: accepted ones, one for each partition.
        refused: what was rejected.
    """

    topic: str
    landings: Landings
    accepted: int = 0
    withheld: int = 0
    heartbeats: int = 0
    refused: list[Refused] = field(default_factory=list)
    _answered: Counter[int] = field(default_factory=Counter)

    @property
    def outstanding(self) -> int:
        """How many have no receipt yet."""
        return len(self.landings) - self._answered.total()

    def take(self, receipt: Receipt) -> int:
        """Notes what a receipt says of the records; receipts of a partition come in order of offset.

        Returns:
            How many records it answers.
        """
        if receipt.topic != self.topic:
            return 0
        partition = receipt.partition
        offsets, places = self.landings.of(partition)
        start = max(self._answered[partition], bisect_left(offsets, receipt.first_offset))
        end = bisect_left(offsets, receipt.last_offset + 1)
        if start >= end:
            return 0
        rejected = {one.offset: one for one in receipt.rejected}
        for offset, place in zip(offsets[start:end], places[start:end], strict=True):
            self._note(partition, place, rejected.get(offset))
        self._answered[partition] += end - start
        counts = receipt.counts
        if end - start == counts.processed + counts.rejected + counts.heartbeats:
            self.withheld += counts.withheld
        return end - start

    def _note(self, partition: int, place: Place, rejected: RejectedRecord | None) -> None:
        if rejected is not None:
            self.refused.append(Refused(place, partition, rejected))
        elif place is HEARTBEAT:
            self.heartbeats += 1
        else:
            self.accepted += 1


def wait(tail: Tail, codec: Codec, awaited: Awaited, patience_s: float, on_news: Callable[[int], None]) -> None:
    """Reads receipts until every record has its own, or nothing was heard for `patience_s`.

    Args:
        tail: of the agency's receipts, from before the records were sent.
        codec: decodes them.
        awaited: takes what they say.
        patience_s: seconds without news after which it gives up.
        on_news: told how many records are still without a receipt.
    """
    heard = time.monotonic()
    while awaited.outstanding and time.monotonic() - heard < patience_s:
        answered = [awaited.take(receipt) for receipt in receipts_in(tail.poll(), codec)]
        if any(answered):
            heard = time.monotonic()
            on_news(awaited.outstanding)
