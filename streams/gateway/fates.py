"""What became of records, by where they landed: read from all agencies' receipts, kept in memory.

Memory grows with what was rejected, not with what was sent: offsets that were taken are ranges, and
neighbours join. Of each partition the newest `MOST_REJECTED` rejections are kept, some 0.5 KB each;
what is older is not known here any more (`GET /v1/receipts` reads it from Kafka). Begins `KEPT_DAYS`
back, as long as agencies' records are kept, and forgets everything when the process ends.
"""

from __future__ import annotations

import threading
import time
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

import structlog

from schemas.codec import Codec
from schemas.receipts import Receipt, RejectedRecord
from streams import topics
from streams.agencies.receipts import receipts_in
from streams.errors import Unreachable
from streams.kafka.follower import Follower
from streams.kafka.tail import Source, offsets_at, sources_of
from streams.logs import where

log = structlog.get_logger()

MOST_REJECTED = 10_000
KEPT_DAYS = 7
_PAUSE_S = 1.0


class State(StrEnum):
    """What is known of a record."""

    PENDING = "pending"
    PROCESSED = "processed"
    REJECTED = "rejected"


@dataclass(slots=True)
class Answered:
    """The offsets of one partition that receipts speak of.

    Attributes:
        firsts: of ranges in ascending order; neighbours are one range.
        lasts: their ends, inclusive.
        rejected: by offset, oldest first.
        forgotten_before: rejections of smaller offsets were given up.
    """

    firsts: list[int] = field(default_factory=list)
    lasts: list[int] = field(default_factory=list)
    rejected: dict[int, RejectedRecord] = field(default_factory=dict)
    forgotten_before: int = 0

    def take(self, receipt: Receipt) -> None:
        """Adds a receipt; they come in order, but for an intake that was set back to read records anew."""
        if self.lasts and receipt.first_offset <= self.lasts[-1]:
            self._drop_from(receipt.first_offset)
        if self.lasts and self.lasts[-1] == receipt.first_offset - 1:
            self.lasts[-1] = receipt.last_offset
        else:
            self.firsts.append(receipt.first_offset)
            self.lasts.append(receipt.last_offset)
        self.rejected.update((one.offset, one) for one in receipt.rejected)
        while len(self.rejected) > MOST_REJECTED:
            oldest = next(iter(self.rejected))
            del self.rejected[oldest]
            self.forgotten_before = oldest + 1

    def state_of(self, offset: int) -> State | None:
        """State of the record there; None: it may have been rejected, that is not known any more."""
        position = bisect_right(self.firsts, offset) - 1
        if position < 0 or offset > self.lasts[position]:
            return State.PENDING
        if offset < self.forgotten_before:
            return None
        return State.REJECTED if offset in self.rejected else State.PROCESSED

    def _drop_from(self, offset: int) -> None:
        """What was known of that offset and later ones is told anew."""
        kept = bisect_right(self.firsts, offset - 1)
        self.firsts, self.lasts = self.firsts[:kept], self.lasts[:kept]
        if self.lasts:
            self.lasts[-1] = min(self.lasts[-1], offset - 1)
        self.rejected = {known: one for known, one in self.rejected.items() if known < offset}


class Fates:
    """What receipts say of each topic and partition; filled by one thread, asked by others."""

    def __init__(self) -> None:
        self._answered: dict[Source, Answered] = {}
        self._lock = threading.Lock()

    def take(self, receipts: Iterable[Receipt]) -> None:
        """Adds receipts in their order."""
        with self._lock:
            for receipt in receipts:
                self._answered.setdefault((receipt.topic, receipt.partition), Answered()).take(receipt)

    def find(self, source: Source, offset: int) -> tuple[State | None, RejectedRecord | None]:
        """State of one record (None: not known any more), and for a rejected one why."""
        with self._lock:
            answered = self._answered.get(source)
            if answered is None:
                return State.PENDING, None
            return answered.state_of(offset), answered.rejected.get(offset)


class FateReader:
    """Keeps `fates` up to date in a thread of its own, from `start` to `close`; no fault ends it.

    Waits while Kafka is away. What could not be worked on is tried again, so that no receipt is passed over.
    """

    def __init__(self, bootstrap: str, codec: Codec, agencies: Iterable[str]) -> None:
        self.fates = Fates()
        self._bootstrap = bootstrap
        self._codec = codec
        self._topics = [topics.receipts(agency) for agency in agencies]
        self._positions: dict[Source, int] = {}
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="gateway-receipts", daemon=True)

    def start(self) -> None:
        """Begins to follow."""
        self._thread.start()

    def is_alive(self) -> bool:
        """Whether its thread runs."""
        return self._thread.is_alive()

    def close(self) -> None:
        """Ends the thread; may be called twice."""
        self._is_over.set()
        if self._thread.is_alive():
            self._thread.join()

    def _follow(self) -> None:
        while not self._is_over.is_set():
            try:
                self._read_on()
            except Unreachable:
                log.warning("gateway cannot read receipts", bootstrap=self._bootstrap)
            except Exception as error:  # noqa: BLE001 - nobody would see a thread end, and fates would stand still
                log.error("gateway cannot work on receipts", error=type(error).__name__, where=where(error))
            self._is_over.wait(_PAUSE_S)

    def _read_on(self) -> None:
        if not self._positions:
            since = int(time.time() * 1000) - KEPT_DAYS * topics.DAY_MS
            self._positions = offsets_at(self._bootstrap, sources_of(self._bootstrap, self._topics), since)
        with Follower(self._bootstrap, self._positions) as follower:
            while not self._is_over.is_set():
                self.fates.take(receipts_in(follower.poll(), self._codec))
                self._positions = dict(follower.positions)
