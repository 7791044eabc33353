"""A new file, opened by several at once: each of them gets it."""

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from time import sleep

import pytest

from sinks.sqlite import log_ahead


def opened(file: Path, patience_s: float = 30) -> sqlite3.Connection:
    return sqlite3.connect(file, timeout=patience_s, isolation_level=None, check_same_thread=False)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "new.db"


@pytest.fixture
def writer(file: Path) -> Iterator[sqlite3.Connection]:
    """Somebody who is writing to the file."""
    writer = opened(file)
    writer.execute("CREATE TABLE of_theirs (number INTEGER)")
    writer.execute("BEGIN IMMEDIATE")
    yield writer
    writer.close()


def test_waits_for_who_is_writing(file: Path, writer: sqlite3.Connection) -> None:
    """A commit between the first refusal and the end of the patience is enough."""
    other = opened(file)
    refusals: list[str] = []
    other.set_trace_callback(refusals.append)
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(log_ahead, other)
        while sum("journal_mode" in said for said in refusals) < 2:
            assert not waiting.done()
            sleep(0.005)
        writer.execute("COMMIT")
        waiting.result()
    assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_gives_up_when_its_patience_ends(file: Path, writer: sqlite3.Connection) -> None:
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        log_ahead(opened(file, patience_s=0.05))


def test_does_not_wait_for_what_will_not_change(tmp_path: Path) -> None:
    (tmp_path / "noise.db").write_bytes(b"nothing of a database" * 400)
    with pytest.raises(sqlite3.DatabaseError, match="not a database"):
        log_ahead(opened(tmp_path / "noise.db"))


@pytest.mark.parametrize("_", range(20))
def test_opened_for_the_first_time_by_many(file: Path, _: int) -> None:
    together = Barrier(6)

    def go(number: int) -> None:
        together.wait()
        connection = opened(file)
        log_ahead(connection)
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("CREATE TABLE IF NOT EXISTS of_all (number INTEGER)")
        connection.execute("INSERT INTO of_all VALUES (?)", (number,))
        connection.execute("COMMIT")
        connection.close()

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(go, range(6)))
    assert opened(file).execute("SELECT count(*) FROM of_all").fetchone() == (6,)
