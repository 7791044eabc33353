"""Writes offer records into the case database, and reads them back.

At least once is enough: a row is written only when its version is newer than the one there, so
redelivery and several appliers at once change nothing. One chunk is one transaction.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, case, func, select, text
from sqlalchemy.sql import Select

from processors.decisions import BoundEvent
from processors.offers.model import OfferedSituation, OfferRecord, OfferState, Reason, Urgency
from sinks.case_db.engine import BUSY_TIMEOUT_MS, check_schema, write_transaction
from sinks.case_db.errors import reported
from sinks.case_db.tables import OfferRow, OfferSituationRow, SuppressedRow
from sinks.case_db.values import Applied, CaseOffer, CaseSuppressed, Counts
from sinks.case_db.writing import PAGE, apply_offers, apply_suppressed, pages

_URGENCY_RANK = case({each.value: each.rank for each in Urgency}, value=OfferRow.urgency)


class CaseStore:
    """Offers and suppressed situations in a database.

    Args:
        engine: from `sinks.case_db.connect`, already upgraded; the store closes it.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
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
        self._check()
        offers = [record for record in records if record.offer]
        suppressed = [record for record in records if not record.offer]
        with reported(self._engine), write_transaction(self._engine) as connection:
            _limit_waiting(connection)
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
        query = select(OfferRow.__table__).order_by(
            _URGENCY_RANK.desc(), OfferRow.respond_by, OfferRow.opened_at, OfferRow.offer_id
        )
        for column, value in ((OfferRow.state, state), (OfferRow.area, area), (OfferRow.lead, lead)):
            query = query if value is None else query.where(column == str(value))
        with self._reading() as connection:
            return _offers(connection, query.limit(limit))

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
    def _reading(self) -> Iterator[Connection]:
        self._check()
        with reported(self._engine), self._engine.connect() as connection:
            yield connection

    def _check(self) -> None:
        if not self._is_checked:
            check_schema(self._engine)
            self._is_checked = True


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
