"""Connections to the case database and the version of its schema."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from sinks.case_db.errors import CaseSchemaMismatch, CaseStoreUnavailable, address, reported
from sinks.sqlite import log_ahead

BUSY_TIMEOUT_MS = 30_000
CONNECT_TIMEOUT_S = 10
_MIGRATIONS = Path(__file__).with_name("migrations")
_UPGRADE_LOCK = 4_811_701_523  # any number, as long as all versions agree on it


def connect(url: str) -> Engine:
    """An engine for SQLite (`sqlite:///file.db`) or PostgreSQL (`postgresql://..`); connects when first used.

    Raises:
        CaseStoreUnavailable: the URL is not one of these.
    """
    parsed = _parse(url)
    if parsed.get_backend_name() == "sqlite":
        engine = create_engine(parsed, json_serializer=_to_json, json_deserializer=orjson.loads, hide_parameters=True)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    return create_engine(
        parsed,
        pool_pre_ping=True,
        hide_parameters=True,
        json_serializer=_to_json,
        json_deserializer=orjson.loads,
        connect_args={"connect_timeout": CONNECT_TIMEOUT_S},
    )


def upgrade(engine: Engine) -> None:
    """Brings the schema up to date; does nothing when it is. Safe when several start at once.

    Raises:
        CaseSchemaMismatch: a newer version of Headwater has upgraded it.
        CaseStoreUnavailable: it cannot be reached or written to.
    """
    config = _config()
    with reported(engine):
        _make_folder(engine)
        with write_transaction(engine) as connection:
            if engine.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _UPGRADE_LOCK})
            _refuse_newer(engine, _revision(connection))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")


def check_schema(engine: Engine) -> None:
    """Sees that the schema is the one this version of Headwater works with.

    Raises:
        CaseSchemaMismatch: it is missing, older or newer.
        CaseStoreUnavailable: it cannot be reached.
    """
    where = f"case database {address(engine.url)}"
    if _is_missing_file(engine):
        raise CaseSchemaMismatch(f"{where} does not exist yet", _START_DELIVER)
    with reported(engine), engine.connect() as connection:
        revision = _revision(connection)
    _refuse_newer(engine, revision)
    if revision is None:
        raise CaseSchemaMismatch(f"{where} has no tables yet", _START_DELIVER)
    if revision != ScriptDirectory.from_config(_config()).get_current_head():
        raise CaseSchemaMismatch(f"{where} is of an older version (schema {revision})", _START_DELIVER)


_START_DELIVER = "start `headwater up deliver` (or `headwater demo`), which creates or upgrades it"


def write_transaction(engine: Engine) -> Any:  # noqa: ANN401 - SQLAlchemy's own context manager
    """A transaction that will write: SQLite takes its write lock at once instead of failing half-way."""
    return engine.execution_options(writes=True).begin()


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() in {"postgresql", "postgres"}:
            return parsed.set(drivername="postgresql+psycopg")
        if parsed.get_backend_name() == "sqlite":
            return parsed
    except (ArgumentError, NoSuchModuleError):
        pass
    raise CaseStoreUnavailable(
        "the case database's URL is neither sqlite:///FILE nor postgresql://USER@HOST/DATABASE",
        "correct HEADWATER_CASE_DB",
    )


def _to_json(value: object) -> str:
    return orjson.dumps(value).decode()


def _prepare_sqlite(connection: Any, _record: object) -> None:  # noqa: ANN401 - sqlite3's connection
    connection.isolation_level = None  # transactions are begun below, not by the driver
    for pragma in (f"busy_timeout={BUSY_TIMEOUT_MS}", "synchronous=NORMAL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")
    log_ahead(connection)


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    return config


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _refuse_newer(engine: Engine, revision: str | None) -> None:
    known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    if revision is not None and revision not in known:
        raise CaseSchemaMismatch(
            f"case database {address(engine.url)} is of a newer version (schema {revision})",
            "install the version of Headwater that upgraded it, or restore a backup from before",
        )


def _file(engine: Engine) -> Path | None:
    name = engine.url.database
    is_file = engine.dialect.name == "sqlite" and name and name != ":memory:" and not name.startswith("file:")
    return Path(name) if is_file and name else None


def _is_missing_file(engine: Engine) -> bool:
    file = _file(engine)
    return file is not None and not file.exists()


def _make_folder(engine: Engine) -> None:
    file = _file(engine)
    if file is None:
        return
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CaseStoreUnavailable(
            f"the folder of case database {address(engine.url)} cannot be made ({error.strerror})",
            "choose another folder in HEADWATER_DATA or HEADWATER_CASE_DB",
        ) from error
