"""Receipts of one agency as pages, read from Kafka for each request: nothing is kept."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

from schemas.codec import Codec
from schemas.receipts import Receipt
from streams import topics
from streams.agencies.receipts import receipts_in
from streams.gateway.documents import read_instant
from streams.kafka.tail import Source, ends_of, offsets_at, place_of, read_on

MOST = 1000
"""Most receipts in a page."""


@dataclass(frozen=True, slots=True)
class Page:
    """Receipts, oldest first, and where the next page begins."""

    receipts: list[Receipt]
    next: int


@dataclass(frozen=True, slots=True)
class AtPlace:
    """A place in the receipts topic, as `next` of a page names it."""

    offset: int


@dataclass(frozen=True, slots=True)
class AtMoment:
    """Receipts made then or later; ms."""

    ms: int


def read_since(text: str) -> AtPlace | AtMoment | None:
    """`since` as a request writes it: `next` of an earlier page, or RFC 3339; None when it is neither.

    >>> read_since("17"), read_since("1970-01-01T00:00:01Z"), read_since("soon")
    (AtPlace(offset=17), AtMoment(ms=1000), None)
    """
    if text.isascii() and text.isdecimal() and len(text) <= 18:
        return AtPlace(int(text))
    ms = read_instant(text)
    return None if ms is None else AtMoment(ms)


@dataclass(frozen=True, slots=True)
class Receipts:
    """Where pages are read from."""

    bootstrap: str
    codec: Codec

    def page(self, agency: str, since: AtPlace | AtMoment | None, limit: int) -> Page:
        """At most `limit` receipts from `since` on; without it the newest.

        Raises:
            Unreachable: Kafka does not answer.
        """
        source = (topics.receipts(agency), 0)
        if since is None:
            return self._newest(source, limit)
        if isinstance(since, AtMoment):
            since = AtPlace(offsets_at(self.bootstrap, [source], since.ms)[source])
        found = self._read(source, since.offset, limit)
        return Page([receipt for receipt, _ in found], found[-1][1] + 1 if found else since.offset)

    def _newest(self, source: Source, limit: int) -> Page:
        end = ends_of(self.bootstrap, [source])[source]
        window = limit
        while True:
            window *= 2  # a receipt and the mark of its transaction take two offsets
            found = self._read(source, max(end - window, 0), window)
            if len(found) >= limit or window >= end:
                return Page([receipt for receipt, _ in found[-limit:]], end)

    def _read(self, source: Source, start: int, most: int) -> list[tuple[Receipt, int]]:
        """Receipts with their offsets."""
        messages = islice(read_on(self.bootstrap, {source: start}), most)
        return [(one, place_of(message)[1]) for message in messages for one in receipts_in([message], self.codec)]
