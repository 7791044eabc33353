"""A PostgreSQL of a case's own, that may be stopped, started again, slowed down and made to fail."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import connect, postgres, start_postgres, stop_postgres

TROUBLE = """
create sequence failures;
create function trouble() returns trigger language plpgsql as $$
begin
    {body}
    return new;
end $$;
create trigger trouble before insert on offers for each statement execute function trouble();
"""
SLOW = "perform nextval('failures'); perform pg_sleep(0.3);"
FAILING = "if nextval('failures') <= {times} then raise exception 'made to fail' using errcode = '{code}'; end if;"
"""A sequence counts on when its transaction is rolled back, so that this ends."""


@dataclass(slots=True)
class Database:
    """A running PostgreSQL."""

    url: str
    folder: Path
    stops: int = 0

    def stop(self) -> None:
        """Takes it away at once, as a crash would."""
        postgres("pg_ctl", "-D", f"{self.folder}/db", "-m", "immediate", "-w", "stop")
        self.stops += 1

    def start(self) -> None:
        """Brings it back on the same port."""
        options = (self.folder / "db" / "postmaster.opts").read_text().partition('"')[2].replace('"', "").strip()
        postgres("pg_ctl", "-D", f"{self.folder}/db", "-l", f"{self.folder}/log", "-o", options, "-w", "start")

    def do(self, statement: str) -> None:
        """Runs SQL."""
        with connect(self.url) as connection:
            connection.execute(statement)

    def count(self) -> int:
        """How often there was trouble."""
        with connect(self.url) as connection:
            row = connection.execute("select case when is_called then last_value else 0 end from failures").fetchone()
            return int(row[0]) if row else 0


@contextmanager
def own_postgres(folder: Path) -> Iterator[Database]:
    """Starts one in a folder of its own; ends with the block."""
    folder.mkdir(parents=True, exist_ok=True)
    url = start_postgres(folder)
    try:
        yield Database(url, Path((folder / "data").read_text()))
    finally:
        stop_postgres(folder)
