"""Writes offer records into the case database, and reads them back.

At least once is enough: a row is written only when its version is newer than the one there, so
redelivery and several appliers at once change nothing. One chunk is one transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, case, func, select, text
from sqlalchemy.sql import Select

from processors.decisions import BoundEvent
from processors.offers.actions import OutcomeCode
from processors.offers.model import OfferedSituation, OfferRecord, OfferState, Reason, Urgency
from sinks.case_db import acting
from sinks.case_db.engine import BUSY_TIMEOUT_MS, check_schema, write_transaction
from sinks.case_db.errors import reported
from sinks.case_db.tables import ActionRow, OfferRow, OfferSituationRow, OutboxRow, SuppressedRow
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
    judge,
)
from sinks.case_db.writing import PAGE, apply_offers, apply_suppressed, pages

_LIVE = [state.value for state in OfferState if state.is_live]
_URGENCY_RANK = case({each.value: each.rank for each in Urgency}, value=OfferRow.urgency)


class CaseStore:
    """Offers and suppressed situations in a database.

    Args:
        engine: from `sinks.case_db.connect`, already upgraded; the store closes it.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        # An offer and its situations are two reads: of one moment. SQLite's transactions are so anyway.
        is_postgresql = engine.dialect.name == "postgresql"
        self._reader = engine.execution_options(isolation_level="REPEATABLE READ") if is_postgresql else engine
        self._is_checked = False

    def close(self) -> None:
        """Closes all connections; may be called twice."""
        self._engine.dispose()

    def apply(self, records: Sequence[OfferRecord]) -> Applied:
        """Writes a chunk, all of it or nothing.

        Args:
            records: in order of their topic partition; several of one offer may occur.

        Raises:
            CaseStoreUnavailable: the database cannot be used; nothing was written, try again.
        """
        if not records:
            return Applied(0, 0)
        offers = [record for record in records if record.offer]
        suppressed = [record for record in records if not record.offer]
        with self._writing() as connection:
            written = apply_offers(connection, offers) + apply_suppressed(connection, suppressed)
        return Applied(written, len(records) - written)

    def list_offers(
        self,
        state: OfferState | None = None,
        area: str | None = None,
        lead: str | None = None,
        limit: int | None = None,
    ) -> list[CaseOffer]:
        """Offers, most urgent first, then by `respond_by`; what is None does not narrow.

        Raises:
            CaseStoreUnavailable: the database cannot be used.
        """
        query = _most_urgent_first()
        for column, value in ((OfferRow.state, state), (OfferRow.area, area), (OfferRow.lead, lead)):
            query = query if value is None else query.where(column == str(value))
        with self._reading() as connection:
            return _offers(connection, query.limit(limit))

    def scoped_offers(self, scope: Scope, limit: int | None = None, offset: int = 0) -> list[CaseOffer]:
        """Live offers of a user, most urgent first, then by `respond_by`.

        Raises:
            CaseStoreUnavailable: the database cannot be used.
        """
        query = _most_urgent_first().where(_is_visible(scope), OfferRow.state.in_(_LIVE))
        with self._reading() as connection:
            return _offers(connection, query.limit(limit).offset(offset))

    def ended_offers(self, scope: Scope, limit: int) -> list[CaseOffer]:
        """Offers of a user that are over, newest end first.

        Raises:
            CaseStoreUnavailable: the database cannot be used.
        """
        query = select(OfferRow.__table__).where(_is_visible(scope), OfferRow.state.not_in(_LIVE))
        with self._reading() as connection:
            return _offers(connection, query.order_by(OfferRow.updated_at.desc(), OfferRow.offer_id).limit(limit))

    def scoped_offer(self, scope: Scope, offer: str) -> CaseOffer | None:
        """An offer of a user, in whatever state; None when there is none they may see.

        Raises:
            CaseStoreUnavailable: the database cannot be used.
        """
        with self._reading() as connection:
            return _visible_offer(connection, scope, offer)

    def digest(self, scope: Scope) -> str:
        """Changes when anything a user sees on their lists does; cheap enough to ask every second.

        Raises:
            CaseStoreUnavailable: the database cannot be used.
        """
        offers = select(func.count(), func.sum(OfferRow.version), func.max(OfferRow.updated_at))
        actions = select(func.count()).select_from(ActionRow).where(ActionRow.team == scope.team)
        with self._reading() as connection:
            seen = connection.execute(offers.where(_is_visible(scope))).one()
            return "-".join(map(str, (*seen, connection.execute(actions).scalar_one())))

    def enrol(self, team: str, name: str) -> Worker:
        """The team's worker of that name, new or known.

        Raises:
            CaseStoreUnavailable: the database cannot be used.
        """
        with self._writing() as connection:
            return acting.enrol(connection, team, name)

    def workers(self, ids: Iterable[str]) -> dict[str, Worker]:
        """Workers by id; unknown ids are absent.

        Raises:
            CaseStoreUnavailable: the database cannot be used.
        """
        with self._reading() as connection:
            return acting.find_workers(connection, ids)

    def act(self, scope: Scope, worker: Worker, wish: Wish) -> Acted:
        """Writes what a worker does, once for a version of an offer, with its outbox row.

        Raises:
            CaseStoreUnavailable: the database cannot be used; nothing was written.
        """
        with self._writing() as connection:
            # Locked against deliver, which would otherwise change its situations between two reads.
            offer = _visible_offer(connection, scope, wish.offer, is_locked=True)
            if offer is None:
                return Acted(ActResult.UNKNOWN)
            answer = _judged(connection, wish, worker, offer)
            if answer.result is ActResult.ACCEPTED and not acting.write_action(
                connection, action_of(wish, worker, offer)
            ):
                return _judged(connection, wish, worker, offer)  # somebody was faster just now
            return answer

    def pending(self, scope: Scope) -> dict[str, PendingAction]:
        """By offer of a user: actions that plan has not answered yet.

        Raises:
            CaseStoreUnavailable: the database cannot be used.
        """
        with self._reading() as connection:
            return acting.pending_actions(connection, _is_visible(scope))

    def outbox(self, limit: int) -> list[OutboxItem]:
        """The oldest actions Kafka does not have yet.

        Raises:
            CaseStoreUnavailable: the database cannot be used.
        """
        with self._reading() as connection:
            return acting.read_outbox(connection, limit)

    def action_ids(self) -> tuple[frozenset[str], frozenset[str]]:
        """Ids of all actions workers took, and of those of them Kafka does not have yet.

        Raises:
            CaseStoreUnavailable: the database cannot be used.
        """
        with self._reading() as connection:
            waiting = frozenset(connection.execute(select(OutboxRow.action_id)).scalars())
            return frozenset(connection.execute(select(ActionRow.action_id)).scalars()), waiting

    def outbox_size(self) -> int:
        """How many actions Kafka does not have yet.

        Raises:
            CaseStoreUnavailable: the database cannot be used.
        """
        with self._reading() as connection:
            return connection.execute(select(func.count()).select_from(OutboxRow)).scalar_one()

    def mark_sent(self, actions: Sequence[str]) -> None:
        """Takes actions that Kafka has off the outbox, by id.

        Raises:
            CaseStoreUnavailable: the database cannot be used; they will be sent again, which changes nothing.
        """
        with self._writing() as connection:
            acting.remove_sent(connection, actions)

    def newest_update(self) -> int:
        """When an offer last changed, on plan's clock, ms; 0 when there is none.

        Raises:
            CaseStoreUnavailable: the database cannot be used.
        """
        with self._reading() as connection:
            return connection.execute(select(func.max(OfferRow.updated_at))).scalar_one() or 0

    def counts(self) -> Counts:
        """How many offers by state, and suppressed situations by reason.

        Raises:
            CaseStoreUnavailable: the database cannot be used.
        """
        with self._reading() as connection:
            by_state = connection.execute(select(OfferRow.state, func.count()).group_by(OfferRow.state))
            by_reason = connection.execute(select(SuppressedRow.reason, func.count()).group_by(SuppressedRow.reason))
            return Counts(
                {OfferState(state): count for state, count in by_state},
                {Reason(reason): count for reason, count in by_reason},
            )

    def offers(self) -> Iterator[CaseOffer]:
        """Every offer, by id, read in pages.

        Raises:
            CaseStoreUnavailable: the database cannot be used.
        """
        after = ""
        query = select(OfferRow.__table__).order_by(OfferRow.offer_id).limit(PAGE)
        while True:
            with self._reading() as connection:
                page = _offers(connection, query.where(OfferRow.offer_id > after))
            yield from page
            if len(page) < PAGE:
                return
            after = page[-1].offer

    def suppressed(self) -> Iterator[CaseSuppressed]:
        """Every suppressed situation, by match, read in pages.

        Raises:
            CaseStoreUnavailable: the database cannot be used.
        """
        after = ""
        query = select(SuppressedRow.__table__).order_by(SuppressedRow.match_id).limit(PAGE)
        while True:
            with self._reading() as connection:
                rows = connection.execute(query.where(SuppressedRow.match_id > after)).mappings().all()
            page = [_suppressed(row) for row in rows]
            yield from page
            if len(page) < PAGE:
                return
            after = page[-1].match

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        self._check()
        with reported(self._engine), write_transaction(self._engine) as connection:
            _limit_waiting(connection)
            yield connection

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        self._check()
        with reported(self._engine), self._reader.connect() as connection:
            yield connection

    def _check(self) -> None:
        if not self._is_checked:
            check_schema(self._engine)
            self._is_checked = True


