"""The identity register: the one place that knows who a pseudonym is.

Intake resolves a chunk of records here; a population is loaded; tools look ids up; and one audited
read gives an identity back. Never merges people by itself (doubts are recorded for a person to decide) and
keeps nothing in memory that somebody may have changed meanwhile, so that any number of workers may use
one database.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import TypeVar

from sqlalchemy import insert, select

from processors.identity.households import Membership, Settled, Stay, household_at, settle
from processors.identity.links import Links, link
from streams.errors import Unreachable, UserError, WrongUse
from streams.register import persons
from streams.register.database import Database, LostRace
from streams.register.keys import Keys
from streams.register.load import load
from streams.register.records import (
    Id,
    Identity,
    LoadReport,
    PersonFacts,
    PersonRequest,
    Resolved,
)
from streams.register.remembered import known_lately, note_added
from streams.register.store import Alias, Store, fresh_keys
from streams.register.tables import access_log, address, alias, household, membership, person

_ATTEMPTS = 20
_T = TypeVar("_T")


class Register:
    """The identity register on one database; `streams.register.open_register` makes one.

    Args:
        database: with the newest tables.
        keys: those the register was made with.
        default_area: planning area of people nobody placed.
        now: the time (ms) of an audited read and of moves a population file brings.
    """

    def __init__(
        self,
        database: Database,
        keys: Keys,
        default_area: str,
        now: Callable[[], int],
    ) -> None:
        self._database = database
        self._store = Store(database, keys)
        self._keys = keys
        self._default_area = default_area
        self._now = now

    def __enter__(self) -> Register:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections; may be called twice."""
        self._database.close()

    def resolve(self, requests: Sequence[PersonRequest]) -> list[Resolved]:
        """Finds or makes the persons of a chunk and the households they belonged to.

        One SELECT for all ids not seen lately; for unknown ones a transaction with one INSERT .. ON CONFLICT DO
        NOTHING per table. Should another worker have been faster with any of them, everything is
        rolled back and decided again on what that worker wrote.

        Raises:
            ValueError: a request has no usable id.
            IndexError: a request joins one outside the list.
            Unreachable: the database cannot be used; nothing was written.
        """
        people = [self._store.aliases(request.ids) for request in requests]
        if not all(people):
            raise ValueError("a request has no usable id")
        return self._again(lambda: self._resolve_once(requests, people))

    def _again(self, act: Callable[[], _T]) -> _T:
        """Does something once more as often as the database gave way to another writer."""
        for _ in range(_ATTEMPTS):
            try:
                return act()
            except LostRace:
                continue
        raise Unreachable(
            f"the identity register at {self._database.address} gave way to other writers {_ATTEMPTS} times",
            "run fewer workers against it, or use PostgreSQL",
        )

    def _resolve_once(self, requests: Sequence[PersonRequest], people: Sequence[Sequence[Alias]]) -> list[Resolved]:
        hashes = [[one.hmac for one in aliases] for aliases in people]
        with self._database.reading() as connection:
            known = known_lately(self._store, connection, (hmac for several in hashes for hmac in several))
        links = link(hashes, known.persons, fresh_keys())
        stays = [
            Stay(owner, request.occurred_at, request.joins_household_of)
            for owner, request in zip(links.persons, requests, strict=True)
        ]
        settled = settle(stays, known.memberships, fresh_keys(), self._default_area)
        if links.new_aliases or links.doubts or settled.new:
            self._write(requests, people, links, settled)
        return [
            Resolved(owner, one.household, one.area)
            for owner, one in zip(links.persons, settled.memberships, strict=True)
        ]

    def _write(
        self,
        requests: Sequence[PersonRequest],
        people: Sequence[Sequence[Alias]],
        links: Links,
        settled: Settled,
    ) -> None:
        by_hash = {one.hmac: one for aliases in people for one in aliases}
        with self._database.writing() as connection:
            self._store.add_people(
                connection,
                [{"key": key} for key in links.new_persons],
                {by_hash[hmac]: owner for hmac, owner in links.new_aliases.items()},
            )
            self._store.add_memberships(connection, settled.new)
            schemes = {hmac: one.scheme for hmac, one in by_hash.items()}
            self._store.add_doubts(connection, links.doubts, schemes, [request.occurred_at for request in requests])
            note_added(connection, (owner for owner, _ in settled.new))

    def load_population(self, lines: Iterable[object]) -> LoadReport:
        """Loads households and their members; loading the same lines again changes nothing.

        Args:
            lines: one mapping per household: `{"household": the file's id of it, "area", "address": {..},
                "language", "members": [{"person": the file's id, "name", "born", "contact": {..},
                "ids": [[scheme, value], ..]}]}`; None stands for a blank line, a text for one that is
                not JSON.

        Returns:
            Counts, and what is wrong with the lines that were left out.

        Raises:
            Unreachable: the database cannot be used; what was loaded before stays.
        """
        return load(self._store, lines, self._now())

    def look_up(self, ids: Sequence[Id]) -> dict[Id, str]:
        """Persons of the ids that are known; makes nobody."""
        hashes = {one: found[0].hmac for one in ids if (found := self._store.aliases([one]))}
        with self._database.reading() as connection:
            known = self._store.known(connection, hashes.values()).persons
        return {one: known[hmac] for one, hmac in hashes.items() if hmac in known}

    def describe(self, key: str, at: int | None = None) -> PersonFacts | None:
        """What may be shown of a person without an audited read; None when nobody has the key.

        Args:
            key: the person's pseudonym.
            at: ms, for the household; None: now.
        """
        columns = membership.c
        with self._database.reading() as connection:
            row = connection.execute(
                select(person.c.safety_flags, person.c.merged_into).where(person.c.key == key)
            ).one_or_none()
            schemes = connection.scalars(select(alias.c.scheme).where(alias.c.person == key).distinct()).all()
            stays = connection.execute(
                select(
                    columns.household,
                    household.c.area,
                    columns.valid_from,
                    columns.valid_until,
                    columns.is_provisional,
                )
                .join(household, household.c.key == columns.household)
                .where(columns.person == key)
                .order_by(columns.valid_from, columns.household)
            ).all()
        memberships = tuple(Membership(*stay) for stay in stays)
        current = household_at(memberships, self._now() if at is None else at)
        if row is None or current is None:
            return None
        return PersonFacts(
            key,
            current.household,
            current.area,
            tuple(sorted(schemes)),
            _flags(row.safety_flags),
            memberships,
            row.merged_into,
        )

    def reveal(self, key: str, by: str, purpose: str) -> Identity:
        """Who a person is: the one read of an identity, logged before it is made.

        Args:
            key: the person's pseudonym.
            by: who reads; a user of the board, or of this machine.
            purpose: why, in the reader's words.

        Raises:
            WrongUse: reader or purpose is missing, or nobody has the key.
            Unreachable: the database cannot be used; when it cannot be written, nothing is shown.
        """
        with self._database.writing() as connection:
            connection.execute(insert(access_log).values(**self._entry(by, purpose), what="reveal", person=key))
        facts = self.describe(key)
        if facts is None:
            raise no_such_person()
        return self._identity(facts)

    def merge(self, key: str, into: str, by: str, purpose: str) -> None:
        """Makes one person of two keys: `key` is then nobody's; does nothing when it was done before.

        Raises:
            UserError: nobody has one of the keys, one was merged into somebody else, or `into` has given events
                to `key` by a split: then it must be the other way round.
            WrongUse: it is one key, or reader or purpose is missing.
            Unreachable: the database cannot be used; nothing is merged.
        """
        entry = self._entry(by, purpose)
        self._again(lambda: persons.merge(self._store, key, into, entry))

    def split(self, key: str, ids: Sequence[Id], by: str, purpose: str) -> str:
        """Makes a person of some of another's ids; returns the new key.

        Raises:
            UserError: nobody has the key, it was merged into another, or one of the ids is not this person's.
            WrongUse: reader or purpose is missing.
            Unreachable: the database cannot be used; nobody is split.
        """
        facts = self.describe(key)
        area = facts.area if facts is not None else self._default_area
        entry, aliases = self._entry(by, purpose), self._store.aliases(ids)
        return self._again(lambda: persons.split(self._store, key, aliases, area, entry))

    def send_more(self, key: str, part: str, by: str, purpose: str) -> None:
        """Notes that more events of a person go to `part`, who was split from them; raises as `split`."""
        persons.send_more(self._store, key, part, self._entry(by, purpose))

    def _entry(self, by: str, purpose: str) -> dict[str, object]:
        if not by.strip() or not purpose.strip():
            raise WrongUse("whoever looks up or changes a person is named, with the purpose", "name both")
        return {"at": self._now(), "by": by[:200], "purpose": purpose[:500]}

    def _identity(self, facts: PersonFacts) -> Identity:
        key = facts.person
        with self._database.reading() as connection:
            sealed = connection.scalar(select(person.c.sealed).where(person.c.key == key))
            ids = connection.execute(
                select(alias.c.scheme, alias.c.hmac, alias.c.sealed).where(alias.c.person == key)
            ).all()
            lives_at = connection.scalar(
                select(address.c.sealed)
                .where(address.c.household == facts.household, address.c.valid_until.is_(None))
                .order_by(address.c.valid_from.desc())
                .limit(1)
            )
        details = self._keys.unseal_record(sealed, key) if sealed else {}
        contact = details.get("contact")
        return Identity(
            person=key,
            name=str(details.get("name", "")),
            born=str(details.get("born", "")),
            language=str(details.get("language", "")),
            contact=contact if isinstance(contact, dict) else {},
            address=self._keys.unseal_record(lives_at, facts.household) if lives_at else {},
            ids=tuple(
                sorted((row.scheme, self._keys.unseal(row.sealed, row.hmac).decode(errors="replace")) for row in ids)
            ),
            safety_flags=facts.safety_flags,
        )


def no_such_person() -> UserError:
    """The error for a key or an id nobody has; does not repeat it."""
    return UserError(
        "nobody in the identity register has this key or id",
        "check it, digit by digit; for somebody not yet known, opt-out and opt-in take --even-if-unknown",
    )


def _flags(text: str) -> tuple[str, ...]:
    return tuple(sorted(flag for flag in text.split(",") if flag))
