"""SQLite files that several processes open, perhaps all at the same moment and for the first time."""

from __future__ import annotations

import sqlite3
import time

_PAUSE_S = 0.02
_PRIMARY = 0xFF  # of an extended result code: what it is an example of


def log_ahead(connection: sqlite3.Connection) -> None:
    """Has the file write its log ahead, so that readers and the writer do not wait for each other.

    Waits for others as long as the connection's `busy_timeout` says. SQLite itself does not: while another
    connection holds the lock to write, changing the journal is refused at once (3.40; its page on
    `sqlite3_busy_handler` says why: waiting could never end where both hold a lock the other needs).

    Raises:
        sqlite3.OperationalError: still locked after that time, or the file cannot be used.
    """
    (patience_ms,) = connection.execute("PRAGMA busy_timeout").fetchone()
    end = time.monotonic() + patience_ms / 1000
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            is_busy = error.sqlite_errorcode & _PRIMARY == sqlite3.SQLITE_BUSY
            if not is_busy or time.monotonic() > end:
                raise
            time.sleep(_PAUSE_S)
        else:
            return
