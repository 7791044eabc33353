"""Which file or request a record came in, so that a wrong one can be taken back whole.

Stands in a header of the agency's record; intake passes it on with the life events made of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

HEADER = "headwater.batch"
LONGEST = 200
"""Bytes of a batch's id; of a longer one the beginning counts."""
PART = 1 << 20


def batch_id(parts: Iterable[bytes]) -> str:
    """The id of a file or request, by its content: sent twice it is the same.

    >>> batch_id([b"a", b"b"]) == batch_id([b"ab"]) != batch_id([b"ac"])
    True
    """
    content = hashlib.sha256()
    for part in parts:
        content.update(part)
    return content.hexdigest()[:16]


def content_of(files: Iterable[Path]) -> Iterator[bytes]:
    """The bytes of files, one after the other.

    Raises:
        OSError: one cannot be read.
    """
    for file in files:
        with file.open("rb") as opened:
            while part := opened.read(PART):
                yield part


def batch_of(headers: Iterable[tuple[str, bytes | None]] | None) -> bytes | None:
    """The batch a record says it came in; None: it says none.

    >>> batch_of([("ce_id", b"1"), ("headwater.batch", b"b1")])
    b'b1'
    """
    for name, value in headers or ():
        if name == HEADER and value:
            return value[:LONGEST]
    return None
