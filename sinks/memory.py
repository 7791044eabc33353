"""Doubles of the databases, for tests and trials: same behaviour, nothing kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from threading import Lock

from processors.offers.model import OfferRecord, OfferState
from sinks.case_db.errors import CaseStoreUnavailable
from sinks.case_db.values import (
    Applied,
    CaseOffer,
    CaseSuppressed,
    Counts,
    as_offer,
    as_suppressed,
    by_urgency,
)


class MemoryCaseStore:
    """A `sinks.case_db.CaseStore` without a database.

    Args:
        fails_at: matches at which `apply` fails half-way, to rehearse a database that goes away.
    """

    def __init__(self, fails_at: Collection[str] = ()) -> None:
        self._fails_at = fails_at
        self._offers: dict[str, CaseOffer] = {}
        self._suppressed: dict[str, CaseSuppressed] = {}
        self._lock = Lock()

    def close(self) -> None:
        """Does nothing, any number of times."""

    def apply(self, records: Sequence[OfferRecord]) -> Applied:
        """As `CaseStore.apply`.

        Raises:
            CaseStoreUnavailable: a record is caused by one of `fails_at`; nothing was written.
        """
        with self._lock:
            offers, suppressed = dict(self._offers), dict(self._suppressed)
            written = sum(self._put(record, offers, suppressed) for record in records)
            self._offers, self._suppressed = offers, suppressed
        return Applied(written, len(records) - written)

    def _put(self, record: OfferRecord, offers: dict[str, CaseOffer], suppressed: dict[str, CaseSuppressed]) -> bool:
        if record.cause in self._fails_at:
            raise CaseStoreUnavailable("case store in memory is gone", "remove the match from `fails_at`")
        if record.offer:
            there = offers.get(record.offer)
            is_news = there is None or there.version < record.version
            if is_news:
                offers[record.offer] = as_offer(record)
            return is_news
        known = suppressed.get(record.cause)
        is_news = known is None or known.at < record.at
        if is_news:
            suppressed[record.cause] = as_suppressed(record)
        return is_news

    def list_offers(
        self,
        state: OfferState | None = None,
        area: str | None = None,
        lead: str | None = None,
        limit: int | None = None,
    ) -> list[CaseOffer]:
        """As `CaseStore.list_offers`."""
        found = [
            offer
            for offer in self._offers.values()
            if state in {None, offer.state} and area in {None, offer.area} and lead in {None, offer.lead}
        ]
        return sorted(found, key=by_urgency)[:limit]

    def counts(self) -> Counts:
        """As `CaseStore.counts`."""
        return Counts(
            Counter(offer.state for offer in self._offers.values()),
            Counter(each.reason for each in self._suppressed.values()),
        )

    def offers(self) -> Iterator[CaseOffer]:
        """As `CaseStore.offers`."""
        return (self._offers[key] for key in sorted(self._offers))

    def suppressed(self) -> Iterator[CaseSuppressed]:
        """As `CaseStore.suppressed`."""
        return (self._suppressed[key] for key in sorted(self._suppressed))