def _most_urgent_first() -> Select[Any]:
    return select(OfferRow.__table__).order_by(
        _URGENCY_RANK.desc(), OfferRow.respond_by, OfferRow.opened_at, OfferRow.offer_id
    )


def _is_visible(scope: Scope) -> ColumnElement[bool]:
    """The one authorisation: every query of a user passes here."""
    return (OfferRow.lead == scope.team) & OfferRow.area.in_(scope.areas)


def _visible_offer(connection: Connection, scope: Scope, offer: str, is_locked: bool = False) -> CaseOffer | None:
    query = select(OfferRow.__table__).where(_is_visible(scope), OfferRow.offer_id == offer)
    found = _offers(connection, query.with_for_update(read=True) if is_locked else query)
    return found[0] if found else None


def _judged(connection: Connection, wish: Wish, worker: Worker, offer: CaseOffer) -> Acted:
    earlier = acting.action_on(connection, wish.offer, wish.version)
    by = acting.find_workers(connection, [earlier.contact]).get(earlier.contact) if earlier else None
    return judge(wish, worker, offer, earlier, by)


def _limit_waiting(connection: Connection) -> None:
    """As long as SQLite waits for its lock, so long PostgreSQL for a row."""
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SET LOCAL lock_timeout = {BUSY_TIMEOUT_MS}"))


