"""What tells traffic from time alone: while there is any, stages let time pass more often.

Marks of time come every second, also when nothing happens. Households' input is often nothing else, so that
correlate says in a header of its marks whether something else came before them.
"""

from __future__ import annotations

from collections.abc import Iterable

from streams.kafka.records import RawRecord

MARK_PREFIX = b"mark|"
HEADER = "traffic"
AMONG_TRAFFIC = ((HEADER, b"1"),)
"""Headers of a mark that comes after something else than marks."""


def is_traffic(records: Iterable[RawRecord]) -> bool:
    """Whether there is more to them than time."""
    return any(
        record.key is None or not record.key.startswith(MARK_PREFIX) or _is_among_traffic(record) for record in records
    )


def _is_among_traffic(record: RawRecord) -> bool:
    return any(name == HEADER for name, _ in record.headers or ())
