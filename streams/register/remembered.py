"""What the database said about ids a moment ago, as long as nobody has changed it since.

A merge, a move, an erasure or a newly loaded population by whomever is a change: then everything is asked
again. So an answer from here is always the one the database would give. Kept with the connection, which
one thread uses at a time. Holds hashes and pseudonyms, no ids.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import Connection

from streams.register.database import Version
from streams.register.store import Known, Store

MOST: Final = 50_000
"""Ids remembered, some 500 bytes each; with more it begins anew."""
_NAME: Final = "remembered"


@dataclass(slots=True)
class _Memory:
    """What was known at a version of the database."""

    version: Version
    known: Known = field(default_factory=Known)


def known_lately(store: Store, connection: Connection, hmacs: Iterable[bytes]) -> Known:
    """As `Store.known`, and perhaps about other aliases besides; must not be changed."""
    version = store.database.version(connection)
    if version is None:
        return store.known(connection, hmacs)
    memory: _Memory | None = connection.info.get(_NAME)
    if memory is None or memory.version != version or len(memory.known.persons) > MOST:
        memory = connection.info[_NAME] = _Memory(version)
    persons, memberships = memory.known.persons, memory.known.memberships
    new = [hmac for hmac in hmacs if persons.get(hmac) not in memberships]
    if new:
        found = store.known(connection, new)
        persons.update(found.persons)
        memberships.update(found.memberships)
    return memory.known


def note_added(connection: Connection, owners: Iterable[str]) -> None:
    """Called in a transaction that adds persons, ids, and memberships of these persons, and does nothing else."""
    memory: _Memory | None = connection.info.get(_NAME)
    if memory is not None:
        memory.version = memory.version.after_own()
        for owner in owners:
            memory.known.memberships.pop(owner, None)
