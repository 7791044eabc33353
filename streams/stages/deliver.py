"""Deliver: offers reach the case database, each version once.

At least once into the database, with a unique key and "only when newer", then the position: a crash
between the two repeats a write that changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from processors.offers.model import OfferRecord
from schemas.codec import Codec
from sinks.case_db import CaseStore
from streams.kafka.committer import Position
from streams.kafka.records import RawRecord
from streams.kafka.transactions import Outgoing
from streams.stages.decoding import decode_all
from streams.stages.tally import Report, Tally
from streams.stages.task import StatelessTask, Work


class DeliverTask(StatelessTask):
    """Delivery of one partition of `offers.v1`."""

    def __init__(self, codec: Codec, store: CaseStore) -> None:
        self._codec = codec
        self._store = store
        self._tally = Tally()

    def open(self, position: Position) -> None:
        """Nothing to restore: the database knows what it holds."""

    def process(self, records: Sequence[RawRecord]) -> Work:
        """One chunk of raw records, one database transaction."""
        offers, unread = decode_all(self._codec, records, (OfferRecord,), "deliver")
        applied = self._store.apply(offers)
        self._tally.results.update(written=applied.written, unchanged=applied.older, unread=len(unread))
        self._tally.set_aside(unread)
        self._tally.waits_ms += [_wait_ms(offer) for offer in offers if offer.version == 1 and offer.situations]
        return Work(unread, len(records))

    def tick(self, is_idle: bool) -> list[Outgoing]:
        """Nothing is due here."""
        del is_idle
        return []

    def note(self) -> str:
        """Nothing: the database knows what it holds."""
        return ""

    def report(self) -> Report:
        """What became of the records, and how long new offers took."""
        return self._tally.report()

    def close(self) -> None:
        """Nothing to let go of; the store belongs to the worker."""


def _wait_ms(offer: OfferRecord) -> int:
    """From its newest event being recorded by an agency to its opening, its hold included."""
    return offer.opened_at - max(
        (event.recorded_at for situation in offer.situations for event in situation.events), default=offer.opened_at
    )