def _offers(connection: Connection, query: Select[Any]) -> list[CaseOffer]:
    rows = connection.execute(query).mappings().all()
    situations = _situations(connection, [row["offer_id"] for row in rows])
    return [_offer(row, tuple(situations.get(row["offer_id"], ()))) for row in rows]


def _situations(connection: Connection, offers: Sequence[str]) -> dict[str, list[OfferedSituation]]:
    query = select(OfferSituationRow.__table__).order_by(OfferSituationRow.offer_id, OfferSituationRow.position)
    found: dict[str, list[OfferedSituation]] = {}
    for page in pages(offers):
        for row in connection.execute(query.where(OfferSituationRow.offer_id.in_(page))).mappings():
            found.setdefault(row["offer_id"], []).append(_situation(row))
    return found


def _offer(row: Mapping[Any, Any], situations: tuple[OfferedSituation, ...]) -> CaseOffer:
    return CaseOffer(
        offer=row["offer_id"],
        version=row["version"],
        household=row["household"],
        area=row["area"],
        state=OfferState(row["state"]),
        reason=Reason(row["reason"]) if row["reason"] else None,
        lead=row["lead"],
        urgency=Urgency(row["urgency"]),
        services=tuple(row["services"]),
        opened_at=row["opened_at"],
        closes_at=row["closes_at"],
        respond_by=row["respond_by"],
        updated_at=row["updated_at"],
        contact=row["contact"],
        outcome=OutcomeCode(row["outcome"]) if row["outcome"] else None,
        action=row["action"],
        situations=situations,
    )


def _situation(row: Mapping[Any, Any]) -> OfferedSituation:
    return OfferedSituation(
        match=row["match_id"],
        rule=row["rule"],
        version=row["rule_version"],
        title=row["title"],
        person=row["person"],
        completed_at=row["completed_at"],
        explanation=row["explanation"],
        events=tuple(BoundEvent(**event) for event in row["events"]),
    )


def _suppressed(row: Mapping[Any, Any]) -> CaseSuppressed:
    return CaseSuppressed(
        match=row["match_id"],
        household=row["household"],
        person=row["person"],
        area=row["area"],
        rule=row["rule"],
        version=row["rule_version"],
        title=row["title"],
        reason=Reason(row["reason"]),
        at=row["at"],
    )
