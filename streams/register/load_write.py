"""Writes what a batch of population lines changes; one transaction, all or nothing.

Rows are written in the order of their keys, so that two loads wait for each other instead of
blocking each other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from sqlalchemy import Connection, bindparam, delete, select, update

from processors.identity.households import BEGINNING_MS
from streams.register.database import LostRace
from streams.register.load_plan import Changes, Entry, Plan
from streams.register.store import Store
from streams.register.tables import address, household, membership, person

Row = dict[str, object]


def write(store: Store, changes: Changes, plan: Plan, now: int) -> None:
    """Writes a plan; `now` (ms) is when addresses and memberships end or begin.

    Raises:
        LostRace: another worker wrote one of the persons or households meanwhile.
    """
    with store.database.writing() as connection:
        _write_people(store, connection, changes, plan)
        _write_households(store, connection, changes, plan)
        _write_addresses(store, connection, _addresses(connection, store, changes, plan), now)
        _write_moves(store, connection, plan, now)
        schemes = {one.hmac: one.scheme for several in changes.aliases for one in several}
        store.add_doubts(connection, plan.links.doubts, schemes, [now] * len(changes.aliases))


def _write_people(store: Store, connection: Connection, changes: Changes, plan: Plan) -> None:
    members = (member for entry in changes.entries for member in entry.line.members)
    sealed = {
        owner: store.keys.seal_record(member.details, owner)
        for owner, member in zip(plan.links.persons, members, strict=True)
    }
    by_hash = {one.hmac: one for several in changes.aliases for one in several}
    store.add_people(
        connection,
        [{"key": key, "sealed": sealed.pop(key)} for key in plan.links.new_persons],
        {by_hash[hmac]: owner for hmac, owner in plan.links.new_aliases.items()},
    )
    if sealed:
        statement = update(person).where(person.c.key == bindparam("of")).values(sealed=bindparam("to"))
        connection.execute(statement, [{"of": key, "to": sealed[key]} for key in sorted(sealed)])


def _write_households(store: Store, connection: Connection, changes: Changes, plan: Plan) -> None:
    rows = [_household_row(one, plan) for one in sorted(changes.entries, key=lambda one: one.external)]
    new = [row for row in rows if row["external"] not in changes.stored]
    if store.database.insert_new(connection, household, new) < len(new):
        raise LostRace
    known = [
        {"of": row["key"], "in_area": row["area"], "mark": row["fingerprint"]}
        for row in rows
        if row["external"] in changes.stored
    ]
    if known:
        statement = update(household).where(household.c.key == bindparam("of"))
        connection.execute(statement.values(area=bindparam("in_area"), fingerprint=bindparam("mark")), known)


def _household_row(entry: Entry, plan: Plan) -> Row:
    return {
        "key": plan.keys[entry.external],
        "area": entry.line.area,
        "external": entry.external,
        "fingerprint": entry.fingerprint,
    }


Addresses = Mapping[str, Mapping[str, object]]
"""Household -> address; an empty one: the file gives none."""


def _addresses(connection: Connection, store: Store, changes: Changes, plan: Plan) -> tuple[Addresses, Addresses]:
    """Addresses of new households, and those of known ones that are no longer as stored."""
    new = {plan.keys[one.external]: one.line.address for one in changes.entries if one.external not in changes.stored}
    known = {plan.keys[one.external]: one.line.address for one in changes.entries if one.external in changes.stored}
    present = dict(_present_addresses(store, connection, sorted(known)))
    return new, {key: one for key, one in known.items() if present.get(key, {}) != dict(one)}


def _present_addresses(
    store: Store, connection: Connection, keys: Sequence[str]
) -> Iterator[tuple[str, Mapping[str, object]]]:
    columns = address.c
    query = select(columns.household, columns.sealed).where(columns.household.in_(keys), columns.valid_until.is_(None))
    for row in connection.execute(query) if keys else ():
        yield row.household, store.keys.unseal_record(row.sealed, row.household)


def _write_addresses(store: Store, connection: Connection, addresses: tuple[Addresses, Addresses], now: int) -> None:
    new, moved = addresses
    columns = address.c
    if moved:
        of_moved = columns.household.in_(sorted(moved))
        connection.execute(delete(address).where(of_moved, columns.valid_from >= now))
        open_ones = update(address).where(of_moved, columns.valid_until.is_(None))
        connection.execute(open_ones.values(valid_until=now))
    starts = [(key, BEGINNING_MS, new[key]) for key in sorted(new)]
    starts += [(key, now, moved[key]) for key in sorted(moved)]
    rows = [
        {"household": key, "valid_from": start, "sealed": store.keys.seal_record(one, key)}
        for key, start, one in starts
        if one
    ]
    store.database.insert_new(connection, address, rows)


def _write_moves(store: Store, connection: Connection, plan: Plan, now: int) -> None:
    """Opens before it closes: a line may end what an earlier line of the batch began."""
    store.add_memberships(connection, plan.opened)
    ended = [
        {"of": owner, "where": one.household, "since": one.valid_from}
        for owner, one in sorted(set(plan.closed), key=lambda pair: (pair[0], pair[1].household))
    ]
    if ended:
        columns = membership.c
        statement = update(membership).where(
            columns.person == bindparam("of"),
            columns.household == bindparam("where"),
            columns.valid_from == bindparam("since"),
        )
        connection.execute(statement.values(valid_until=now), ended)
