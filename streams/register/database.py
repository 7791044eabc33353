"""The register's database connection: SQLite or PostgreSQL, one way of reading, one of writing.

A fault of the database becomes `Unreachable`, naming the address without its password and never the
parameters of a statement. Knows no table.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Connection, Engine, Table, create_engine, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError
from sqlalchemy.pool import ConnectionPoolEntry

from sinks.sqlite import log_ahead
from streams.errors import Unreachable, WrongUse

Row = Mapping[str, object]

_BUSY_MS = 10_000
_RACES = frozenset({"40001", "40P01"})
_REFUSALS = frozenset({"25006", "42501"})
_WRITES = "writes"


class Version(NamedTuple):
    """Equal, for one connection, only as long as nobody has written.

    Attributes:
        by_others: changes when another connection commits.
        by_own: how many transactions that write this connection has begun.
    """

    by_others: int
    by_own: int

    def after_own(self) -> Version:
        """The next version when only this connection writes."""
        return self._replace(by_own=self.by_own + 1)


class LostRace(Exception):
    """Another worker wrote the same at the same time: read again and decide again."""


class Database:
    """A pool of connections to one database.

    Args:
        address: SQLAlchemy URL; `postgres://` and `postgresql://` mean psycopg.

    Raises:
        WrongUse: the address is no URL of SQLite or PostgreSQL.
    """

    def __init__(self, address: str) -> None:
        url = _url(address)
        self.address = url.render_as_string(hide_password=True)
        self.is_postgresql = url.get_backend_name() == "postgresql"
        self._engine = _engine(url)
        self._reading = self._engine.execution_options(headwater_reads=True)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that only reads, and sees one state of the database."""
        with self._faults(), self._reading.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction: everything or nothing.

        Raises:
            LostRace: the database gave way to another writer.
        """
        with self._faults(), self._engine.begin() as connection:
            connection.info[_WRITES] = connection.info.get(_WRITES, 0) + 1
            yield connection

    def version(self, connection: Connection) -> Version | None:
        """What of the database this connection sees; None: this kind of database cannot tell.

        Source: SQLite, `PRAGMA data_version`: differs as soon as another connection has committed.
        """
        if self.is_postgresql:
            return None
        by_others = connection.exec_driver_sql("PRAGMA data_version").scalar_one()
        return Version(by_others, connection.info.get(_WRITES, 0))

    def insert_new(self, connection: Connection, table: Table, rows: Sequence[Row]) -> int:
        """Inserts the rows whose keys are not there yet, in the order given; how many those were."""
        if not rows:
            return 0
        dialect = postgresql if self.is_postgresql else sqlite
        statement = dialect.insert(table).on_conflict_do_nothing()
        result = connection.execute(statement, rows, execution_options={"preserve_rowcount": True})
        return result.rowcount

    def close(self) -> None:
        """Closes every connection; may be called twice."""
        self._engine.dispose()

    @contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            state = getattr(error.orig, "sqlstate", None)
            if state in _RACES:
                raise LostRace from None
            if not isinstance(error, OperationalError) and state not in _REFUSALS:
                raise
            raise self._unreachable(error) from None

    def _unreachable(self, error: DBAPIError) -> Unreachable:
        reason = str(error.orig).strip().splitlines()[0]
        return Unreachable(
            f"the identity register at {self.address} cannot be used: {reason}",
            "check that the database that HEADWATER_REGISTER_DB names runs, that this user may write to it "
            "and that no other program holds it",
        )


def sqlite_address(path: Path) -> str:
    """The URL of a SQLite file, made readable for its owner only.

    Raises:
        Unreachable: the file cannot be made there.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise Unreachable(
            f"the identity register at {path} cannot be opened: {error.strerror}",
            "make the folder writable, or name another in HEADWATER_DATA or HEADWATER_REGISTER_DB",
        ) from None
    return URL.create("sqlite", database=str(path)).render_as_string()


def _url(address: str) -> URL:
    try:
        url = make_url(address)
    except ArgumentError:
        raise _wrong_address() from None
    if url.drivername in ("postgres", "postgresql"):
        return url.set(drivername="postgresql+psycopg")
    if url.drivername not in ("sqlite", "sqlite+pysqlite", "postgresql+psycopg"):
        raise _wrong_address()
    return url


def _wrong_address() -> WrongUse:
    return WrongUse(
        "HEADWATER_REGISTER_DB is not the URL of a SQLite or PostgreSQL database",
        "write it as sqlite:///folder/register.db or postgresql://user@host/database",
    )


def _engine(url: URL) -> Engine:
    try:
        if url.get_backend_name() == "postgresql":
            return _postgresql_engine(url)
        engine = create_engine(url, hide_parameters=True, connect_args={"timeout": _BUSY_MS / 1000})
    except (ArgumentError, NoSuchModuleError):
        raise _wrong_address() from None
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _postgresql_engine(url: URL) -> Engine:
    engine = create_engine(url, hide_parameters=True, pool_pre_ping=True, connect_args={"connect_timeout": 10})
    event.listen(engine, "connect", _set_up_postgresql)
    return engine


def _set_up_postgresql(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    """Every query here goes by keys. Tables that just grew and have no statistics yet make PostgreSQL read
    them whole, in parallel, by compiled code: 180 ms for 200 persons instead of 8."""
    cursor = connection.cursor()
    for method in ("enable_seqscan", "enable_hashjoin", "enable_mergejoin", "jit"):
        cursor.execute(f"SET {method} = off")
    cursor.execute("SET max_parallel_workers_per_gather = 0")
    cursor.close()
    connection.commit()


def _set_up_sqlite(connection: sqlite3.Connection, _entry: ConnectionPoolEntry) -> None:
    """`synchronous=FULL`: a person key that is on the log must never be forgotten here."""
    connection.isolation_level = None
    log_ahead(connection)
    for pragma in ("synchronous=FULL", "foreign_keys=ON", "cache_size=-65536"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    """A writer takes the lock at once: one that reads first and writes then can be refused midway."""
    reads = connection.get_execution_options().get("headwater_reads", False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")
