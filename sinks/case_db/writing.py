"""The statements that write a chunk: newest version of each row, only over an older one."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection, Table, delete, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from processors.decisions import BoundEvent
from processors.offers.model import OfferRecord
from sinks.case_db.tables import OfferRow, OfferSituationRow, SuppressedRow
from sinks.case_db.values import as_suppressed

Row = dict[str, Any]
PAGE = 1000
"""Keys per statement: far below what SQLite and PostgreSQL allow as parameters."""

_OFFERS = OfferRow.metadata.tables["offers"]
_SITUATIONS = OfferSituationRow.metadata.tables["offer_situations"]
_SUPPRESSED = SuppressedRow.metadata.tables["suppressed"]

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True)
class News(Generic[K]):
    """Of each key the newest record and how many of the chunk were newer than what was there."""

    newest: dict[K, OfferRecord]
    fresh: dict[K, int]


def news(
    records: Sequence[OfferRecord],
    key: Callable[[OfferRecord], K],
    version: Callable[[OfferRecord], int],
    prior: dict[K, int],
) -> News[K]:
    """Goes through the records in order, each judged against what came before it.

    Args:
        records: in order.
        key: of the row a record is about.
        version: what must grow.
        prior: key -> version of the rows there are.
    """
    there = dict(prior)
    found: News[K] = News({}, {})
    for record in records:
        name, number = key(record), version(record)
        if name in there and number <= there[name]:
            continue
        there[name] = number
        found.newest[name] = record
        found.fresh[name] = found.fresh.get(name, 0) + 1
    return found


def apply_offers(connection: Connection, records: Sequence[OfferRecord]) -> int:
    """Writes records of offers; returns how many were news."""
    ids = sorted({record.offer for record in records})
    prior = _prior(connection, _OFFERS, "version", ids)
    found = news(records, lambda record: record.offer, lambda record: record.version, prior)
    rows = [_offer_row(found.newest[key]) for key in sorted(found.newest)]
    written = _upsert(connection, _OFFERS, "version", rows)
    _replace_situations(connection, [found.newest[key] for key in sorted(written)])
    return sum(found.fresh[key] for key in written)


def apply_suppressed(connection: Connection, records: Sequence[OfferRecord]) -> int:
    """Writes records of suppressed situations; returns how many were news."""
    ids = sorted({record.cause for record in records})
    prior = _prior(connection, _SUPPRESSED, "at", ids)
    found = news(records, lambda record: record.cause, lambda record: record.at, prior)
    rows = [_suppressed_row(found.newest[key]) for key in sorted(found.newest)]
    return sum(found.fresh[key] for key in _upsert(connection, _SUPPRESSED, "at", rows))


def pages(items: Sequence[K]) -> Iterator[list[K]]:
    """The items in lists of at most `PAGE`."""
    rest = iter(items)
    while page := list(islice(rest, PAGE)):
        yield page


def _prior(connection: Connection, table: Table, version: str, keys: Sequence[str]) -> dict[str, int]:
    """Versions there are; PostgreSQL locks those rows, in the order of their keys."""
    (key,) = table.primary_key.columns
    query = select(key, table.c[version]).order_by(key).with_for_update()
    found: dict[str, int] = {}
    for page in pages(keys):
        found.update((name, number) for name, number in connection.execute(query.where(key.in_(page))))
    return found


def _upsert(connection: Connection, table: Table, version: str, rows: Sequence[Row]) -> list[str]:
    """Inserts rows, or puts them over older ones; returns the keys written."""
    if not rows:
        return []
    (key,) = table.primary_key.columns
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    upsert = dialect.insert(table)
    upsert = upsert.on_conflict_do_update(
        index_elements=[key],
        set_={column.name: upsert.excluded[column.name] for column in table.c if column is not key},
        where=table.c[version] < upsert.excluded[version],
    )
    return list(connection.execute(upsert.returning(key), rows).scalars())


def _replace_situations(connection: Connection, records: Sequence[OfferRecord]) -> None:
    changed = [record.offer for record in records if record.version > 1]
    for page in pages(changed):
        connection.execute(delete(_SITUATIONS).where(_SITUATIONS.c.offer_id.in_(page)))
    rows = [row for record in records for row in _situation_rows(record)]
    if rows:
        connection.execute(insert(_SITUATIONS), rows)


def _offer_row(record: OfferRecord) -> Row:
    return {
        "offer_id": record.offer,
        "version": record.version,
        "household": record.household,
        "area": record.area,
        "state": record.state.value,
        "reason": record.reason.value if record.reason else None,
        "lead": record.lead,
        "urgency": record.urgency.value,
        "services": list(record.services),
        "opened_at": record.opened_at,
        "closes_at": record.closes_at,
        "respond_by": record.respond_by,
        "updated_at": record.at,
        "contact": record.contact,
        "outcome": record.outcome.value if record.outcome else None,
        "action": record.action,
    }


def _situation_rows(record: OfferRecord) -> list[Row]:
    return [
        {
            "offer_id": record.offer,
            "match_id": situation.match,
            "position": position,
            "rule": situation.rule,
            "rule_version": situation.version,
            "title": _storable(situation.title),
            "person": situation.person,
            "explanation": _storable(situation.explanation),
            "completed_at": situation.completed_at,
            "events": [_event(event) for event in situation.events],
        }
        for position, situation in enumerate(record.situations)
    ]


def _storable(words: str) -> str:
    """Text an agency may have had a hand in, without the one character PostgreSQL refuses."""
    return words.replace("\x00", "\ufffd")


def _event(event: BoundEvent) -> Row:
    return {
        "step": event.step,
        "id": event.id,
        "root": event.root,
        "type": event.type,
        "agency": event.agency,
        "occurred_at": event.occurred_at,
        "recorded_at": event.recorded_at,
        "person": event.person,
    }


def _suppressed_row(record: OfferRecord) -> Row:
    suppressed = as_suppressed(record)
    return {
        "match_id": suppressed.match,
        "household": suppressed.household,
        "person": suppressed.person,
        "area": suppressed.area,
        "rule": suppressed.rule,
        "rule_version": suppressed.version,
        "title": _storable(suppressed.title),
        "reason": suppressed.reason.value,
        "at": suppressed.at,
    }
