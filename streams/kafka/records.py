"""A raw record as a stage sees it, and as it is made from what Kafka or a tool has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol


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


class Record(NamedTuple):
    """A `RawRecord` from the broker, or one that never saw it."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()
