"""Databases of a part's own on a PostgreSQL server that was named; without one the stages keep SQLite files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from sqlalchemy import Engine, create_engine, make_url, text

from bench.machine.processes import Failed


@contextmanager
def databases(server: str) -> Iterator[dict[str, str]]:
    """Settings that name two new databases, removed with the block; none without a server.

    Args:
        server: SQLAlchemy URL of a database whose user may create others, `postgresql+psycopg://...`; or empty.

    Raises:
        Failed: it is no PostgreSQL.
    """
    if not server:
        yield {}
        return
    if make_url(server).get_backend_name() != "postgresql":
        raise Failed("DATABASE must be the URL of a PostgreSQL database, postgresql+psycopg://user@host/database")
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    own = {name: f"headwater_bench_{name}_{os.getpid()}" for name in ("case_db", "register_db")}
    try:
        _do(engine, (f"create database {name}" for name in own.values()))
        yield {
            setting: make_url(server).set(database=name).render_as_string(hide_password=False)
            for setting, name in own.items()
        }
    finally:
        _do(engine, (f"drop database if exists {name} with (force)" for name in own.values()))
        engine.dispose()


def _do(engine: Engine, statements: Iterable[str]) -> None:
    with engine.connect() as connection:
        for statement in statements:
            connection.execute(text(statement))
