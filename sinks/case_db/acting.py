"""The statements by which workers act: the action and its outbox row in one transaction.

The board writes here and reads the answer from the offers; nothing here changes an offer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table, delete, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from processors.offers.actions import ActionKind, OfferAction, OutcomeCode
from sinks.case_db.tables import ActionRow, OfferRow, OutboxRow, WorkerRow
from sinks.case_db.values import OutboxItem, PendingAction, Worker, folded_name, new_worker_id
from sinks.case_db.writing import pages

_WORKERS = WorkerRow.metadata.tables["workers"]
_ACTIONS = ActionRow.metadata.tables["actions"]
_OUTBOX = OutboxRow.metadata.tables["outbox"]
_OFFERS = OfferRow.metadata.tables["offers"]


def enrol(connection: Connection, team: str, name: str) -> Worker:
    """The team's worker of that name, new or known; known by any spelling of it."""
    folded = folded_name(name)
    _insert_once(
        connection, _WORKERS, {"worker_id": new_worker_id(), "team": team, "name": name, "folded_name": folded}
    )
    query = select(_WORKERS).where(_WORKERS.c.team == team, _WORKERS.c.folded_name == folded)
    row = connection.execute(query).mappings().one()
    return Worker(row["worker_id"], row["team"], row["name"])


def find_workers(connection: Connection, ids: Iterable[str]) -> dict[str, Worker]:
    """Workers by id; unknown ids are absent."""
    found: dict[str, Worker] = {}
    for page in pages(sorted(set(ids))):
        for row in connection.execute(select(_WORKERS).where(_WORKERS.c.worker_id.in_(page))).mappings():
            found[row["worker_id"]] = Worker(row["worker_id"], row["team"], row["name"])
    return found


def action_on(connection: Connection, offer: str, version: int) -> OfferAction | None:
    """The action on that version of that offer."""
    query = select(_ACTIONS).where(_ACTIONS.c.offer_id == offer, _ACTIONS.c.version == version)
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else _action(row)


def write_action(connection: Connection, action: OfferAction) -> bool:
    """Writes an action and its outbox row; False when that version has one already."""
    if not _insert_once(connection, _ACTIONS, _action_row(action)):
        return False
    connection.execute(insert(_OUTBOX), {"action_id": action.id})
    return True


def pending_actions(connection: Connection, visible: Any) -> dict[str, PendingAction]:  # noqa: ANN401 - a clause
    """By offer: actions on the version the offer still has, of offers that fit the clause."""
    query = (
        select(_ACTIONS, _WORKERS.c.name)
        .join(_OFFERS, (_OFFERS.c.offer_id == _ACTIONS.c.offer_id) & (_OFFERS.c.version == _ACTIONS.c.version))
        .join(_WORKERS, _WORKERS.c.worker_id == _ACTIONS.c.worker_id)
        .where(visible)
    )
    return {
        row["offer_id"]: PendingAction(
            ActionKind(row["kind"]), _outcome(row), Worker(row["worker_id"], row["team"], row["name"]), row["at"]
        )
        for row in connection.execute(query).mappings()
    }


def read_outbox(connection: Connection, limit: int) -> list[OutboxItem]:
    """The oldest actions Kafka does not have yet."""
    query = (
        select(_OUTBOX.c.number, _ACTIONS)
        .join(_ACTIONS, _ACTIONS.c.action_id == _OUTBOX.c.action_id)
        .order_by(_OUTBOX.c.number)
        .limit(limit)
    )
    return [OutboxItem(row["number"], _action(row)) for row in connection.execute(query).mappings()]


def remove_sent(connection: Connection, actions: Sequence[str]) -> None:
    """Takes actions that Kafka has off the outbox."""
    for page in pages(list(actions)):
        connection.execute(delete(_OUTBOX).where(_OUTBOX.c.action_id.in_(page)))


def _insert_once(connection: Connection, table: Table, row: Mapping[str, Any]) -> bool:
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    (key,) = table.primary_key.columns
    written = dialect.insert(table).values(**row).on_conflict_do_nothing().returning(key)
    return connection.execute(written).first() is not None


def _action_row(action: OfferAction) -> dict[str, Any]:
    return {
        "action_id": action.id,
        "offer_id": action.offer,
        "version": action.version,
        "household": action.household,
        "area": action.area,
        "kind": action.kind.value,
        "outcome": action.outcome.value if action.outcome else None,
        "worker_id": action.contact,
        "team": action.team,
        "at": action.at,
        "persons": list(action.persons),
    }


def _action(row: Mapping[Any, Any]) -> OfferAction:
    return OfferAction(
        id=row["action_id"],
        offer=row["offer_id"],
        version=row["version"],
        household=row["household"],
        area=row["area"],
        kind=ActionKind(row["kind"]),
        outcome=_outcome(row),
        contact=row["worker_id"],
        team=row["team"],
        at=row["at"],
        persons=tuple(row["persons"]),
    )


def _outcome(row: Mapping[Any, Any]) -> OutcomeCode | None:
    return OutcomeCode(row["outcome"]) if row["outcome"] else None
