"""Bugs put into a stage on purpose: each must be caught by the verifier, or the verifier proves nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from faust.transport.conductor import Conductor
from faust.transport.drivers import aiokafka as driver
from sqlalchemy import Connection, Engine, delete, insert, text

import sinks.case_db.engine as case_engine
from processors.offers.clock import SituationClock
from sinks.case_db import writing
from streams import composition
from streams.kafka import chunks, transactions
from streams.stages import account, deciding, restoring


@dataclass(frozen=True, slots=True)
class Bug:
    """A planted bug.

    Attributes:
        stages: those it is planted in.
        into: puts it there, in the stage's own process, before it starts.
    """

    stages: tuple[str, ...]
    into: Callable[[], None]

    def plant(self, stage: str) -> None:
        """Plants it, if it belongs in that stage."""
        if stage in self.stages:
            self.into()


def _position_first() -> None:
    """The position is committed, then the outputs: a crash between the two loses them."""
    original = transactions.TransactionalSender.send

    def send(self: Any, outgoing: Any, positions: Any = None) -> None:
        if positions is not None:
            original(self, (), positions)
        original(self, outgoing)

    transactions.TransactionalSender.send = send  # type: ignore[method-assign]


def _no_unique_key() -> None:
    """The case database takes a version of an offer as often as it is delivered."""
    upgrade, prepare = composition.upgrade, case_engine._prepare_sqlite

    def upgrade_and_unlock(engine: Engine) -> None:
        upgrade(engine)
        with engine.begin() as database:
            for table in ("offer_situations", "offers", "suppressed"):
                if "PRIMARY KEY" in str(
                    database.execute(text(f"select sql from sqlite_master where name = '{table}'")).scalar()
                ):
                    database.execute(text(f"create table loose as select * from {table}"))
                    database.execute(text(f"drop table {table}"))
                    database.execute(text(f"alter table loose rename to {table}"))

    def prepare_without_references(connection: Any, record: object) -> None:
        prepare(connection, record)
        connection.execute("PRAGMA foreign_keys=OFF")

    composition.upgrade = upgrade_and_unlock  # type: ignore[attr-defined]
    case_engine._prepare_sqlite = prepare_without_references
    writing._prior = lambda *_: {}
    writing._upsert = _insert


def _insert(connection: Connection, table: Any, version: str, rows: Any) -> list[str]:
    """Puts a row over the older ones, and beside an equal one."""
    (key,) = table.primary_key.columns
    for row in rows:
        connection.execute(delete(table).where(key == row[key.name], table.c[version] < row[version]))
        connection.execute(insert(table), row)
    return [row[key.name] for row in rows]


def _letter_dropped() -> None:
    """Every other record that cannot be taken is refused without a trace of it."""
    original = account.Account.dead_letters
    account.Account.dead_letters = lambda self: original(self)[::2]  # type: ignore[method-assign]


def _state_first() -> None:
    """State says that it holds what the transaction after it was still to commit."""
    deciding.DecidingTask.process = _writing_first(deciding.DecidingTask.process)  # type: ignore[method-assign]
    restoring.Restorer._kept = lambda self, _position: self.subjects.meta()  # type: ignore[method-assign]


def _writing_first(process: Callable[..., Any]) -> Callable[..., Any]:
    def wrapped(self: Any, records: Any) -> Any:
        work = process(self, records)
        if work.taken:
            self._position = records[work.taken - 1].offset + 1
        self._write()
        return work

    return wrapped


def _faust_commits() -> None:
    """Faust commits what it takes for worked off, now and then and at its end, beside the stage's transactions."""
    chunks.ChunkConsumer._commit = driver.Consumer._commit  # type: ignore[method-assign]
    Conductor.acks_enabled_for = lambda *_: True  # type: ignore[method-assign]


def _fastest_clock() -> None:
    """Plan goes by whoever is furthest, and so sees to what others have still to tell something about."""
    SituationClock.now = property(lambda self: max(self.newest.values(), default=None))  # type: ignore[assignment]


ALL = ("intake", "correlate", "households", "plan", "deliver")

BUGS = {
    "position committed before the outputs": Bug(ALL, _position_first),
    "no unique key in the case database": Bug(("deliver",), _no_unique_key),
    "state written before the commit": Bug(("correlate", "households"), _state_first),
    "dead letter dropped": Bug(("intake",), _letter_dropped),
    "time told by the fastest": Bug(("plan",), _fastest_clock),
    "Faust's own commit left on": Bug(ALL, _faust_commits),
}
