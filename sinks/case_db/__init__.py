"""The case database: offers and suppressed situations as tables, on SQLite or PostgreSQL.

`connect(url)` makes an engine, `upgrade(engine)` brings its schema up to date, `CaseStore(engine)`
writes and reads. `sinks.memory.MemoryCaseStore` behaves the same without a database.
Never publishes to Kafka; holds pseudonyms only.
"""

from sinks.case_db.engine import connect, upgrade
from sinks.case_db.errors import CaseSchemaMismatch, CaseStoreUnavailable
from sinks.case_db.store import CaseStore
from sinks.case_db.values import (
    Acted,
    ActResult,
    Applied,
    CaseOffer,
    CaseSuppressed,
    Counts,
    OutboxItem,
    PendingAction,
    Scope,
    Wish,
    Worker,
)

__all__ = [
    "ActResult",
    "Acted",
    "Applied",
    "CaseOffer",
    "CaseSchemaMismatch",
    "CaseStore",
    "CaseStoreUnavailable",
    "CaseSuppressed",
    "Counts",
    "OutboxItem",
    "PendingAction",
    "Scope",
    "Wish",
    "Worker",
    "connect",
    "upgrade",
]
