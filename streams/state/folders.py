"""Which store belongs to which partition: one folder for each worker, topic and partition."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from rocksdict import Cache

from streams.state.store import CACHE_BYTES, RocksStore, Store


class StateFolders:
    """The stores of one worker.

    Args:
        folder: of this worker alone.
        log_id: for an input topic, tells what its state rests on from logs of the same names, in another cluster or
            made anew.
        state_format: of what is kept; state of another format is made anew.
    """

    def __init__(self, folder: Path, log_id: Callable[[str], str], state_format: int) -> None:
        self._folder = folder
        self._log_id = log_id
        self._format = state_format
        self._cache = Cache(CACHE_BYTES)

    def open(self, topic: str, partition: int) -> Store:
        """The store of a partition.

        Raises:
            UserError: another process uses it, or the folder may not be read or written.
        """
        identity = f"{self._format}|{self._log_id(topic)}|{topic}|{partition}"
        return RocksStore(self._folder / f"{topic}-{partition}", identity, self._cache)
