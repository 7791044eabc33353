"""Times as every answer and print-out of the platform writes them."""

from __future__ import annotations

from datetime import UTC, datetime


def rfc3339(ms: int | None) -> str | None:
    """A time in UTC.

    >>> rfc3339(0)
    '1970-01-01T00:00:00Z'
    """
    if ms is None:
        return None
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
