"""Two keys that are one person become one; one key that stands for two persons becomes two.

Nothing is thrown away: a key that was merged still says into which, and of a person who was split is known of whom.
What was told of them follows by `streams.transfers`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import Connection, insert, or_, select, update

from processors.identity.households import BEGINNING_MS, Membership
from streams.errors import UserError, WrongUse
from streams.register.store import Alias, Store, fresh_keys
from streams.register.tables import access_log, alias, household, membership, person

_Row = Mapping[str, object]


def merge(store: Store, key: str, into: str, entry: _Row) -> None:
    """Makes `key` part of `into`, who gets its ids and flags, and what it lacks: a name, a registered household.

    Args:
        entry: who does it, when and why, for the log of both; does nothing when it was done before.

    Raises:
        UserError: nobody has one of the keys, one was merged into somebody else, or the other way round is right.
        WrongUse: it is one key.
    """
    if key == into:
        raise WrongUse("a person cannot be merged into themselves", "name two keys")
    with store.database.writing() as connection:
        rows = {one: _person(connection, one) for one in sorted((key, into))}  # locked, by all in one order
        gone, living = rows[key], rows[into]
        if gone["merged_into"] == into:
            return
        _require_living(gone, living)
        if into in _lost_to(connection, key):
            raise UserError(
                "the first person has events that left the second in an earlier split, and no event goes back",
                "merge them the other way round: the second into the first",
            )
        _note(connection, entry, "merge", (key, into))
        _inherit(store, connection, gone, living)
        connection.execute(update(alias).where(alias.c.person == key).values(person=into))
        merged = or_(person.c.key == key, person.c.merged_into == key)
        connection.execute(update(person).where(merged).values(merged_into=into))


def split(store: Store, key: str, ids: Sequence[Alias], area: str, entry: _Row) -> str:
    """Makes a new person of some of a person's ids, in a household of their own until a register places them.

    Args:
        area: planning area of that household.
        entry: as for `merge`.

    Returns:
        The new person's key.

    Raises:
        UserError: nobody has the key, it was merged into another, or one of the ids is not this person's.
    """
    new, home = (next(fresh_keys()) for _ in range(2))
    with store.database.writing() as connection:
        whole = _person(connection, key)
        _require_living(whole)
        # An id that intake found during a merge is still the former key's.
        same = select(person.c.key).where(or_(person.c.key == key, person.c.merged_into == key))
        own = set(connection.scalars(select(alias.c.hmac).where(alias.c.person.in_(same))))
        if not ids or not own.issuperset(one.hmac for one in ids):
            raise UserError(
                "one of the ids is not this person's" if ids else "no id was named that goes with the new person",
                "name the ids that go, digit by digit; `headwater person show` tells the schemes that are known",
            )
        _note(connection, entry, "split", (key, new))
        connection.execute(insert(person).values(key=new, split_from=key, safety_flags=whole["safety_flags"]))
        store.add_memberships(connection, [(new, Membership(home, area, BEGINNING_MS, is_provisional=True))])
        taken = [one.hmac for one in ids]
        connection.execute(update(alias).where(alias.c.hmac.in_(taken)).values(person=new))
    return new


def send_more(store: Store, key: str, part: str, entry: _Row) -> None:
    """Notes that more events of a person go to one who was split from them.

    Raises:
        UserError: nobody has one of the keys, one was merged into another, or they were not split so.
    """
    with store.database.writing() as connection:
        whole, other = _person(connection, key), _person(connection, part)
        _require_living(whole, other)
        if other["split_from"] != key:
            raise UserError("that person was not split from this one", "leave out --into, and name the ids that go")
        _note(connection, entry, "split", (key, part))


def _person(connection: Connection, key: str) -> _Row:
    row = connection.execute(select(person).where(person.c.key == key).with_for_update()).mappings().one_or_none()
    if row is None:
        raise UserError("nobody in the identity register has one of these keys", "check them, letter by letter")
    return dict(row)


def _require_living(*rows: _Row) -> None:
    for row in rows:
        if row["merged_into"] is not None:
            raise UserError(f"the person {row['key']} is now {row['merged_into']}", "use that key")


def _lost_to(connection: Connection, key: str) -> Collection[str]:
    """Everybody of whom events may have come to this person by splits."""
    found: set[str] = set()
    to_look_at = [key]
    while to_look_at:
        one = to_look_at.pop()
        same = or_(person.c.key == one, person.c.merged_into == one)
        of_whom = connection.scalars(select(person.c.split_from).where(same, person.c.split_from.is_not(None))).all()
        new = set(of_whom) - found
        found |= new
        to_look_at += sorted(new)
    return found


def _inherit(store: Store, connection: Connection, gone: _Row, living: _Row) -> None:
    key, into = str(gone["key"]), str(living["key"])
    flags = {flag for row in (gone, living) for flag in str(row["safety_flags"]).split(",") if flag}
    values: dict[str, object] = {"safety_flags": ",".join(sorted(flags))}
    if living["sealed"] is None and isinstance(gone["sealed"], bytes):
        values["sealed"] = store.keys.seal_record(store.keys.unseal_record(gone["sealed"], key), into)
    connection.execute(update(person).where(person.c.key == into).values(**values))
    if not _placed(connection, into):
        store.add_memberships(connection, [(into, one) for one in _placed(connection, key)])


def _placed(connection: Connection, key: str) -> list[Membership]:
    columns = membership.c
    rows = connection.execute(
        select(columns.household, household.c.area, columns.valid_from, columns.valid_until, columns.is_provisional)
        .join(household, household.c.key == columns.household)
        .where(columns.person == key, columns.is_provisional.is_(False))
    )
    return [Membership(*row) for row in rows]


def _note(connection: Connection, entry: _Row, what: str, keys: Sequence[str]) -> None:
    connection.execute(insert(access_log), [{**entry, "what": what, "person": key} for key in keys])
