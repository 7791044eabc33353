"""The identity register: person keys instead of people everywhere else.

`open_register(settings)` brings the database to the newest version, finds or makes the secret, and
refuses a register that was made with another one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import select

from streams.errors import WrongUse
from streams.register.database import Database, sqlite_address
from streams.register.keys import Keys, make_secret, read_secret
from streams.register.records import (
    DEFAULT_AREA,
    Identity,
    LineFault,
    LoadReport,
    PersonFacts,
    PersonRequest,
    Resolved,
)
from streams.register.register import Register, no_such_person
from streams.register.schema import migrate
from streams.register.tables import info
from streams.settings import Settings

__all__ = [
    "DEFAULT_AREA",
    "Identity",
    "LineFault",
    "LoadReport",
    "PersonFacts",
    "PersonRequest",
    "Register",
    "Resolved",
    "no_such_person",
    "open_register",
]

_CHECK = "key-check"


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000


def open_register(settings: Settings, default_area: str = DEFAULT_AREA, now: Callable[[], int] = _wall_ms) -> Register:
    """Opens the identity register that the settings name, making it when there is none.

    Args:
        settings: `register_db`, `register_key_file` and `data` are used.
        default_area: planning area of people nobody placed.
        now: clock in ms for the access log and for moves; not for resolving.

    Raises:
        WrongUse: the key file is missing, damaged, or not the one the register was made with.
        Unreachable: the database or the key file cannot be used.
    """
    database = Database(settings.register_db or sqlite_address(settings.data / "register.db"))
    try:
        migrate(database)
        keys = _keys(database, settings)
    except BaseException:
        database.close()
        raise
    return Register(database, keys, default_area, now)


def _keys(database: Database, settings: Settings) -> Keys:
    path = settings.register_key_file or settings.data / "register.key"
    stored = _stored_check(database)
    secret = read_secret(path)
    if secret is None:
        if stored is not None or settings.register_key_file is not None:
            raise _missing(path, database)
        secret = make_secret(path)
    keys = Keys(secret)
    if stored is None:
        with database.writing() as connection:
            database.insert_new(connection, info, [{"name": _CHECK, "value": keys.check}])
        stored = _stored_check(database)
    if stored != keys.check:
        raise WrongUse(
            f"the identity register at {database.address} was made with another key than the one in {path}",
            "restore that register's key file and name it in HEADWATER_REGISTER_KEY_FILE",
        )
    return keys


def _stored_check(database: Database) -> bytes | None:
    with database.reading() as connection:
        return connection.scalar(select(info.c.value).where(info.c.name == _CHECK))


def _missing(path: Path, database: Database) -> WrongUse:
    return WrongUse(
        f"the key file {path} of the identity register at {database.address} is missing",
        "restore it from its backup: without it no one in the register can be found or named; "
        "for a new register: `openssl rand -base64 32` into that file",
    )
