"""Brings the register's tables to the newest version, safely when several workers start at once."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from streams.register.database import Database
from streams.register.tables import VERSION_TABLE

_LOCK = 0x4845_4144_5245_4749
"""Number of PostgreSQL's advisory lock; SQLite's write lock does the same."""


def migrate(database: Database) -> None:
    """Runs the migrations that are missing; does not write when there are none."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    head = ScriptDirectory.from_config(config).get_current_head()
    with database.reading() as connection:
        if _version(connection) == head:
            return
    with database.writing() as connection:
        if database.is_postgresql:
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _version(connection: Connection) -> str | None:
    return MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE}).get_current_revision()
