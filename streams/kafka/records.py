"""A raw record as a stage sees it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class RawRecord(Protocol):
    """What stages read of aiokafka's `ConsumerRecord`; bytes are as they came.

    Attributes:
        timestamp: append or create time, ms.
        value: None for a tombstone.
    """

    @property
    def topic(self) -> str: ...
    @property
    def partition(self) -> int: ...
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
