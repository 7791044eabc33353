"""Which file or request a record came in, so that a wrong one can be taken back whole.

Stands in a header of the agency's record; intake passes it on with the life events made of it.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import UTC, datetime

HEADER = "headwater_batch"
LONGEST = 200
"""Bytes of a batch's id; of a longer one the beginning counts."""


def new_batch() -> str:
    """An id for a file or request: when it was sent (UTC), and something random."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"


def batch_of(headers: Iterable[tuple[str, bytes | None]] | None) -> bytes | None:
    """The batch a record says it came in; None: it says none.

    >>> batch_of([("ce_id", b"1"), ("headwater_batch", b"b1")])
    b'b1'
    """
    return next((value[:LONGEST] for name, value in headers or () if name == HEADER and value), None)
