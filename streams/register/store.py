"""Reading and writing what several of the register's functions need; one statement per kind of row."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, NamedTuple, TypeVar

from sqlalchemy import Connection, LargeBinary, Select, bindparam, func, select
from sqlalchemy.dialects.postgresql import ARRAY

from processors.identity.households import Membership
from processors.identity.identifiers import LONGEST, LONGEST_SCHEME, hash_by, spelling
from processors.identity.links import Doubt
from streams.register.database import Database, LostRace
from streams.register.keys import Keys
from streams.register.records import Id
from streams.register.tables import alias, doubtful_link, household, membership, person

SLICE: Final = 10_000
"""Values in one statement; SQLite takes 32,766 at most."""

_T = TypeVar("_T")


class Alias(NamedTuple):
    """An id, normalised and hashed. Holds an identity: not for logs."""

    hmac: bytes
    scheme: str
    value: str

    def __repr__(self) -> str:
        return f"Alias({self.scheme}, <redacted>)"


@dataclass(frozen=True, slots=True)
class Known:
    """What is stored about a set of aliases."""

    persons: dict[bytes, str] = field(default_factory=dict)
    memberships: dict[str, list[Membership]] = field(default_factory=dict)


def fresh_keys() -> Iterator[str]:
    """Keys nobody has: 128 random bits each, hexadecimal."""
    while True:
        yield secrets.token_hex(16)


def sliced(values: Iterable[_T], size: int = SLICE) -> Iterator[list[_T]]:
    """Lists of at most `size` values, in order."""
    rest = iter(values)
    while part := list(islice(rest, size)):
        yield part


class Store:
    """The register's rows.

    Args:
        database: where they are.
        keys: how they are hashed and sealed.
    """

    def __init__(self, database: Database, keys: Keys) -> None:
        self.database = database
        self.keys = keys
        self._hashed = hash_by(keys.alias)
        self._known = _known_query(database.is_postgresql)

    def aliases(self, ids: Sequence[Id]) -> list[Alias]:
        """The ids' hashes, each once, in order; empty and overlong ids are nobody's and left out."""
        found = []
        for scheme, value in ids:
            name, text = spelling(scheme, value)
            if name and text and len(text) <= LONGEST and len(name) <= LONGEST_SCHEME:
                found.append(Alias(self._hashed(name, text), name, text))
        return found if len(found) < 2 else list(dict.fromkeys(found))

    def known(self, connection: Connection, hmacs: Iterable[bytes]) -> Known:
        """Persons of the aliases, merges followed, with every membership; one statement per slice."""
        known = Known()
        for part in sliced(dict.fromkeys(hmacs)):
            _collect(known, connection.execute(self._known, {"hmacs": part}).tuples().all())
        return known

    def add_people(
        self, connection: Connection, persons: Sequence[Mapping[str, object]], links: Mapping[Alias, str]
    ) -> None:
        """Adds persons and their aliases.

        Raises:
            LostRace: another worker added one of the aliases meanwhile.
        """
        self.database.insert_new(connection, person, sorted(persons, key=lambda row: str(row["key"])))
        rows = [
            {
                "hmac": one.hmac,
                "scheme": one.scheme,
                "person": owner,
                "sealed": self.keys.seal(one.value.encode("utf-8", "surrogatepass"), one.hmac),
            }
            for one, owner in sorted(links.items())
        ]
        if self.database.insert_new(connection, alias, rows) < len(rows):
            raise LostRace

    def add_memberships(self, connection: Connection, new: Sequence[tuple[str, Membership]]) -> None:
        """Adds memberships, and the households that are made for them."""
        rows = [_membership_row(owner, one) for owner, one in new]
        own = {one.household: one.area for _, one in new if one.is_provisional}
        households = [{"key": key, "area": area} for key, area in sorted(own.items())]
        self.database.insert_new(connection, household, households)
        self.database.insert_new(connection, membership, rows)

    def add_doubts(
        self, connection: Connection, doubts: Iterable[Doubt], schemes: Mapping[bytes, str], at: Sequence[int]
    ) -> None:
        """Records links for review; `at` is one time (ms) per request."""
        rows = {
            (doubt.alias, doubt.kept, doubt.other): {
                "hmac": doubt.alias,
                "kept": doubt.kept,
                "other": doubt.other,
                "scheme": schemes[doubt.alias],
                "occurred_at": at[doubt.request],
            }
            for doubt in doubts
        }
        self.database.insert_new(connection, doubtful_link, [rows[key] for key in sorted(rows)])


_KnownRow = tuple[bytes, str, str | None, str | None, int | None, int | None, bool | None]


def _known_query(is_postgresql: bool) -> Select[_KnownRow]:
    """Aliases with their persons and memberships; a list of thousands is one array on PostgreSQL."""
    living = func.coalesce(person.c.merged_into, person.c.key)
    columns = membership.c
    query = (
        select(
            alias.c.hmac,
            living,
            columns.household,
            household.c.area,
            columns.valid_from,
            columns.valid_until,
            columns.is_provisional,
        )
        .select_from(alias)
        .join(person, person.c.key == alias.c.person)
        .outerjoin(membership, columns.person == living)
        .outerjoin(household, household.c.key == columns.household)
    )
    if is_postgresql:
        return query.where(alias.c.hmac == func.any(bindparam("hmacs", type_=ARRAY(LargeBinary))))
    return query.where(alias.c.hmac.in_(bindparam("hmacs", expanding=True)))


def _collect(known: Known, rows: Iterable[_KnownRow]) -> None:
    """A person's memberships come once per alias; those of the first alias are taken."""
    first: dict[str, bytes] = {}
    for hmac, owner, key, area, valid_from, valid_until, is_provisional in rows:
        known.persons[hmac] = owner
        if key is None or area is None or valid_from is None or first.setdefault(owner, hmac) != hmac:
            continue
        one = Membership(key, area, valid_from, valid_until, bool(is_provisional))
        known.memberships.setdefault(owner, []).append(one)


def _membership_row(owner: str, one: Membership) -> dict[str, object]:
    return {
        "person": owner,
        "household": one.household,
        "valid_from": one.valid_from,
        "valid_until": one.valid_until,
        "is_provisional": one.is_provisional,
    }
