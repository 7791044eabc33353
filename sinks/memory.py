"""Doubles of the databases, for tests and trials: same behaviour, nothing kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import count
from threading import Lock

from processors.offers.actions import OfferAction
from processors.offers.model import OfferRecord, OfferState
from sinks.case_db.errors import CaseStoreUnavailable
from sinks.case_db.values import (
    Acted,
    ActResult,
    Applied,
    CaseOffer,
    CaseSuppressed,
    Counts,
    OutboxItem,
    PendingAction,
    Scope,
    Wish,
    Worker,
    action_of,
    as_offer,
    as_suppressed,
    by_urgency,
    folded_name,
    judge,
    new_worker_id,
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
        self._workers: dict[str, Worker] = {}
        self._actions: dict[tuple[str, int], OfferAction] = {}
        self._outbox: list[OutboxItem] = []
        self._numbers = count(1)

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

    def scoped_offers(self, scope: Scope, limit: int | None = None, offset: int = 0) -> list[CaseOffer]:
        """As `CaseStore.scoped_offers`."""
        found = sorted((each for each in self._visible(scope) if each.state.is_live), key=by_urgency)
        return found[offset : None if limit is None else offset + limit]

    def ended_offers(self, scope: Scope, limit: int) -> list[CaseOffer]:
        """As `CaseStore.ended_offers`."""
        found = [each for each in self._visible(scope) if not each.state.is_live]
        return sorted(found, key=lambda each: (-each.updated_at, each.offer))[:limit]

    def scoped_offer(self, scope: Scope, offer: str) -> CaseOffer | None:
        """As `CaseStore.scoped_offer`."""
        return next((each for each in self._visible(scope) if each.offer == offer), None)

    def digest(self, scope: Scope) -> str:
        """As `CaseStore.digest`."""
        seen = sorted((each.offer, each.version) for each in self._visible(scope))
        return str(hash((tuple(seen), sum(action.team == scope.team for action in self._actions.values()))))

    def enrol(self, team: str, name: str) -> Worker:
        """As `CaseStore.enrol`."""
        known = (
            each for each in self._workers.values() if (each.team, folded_name(each.name)) == (team, folded_name(name))
        )
        worker = next(known, None) or Worker(new_worker_id(), team, name)
        return self._workers.setdefault(worker.id, worker)

    def workers(self, ids: Iterable[str]) -> dict[str, Worker]:
        """As `CaseStore.workers`."""
        return {each: self._workers[each] for each in ids if each in self._workers}

    def act(self, scope: Scope, worker: Worker, wish: Wish) -> Acted:
        """As `CaseStore.act`."""
        with self._lock:
            offer = self.scoped_offer(scope, wish.offer)
            if offer is None:
                return Acted(ActResult.UNKNOWN)
            earlier = self._actions.get((wish.offer, wish.version))
            answer = judge(wish, worker, offer, earlier, self._workers.get(earlier.contact) if earlier else None)
            if answer.result is ActResult.ACCEPTED:
                action = action_of(wish, worker, offer)
                self._actions[wish.offer, wish.version] = action
                self._outbox.append(OutboxItem(next(self._numbers), action))
            return answer

    def pending(self, scope: Scope) -> dict[str, PendingAction]:
        """As `CaseStore.pending`."""
        waiting = ((each.offer, self._actions.get((each.offer, each.version))) for each in self._visible(scope))
        return {
            offer: PendingAction(action.kind, action.outcome, self._workers[action.contact], action.at)
            for offer, action in waiting
            if action is not None
        }

    def outbox(self, limit: int) -> list[OutboxItem]:
        """As `CaseStore.outbox`."""
        return self._outbox[:limit]

    def action_ids(self) -> tuple[frozenset[str], frozenset[str]]:
        """As `CaseStore.action_ids`."""
        waiting = frozenset(item.action.id for item in self._outbox)
        return frozenset(action.id for action in self._actions.values()), waiting

    def outbox_size(self) -> int:
        """As `CaseStore.outbox_size`."""
        return len(self._outbox)

    def mark_sent(self, actions: Sequence[str]) -> None:
        """As `CaseStore.mark_sent`."""
        self._outbox = [item for item in self._outbox if item.action.id not in set(actions)]

    def newest_update(self) -> int:
        """As `CaseStore.newest_update`."""
        return max((each.updated_at for each in self._offers.values()), default=0)

    def _visible(self, scope: Scope) -> list[CaseOffer]:
        return [each for each in self._offers.values() if each.lead == scope.team and each.area in scope.areas]

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
