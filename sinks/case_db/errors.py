"""Faults of the case database, told so that somebody can act on them; passwords never occur."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import URL, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout


class CaseStoreUnavailable(Exception):
    """The case database cannot be used just now; nothing of the chunk was written.

    Args:
        problem: what is wrong, with the database's address.
        remedy: what to do, one imperative sentence.
    """

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem}; {remedy}")
        self.problem = problem
        self.remedy = remedy


class CaseSchemaMismatch(CaseStoreUnavailable):
    """The database's schema is missing, older or newer than this version of Headwater."""


_CAUSES = (
    ("locked|lock timeout|deadlock", "is locked", "end whatever holds a lock on it, then try again"),
    ("readonly|read-only|permission denied", "cannot be written to", "give this account the right to write"),
    ("disk is full|disk full|no space|too large", "is out of space", "free or add disk space"),
    (
        "authentication|no password|role",
        "refuses the login",
        "correct user and password in HEADWATER_CASE_DB",
    ),
    (
        "malformed|not a database|corrupt|disk i/o",
        "is damaged",
        "restore a backup, or remove it and refill it as docs/operators.md says",
    ),
    ("unable to open", "cannot be opened", "see that its folder exists and may be written to"),
    ("too many|connection slots", "has no connection free", "raise its connection limit or end idle ones"),
)
"""words of the driver's message, problem, remedy; the first that fits counts"""


def address(url: URL) -> str:
    """Where a database is, without user's password or query.

    >>> from sqlalchemy import make_url
    >>> address(make_url("postgresql://u:secret@db.example/cases?sslkey=x"))
    'postgresql://u@db.example/cases'
    """
    plain = URL.create(
        url.get_backend_name(),
        username=url.username,
        host=url.host,
        port=url.port,
        database=url.database,
    )
    return plain.render_as_string()


@contextmanager
def reported(engine: Engine) -> Iterator[None]:
    """Turns what a database can suffer into `CaseStoreUnavailable`; programming errors pass through.

    Raises:
        CaseStoreUnavailable: unreachable, locked, read-only, full, damaged or refusing.
    """
    try:
        yield
    except PoolTimeout as error:
        raise _unavailable(engine, "no connection free: too many") from error
    except DBAPIError as error:
        if not _is_fault_of_database(error):
            raise
        raise _unavailable(engine, str(error.orig)) from None


def _is_fault_of_database(error: DBAPIError) -> bool:
    state = str(getattr(error.orig, "sqlstate", None) or "")
    name = type(error.orig).__name__
    return (
        error.connection_invalidated
        or state[:2] in {"08", "25", "28", "40", "53", "55", "57", "58", "3D"}
        or state == "42501"
        or (not state and name in {"OperationalError", "InterfaceError", "DatabaseError", "ConnectionTimeout"})
    )


def _unavailable(engine: Engine, message: str) -> CaseStoreUnavailable:
    said = message.strip().splitlines()[0] if message.strip() else "no message"
    where = f"case database {address(engine.url)}"
    lowered = message.lower()
    for words, problem, remedy in _CAUSES:
        if any(word in lowered for word in words.split("|")):
            return CaseStoreUnavailable(f"{where} {problem} ({said})", remedy)
    return CaseStoreUnavailable(
        f"{where} cannot be reached ({said})", "see that it runs and HEADWATER_CASE_DB names it"
    )
