"""Where a task keeps its state: keys and values, written all or nothing, in order of keys.

`RocksStore` keeps them in a folder, `MemoryStore` in this process. What is kept is a cache of the
log: a store that cannot be read, or is of another cluster or format, is emptied, never repaired.

Does not know what is kept, nor when it is right: `streams.state.subjects` does.
"""

from __future__ import annotations

import shutil
from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import structlog
from rocksdict import BlockBasedOptions, Cache, DbClosedError, DBCompressionType, Options, Rdict, WriteBatch

from streams.errors import UserError

log = structlog.get_logger()

CACHE_BYTES = 64 << 20
"""Blocks of all partitions of a worker; RocksDB's own default grows with the number of databases."""
BUFFER_BYTES = 16 << 20
BUFFERS = 3
OPEN_FILES = 256
BLOCK_BYTES = 4096
_CONDEMNED = "condemned"
"""A file of this name in a store's folder: what is there was found unreadable and goes at the next start."""

Change = tuple[bytes, bytes | None]
"""A key and its new value; None: the key goes."""


class Unreadable(Exception):
    """What is kept cannot be read: the state must be folded from the log again."""


class Store(Protocol):
    """Keys and values of one partition."""

    def get(self, key: bytes) -> bytes | None:
        """The value of a key, None if there is none."""

    def items(self, first: bytes, last: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Keys from `first` up to but not including `last`, in order, as they were when it began."""

    def write(self, changes: Iterable[Change]) -> None:
        """Makes all changes or none; a process killed right after has made them."""

    def clear(self) -> None:
        """Forgets everything."""

    def close(self) -> None:
        """Lets go of it; what was written stays."""


class MemoryStore:
    """A store that lives as long as the process: for tests, and for looking at what would be."""

    def __init__(self) -> None:
        self._values: dict[bytes, bytes] = {}
        self._keys: list[bytes] = []

    def get(self, key: bytes) -> bytes | None:
        """See `Store`."""
        return self._values.get(key)

    def items(self, first: bytes, last: bytes) -> Iterator[tuple[bytes, bytes]]:
        """See `Store`."""
        keys = self._keys[bisect_left(self._keys, first) : bisect_left(self._keys, last)]
        yield from [(key, self._values[key]) for key in keys]

    def write(self, changes: Iterable[Change]) -> None:
        """See `Store`."""
        for key, value in changes:
            if value is None:
                if self._values.pop(key, None) is not None:
                    del self._keys[bisect_left(self._keys, key)]
                continue
            if key not in self._values:
                insort(self._keys, key)
            self._values[key] = value

    def clear(self) -> None:
        """See `Store`."""
        self._values.clear()
        self._keys.clear()

    def close(self) -> None:
        """See `Store`."""


class RocksStore:
    """A store in a folder; opening one of another `identity`, or one that cannot be read, empties it.

    Args:
        folder: of this store alone; made when absent.
        identity: whose state this is and in which format.
        cache: blocks, shared by the stores of a worker.

    Raises:
        UserError: another process uses the folder, or it may not be read or written.
    """

    def __init__(self, folder: Path, identity: str, cache: Cache) -> None:
        self._folder = folder
        self._options = _options(cache)
        self._identity = identity.encode()
        self._db = self._open()
        if self._kept_by() != self._identity:
            self.clear()

    def get(self, key: bytes) -> bytes | None:
        """See `Store`."""
        try:
            value: bytes | None = self._db.get(key)
        except Exception as error:  # noqa: BLE001 - the bindings raise nothing more precise
            raise self._condemn(error) from None
        return value

    def items(self, first: bytes, last: bytes) -> Iterator[tuple[bytes, bytes]]:
        """See `Store`."""
        try:
            walk = self._db.iter()
            walk.seek(first)
            while walk.valid() and (key := walk.key()) < last:
                yield key, walk.value()
                walk.next()
            walk.status()  # a walk that meets a damaged block ends there as if it were the end, and says so here alone
        except Exception as error:  # noqa: BLE001 - see `get`
            raise self._condemn(error) from None

    def write(self, changes: Iterable[Change]) -> None:
        """See `Store`."""
        batch = WriteBatch(raw_mode=True)
        for key, value in changes:
            if value is None:
                batch.delete(key)
            else:
                batch.put(key, value)
        try:
            self._db.write(batch)
        except Exception as error:  # noqa: BLE001 - see `get`
            if _is_about(error, "corruption"):
                raise self._condemn(error) from None
            raise _unwritable(self._folder, error) from None

    def clear(self) -> None:
        """See `Store`."""
        self.close()
        self._wipe()
        self._db = self._open()
        self.write([(_IDENTITY, self._identity)])

    def close(self) -> None:
        """See `Store`."""
        try:
            self._db.close()
        except DbClosedError:
            return
        except Exception as error:  # noqa: BLE001 - see `get`
            raise self._condemn(error) from None

    def _open(self) -> Rdict:
        if (self._folder / _CONDEMNED).exists():
            self._wipe()
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            return Rdict(str(self._folder), self._options)
        except OSError as error:
            raise _unwritable(self._folder, error) from None
        except Exception as error:  # noqa: BLE001 - see `get`
            if _is_about(error, *_LOCKED):
                raise _taken(self._folder) from None
            if _is_about(error, "permission denied", "read-only file system", "no space left"):
                raise _unwritable(self._folder, error) from None
            log.warning("state cannot be read and is made anew", folder=self._folder.name)
        self._wipe()
        return Rdict(str(self._folder), self._options)

    def _wipe(self) -> None:
        try:
            shutil.rmtree(self._folder)
            self._folder.mkdir(parents=True)
        except OSError as error:
            raise _unwritable(self._folder, error) from None

    def _kept_by(self) -> bytes | None:
        try:
            return self.get(_IDENTITY)
        except Unreadable:
            return None

    def _condemn(self, error: Exception) -> Exception:
        """What is damaged goes at the next start: this process may hold values that rest on it."""
        if isinstance(error, DbClosedError):
            return error
        with suppress(OSError):
            (self._folder / _CONDEMNED).touch()
        return Unreadable(f"state in {self._folder.name} is damaged ({_first_words(error)}) and will be made anew")


_IDENTITY = b"\x00identity"


def _options(cache: Cache) -> Options:
    table = BlockBasedOptions()
    table.set_block_cache(cache)
    table.set_block_size(BLOCK_BYTES)
    # Index and filters stay out of the cache, 1.5 MB per million keys: in it, a look-up took 30 times as long.
    table.set_bloom_filter(10, False)
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_block_based_table_factory(table)
    options.set_write_buffer_size(BUFFER_BYTES)
    options.set_max_write_buffer_number(BUFFERS)
    options.set_max_open_files(OPEN_FILES)
    options.set_compression_type(DBCompressionType.lz4())
    options.set_keep_log_file_num(2)
    return options


_LOCKED = ("lock file", "lock hold")
"""RocksDB's words for a folder in use; a damaged file can speak of a block."""


def _is_about(error: Exception, *words: str) -> bool:
    return any(word in str(error).lower() for word in words)


def _first_words(error: Exception) -> str:
    """The kind of fault; the rest of the message may hold keys."""
    return str(error).split(":", maxsplit=1)[0][:40]


def _taken(folder: Path) -> UserError:
    return UserError(
        f"the state in {folder} is used by another process",
        "two workers of one stage need two HEADWATER_WORKER, or two HEADWATER_STATE; end the other one, or name this "
        "one differently",
    )


def _unwritable(folder: Path, error: Exception) -> UserError:
    cause = error.strerror if isinstance(error, OSError) else _first_words(error)
    return UserError(
        f"the state in {folder} cannot be written ({cause})",
        "let this account write there and see that the disk has room, or set HEADWATER_STATE to another folder; "
        "state is rebuilt from the log",
    )
