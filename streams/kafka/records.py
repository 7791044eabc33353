"""A raw record as a stage sees it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class UnpackedRecord(Protocol):
    """A record as it stands in what a fetch returned, where nothing says of which partition it is.

    Attributes:
        timestamp: append or create time, ms.
        value: None for a tombstone.
    """

    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Sequence[tuple[str, bytes]]: ...


class RawRecord(UnpackedRecord, Protocol):
    """What stages read of a record; bytes are as they came."""

    @property
    def topic(self) -> str: ...
    @property
    def partition(self) -> int: ...
