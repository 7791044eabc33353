"""What a batch of population lines changes: read, then decided, nothing written.

Separate from writing so that another worker's faster write only means deciding again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, select

from processors.identity.households import Membership, move
from processors.identity.identifiers import POPULATION
from processors.identity.links import Links, link
from processors.identity.population import HouseholdLine
from streams.register.store import Alias, Known, Store, fresh_keys, sliced
from streams.register.tables import alias, household, membership


@dataclass(frozen=True, slots=True)
class Entry:
    """A checked line with its hashes."""

    line: HouseholdLine
    external: bytes
    fingerprint: bytes


@dataclass(frozen=True, slots=True)
class Changes:
    """The lines of a batch that are not stored as they are, and what is stored about them.

    Attributes:
        stored: external hmac -> key of the households stored already.
        aliases: one list per member, in the order of lines and members.
        anchored: persons among `known` who have another population id already.
        present: household -> person -> open membership a register brought.
    """

    entries: list[Entry]
    stored: dict[bytes, str]
    aliases: list[list[Alias]]
    known: Known
    anchored: set[str]
    present: dict[str, dict[str, Membership]]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a batch of lines changes.

    Attributes:
        keys: external hmac -> household key, stored and new ones.
        links: persons of all members, in the order of lines and members.
        opened: memberships to add.
        closed: memberships that end now.
    """

    keys: dict[bytes, str]
    links: Links
    opened: list[tuple[str, Membership]] = field(default_factory=list)
    closed: list[tuple[str, Membership]] = field(default_factory=list)


def read_changes(store: Store, connection: Connection, batch: Sequence[Entry]) -> Changes:
    """Reads what is stored about the lines; drops those that are stored as they are."""
    households = _stored_households(connection, batch)
    prints = {external: mark for external, (_, mark) in households.items()}
    entries = [one for one in batch if prints.get(one.external) != one.fingerprint]
    stored = {one.external: households[one.external][0] for one in entries if one.external in households}
    aliases = [store.aliases(member.ids) for one in entries for member in one.line.members]
    known = store.known(connection, (one.hmac for several in aliases for one in several))
    anchored = _anchored(connection, known, aliases)
    return Changes(entries, stored, aliases, known, anchored, _present(connection, list(stored.values())))


def plan_load(changes: Changes, now: int) -> Plan:
    """Decides who the members are and who moves."""
    hashes = [[one.hmac for one in several] for several in changes.aliases]
    links = link(hashes, changes.known.persons, fresh_keys(), set(changes.anchored))
    keys = _with_new_keys(changes.stored, changes.entries)
    plan = Plan(keys, links)
    _plan_moves(plan, changes, now)
    return plan


def _stored_households(connection: Connection, batch: Sequence[Entry]) -> dict[bytes, tuple[str, bytes | None]]:
    """External hmac -> key and fingerprint of the households stored already."""
    columns = household.c
    query = select(columns.external, columns.key, columns.fingerprint).where(
        columns.external.in_([one.external for one in batch])
    )
    return {row.external: (row.key, row.fingerprint) for row in connection.execute(query)}


def _anchored(connection: Connection, known: Known, aliases: Sequence[Sequence[Alias]]) -> set[str]:
    """Persons found by an id of an agency who have another population id already."""
    candidates = {
        known.persons[one.hmac]
        for several in aliases
        if several[0].hmac not in known.persons
        for one in several
        if one.hmac in known.persons
    }
    found: set[str] = set()
    for part in sliced(sorted(candidates)):
        query = select(alias.c.person).where(alias.c.person.in_(part), alias.c.scheme == POPULATION)
        found.update(connection.scalars(query))
    return found


def _present(connection: Connection, keys: Sequence[str]) -> dict[str, dict[str, Membership]]:
    """Household -> person -> open membership a register brought, for households stored already."""
    columns = membership.c
    query = (
        select(columns.person, columns.household, household.c.area, columns.valid_from)
        .join(household, household.c.key == columns.household)
        .where(columns.household.in_(keys), columns.valid_until.is_(None), columns.is_provisional.is_(False))
    )
    found: dict[str, dict[str, Membership]] = {}
    for row in connection.execute(query) if keys else ():
        one = Membership(row.household, row.area, row.valid_from)
        found.setdefault(row.household, {})[row.person] = one
    return found


def _with_new_keys(stored: Mapping[bytes, str], entries: Sequence[Entry]) -> dict[bytes, str]:
    fresh = fresh_keys()
    return {one.external: stored.get(one.external) or next(fresh) for one in entries}


def _plan_moves(plan: Plan, changes: Changes, now: int) -> None:
    owners = iter(plan.links.persons)
    current = {owner: list(several) for owner, several in changes.known.memberships.items()}
    for entry in changes.entries:
        key = plan.keys[entry.external]
        members = {next(owners) for _ in entry.line.members}
        for owner in sorted(members):
            _plan_move(plan, current.setdefault(owner, []), owner, Membership(key, entry.line.area, now))
        left = changes.present.get(key, {}).items()
        plan.closed.extend((owner, one) for owner, one in left if owner not in members)


def _plan_move(plan: Plan, current: list[Membership], owner: str, to: Membership) -> None:
    step = move(current, to.household, to.area, to.valid_from)
    for one in step.closed:
        current.remove(one)
    plan.closed.extend((owner, one) for one in step.closed)
    if step.opened is not None:
        current.append(step.opened)
        plan.opened.append((owner, step.opened))
