"""One suite for every place a task may keep its state in: in this process, or RocksDB in a folder."""

from __future__ import annotations

import multiprocessing
import os
import random
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rocksdict import Cache

from streams.errors import UserError
from streams.state.store import MemoryStore, RocksStore, Store, Unreadable

KEYS = st.binary(min_size=1, max_size=3).map(b"k".__add__)
CHANGES = st.lists(st.tuples(KEYS, st.none() | st.binary(max_size=8)), max_size=12)


class StoreSuite:
    """What every store does."""

    def make(self) -> Store:
        """An empty store."""
        raise NotImplementedError

    @pytest.fixture
    def store(self) -> Store:
        return self.make()

    def test_what_was_written_is_there_and_nothing_else(self, store: Store) -> None:
        store.write([(b"a", b"1"), (b"b", b""), (b"c", b"3")])
        store.write([(b"c", None), (b"d", None), (b"a", b"2")])
        assert [store.get(key) for key in (b"a", b"b", b"c", b"d")] == [b"2", b"", None, None]

    def test_keys_come_in_order_up_to_the_last(self, store: Store) -> None:
        store.write([(key, key) for key in (b"b2", b"a", b"b1", b"c", b"b")])
        assert [key for key, _ in store.items(b"b", b"c")] == [b"b", b"b1", b"b2"]
        assert list(store.items(b"x", b"z")) == []

    def test_a_walk_sees_what_was_there_when_it_began(self, store: Store) -> None:
        store.write([(bytes([65 + n]), b"old") for n in range(5)])
        walk = store.items(b"A", b"Z")
        next(walk)
        store.write([(b"B", b"new"), (b"C", None), (b"F", b"new")])
        assert [value for _, value in walk] == [b"old"] * 4

    def test_nothing_of_a_write_that_fails_is_there(self, store: Store) -> None:
        def changes() -> Iterator[tuple[bytes, bytes]]:
            yield b"a", b"1"
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            store.write(list(changes()))
        assert store.get(b"a") is None

    def test_cleared_it_holds_nothing_and_can_be_used(self, store: Store) -> None:
        store.write([(b"a", b"1")])
        store.clear()
        assert list(store.items(b"a", b"z")) == []
        store.write([(b"b", b"2")])
        assert store.get(b"b") == b"2"

    def test_closed_twice(self, store: Store) -> None:
        store.close()
        store.close()

    @settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.differing_executors])
    @given(writes=st.lists(CHANGES, max_size=5))
    def test_it_is_a_mapping_in_order(self, writes: list[list[tuple[bytes, bytes | None]]]) -> None:
        store, expected = self.make(), dict[bytes, bytes]()
        for changes in writes:
            store.write(changes)
            for key, value in changes:
                if value is None:
                    expected.pop(key, None)
                else:
                    expected[key] = value
        assert list(store.items(b"k", b"l")) == sorted(expected.items())
        store.close()


class TestMemoryStore(StoreSuite):
    def make(self) -> Store:
        return MemoryStore()


class TestRocksStore(StoreSuite):
    @pytest.fixture(autouse=True)
    def folder(self, tmp_path: Path) -> None:
        self._folder = tmp_path

    def make(self) -> Store:
        return opened(self._folder / uuid.uuid4().hex)

    def test_opened_again_it_holds_what_was_written(self, tmp_path: Path) -> None:
        first = opened(tmp_path)
        first.write([(b"a", b"1")])
        first.close()
        assert opened(tmp_path).get(b"a") == b"1"

    def test_a_process_killed_right_after_writing_has_written(self, tmp_path: Path) -> None:
        child = multiprocessing.get_context("spawn").Process(target=write_and_die, args=(tmp_path,))
        child.start()
        child.join()
        assert child.exitcode == 9
        assert opened(tmp_path).get(b"a") == b"1"

    def test_of_another_log_or_format_it_is_empty(self, tmp_path: Path) -> None:
        first = opened(tmp_path, "1|topic-id")
        first.write([(b"a", b"1")])
        first.close()
        second = opened(tmp_path, "2|topic-id")
        assert second.get(b"a") is None
        second.write([(b"a", b"2")])
        second.close()
        assert opened(tmp_path, "2|topic-id").get(b"a") == b"2"

    def test_used_by_another_it_says_who_must_be_renamed(self, tmp_path: Path) -> None:
        opened_first = opened(tmp_path)
        with pytest.raises(UserError, match="used by another process") as refused:
            opened(tmp_path)
        assert "HEADWATER_WORKER" in refused.value.remedy
        opened_first.close()

    def test_a_file_where_the_folder_should_be(self, tmp_path: Path) -> None:
        (tmp_path / "store").write_text("not a folder")
        with pytest.raises(UserError, match="cannot be written") as refused:
            opened(tmp_path / "store")
        assert "HEADWATER_STATE" in refused.value.remedy

    @pytest.mark.parametrize("pattern", ["*.sst", "MANIFEST-*", "CURRENT", "*.log"])
    def test_cut_short_it_is_empty_at_once_or_at_the_next_start_never_wrong(self, tmp_path: Path, pattern: str) -> None:
        keys = [f"key {n:05}".encode() for n in range(5_000)]
        first = opened(tmp_path)
        first.write([(key, key * 3) for key in keys])
        if pattern == "*.sst":
            first._db.flush()  # type: ignore[attr-defined]
        first.close()
        for damaged in tmp_path.glob(pattern):
            damaged.write_bytes(damaged.read_bytes()[: damaged.stat().st_size // 2])
        second = opened(tmp_path)
        try:
            found = [second.get(key) for key in keys]
        except Unreadable:
            second.close()
            second = opened(tmp_path)
            found = [second.get(key) for key in keys]
        assert {one for one in found if one is not None} <= {key * 3 for key in keys}
        second.write([(b"new", b"1")])
        assert second.get(b"new") == b"1"
        second.close()

    @pytest.mark.parametrize("from_end", range(8, 1_200, 97))
    def test_damaged_anywhere_near_its_end_it_is_made_anew_and_nobody_is_blamed(
        self, tmp_path: Path, from_end: int
    ) -> None:
        """There lies what RocksDB reads when it opens a file; of a damaged `block` it says so."""
        first = opened(tmp_path)
        first.write([(f"key {n}".encode(), b"value") for n in range(100)])
        first._db.flush()  # type: ignore[attr-defined]
        first.close()
        (table,) = tmp_path.glob("*.sst")
        content = bytearray(table.read_bytes())
        content[-from_end] ^= 0xFF
        table.write_bytes(content)
        second = opened(tmp_path)
        with suppress(Unreadable):
            assert second.get(b"key 7") in {None, b"value"}
        second.close()

    def test_a_walk_over_a_damaged_block_does_not_pass_for_a_short_one(self, tmp_path: Path) -> None:
        store = damaged_inside(tmp_path)
        with pytest.raises(Unreadable):
            list(store.items(b"key", b"kez"))
        store.close()
        assert opened(tmp_path).get(b"key 00000") is None

    def test_a_damaged_block_found_in_writing_is_gone_at_the_next_start(self, tmp_path: Path) -> None:
        """RocksDB reads what it puts together in the background, and then takes no more writes."""
        store = damaged_inside(tmp_path)
        store.write([(f"key {n:05}".encode(), b"new") for n in range(5_000)])
        store._db.flush()  # type: ignore[attr-defined]
        store._db.compact_range(None, None)  # type: ignore[attr-defined]
        with pytest.raises(Unreadable):
            store.write([(b"new", b"1")])
        with pytest.raises(Unreadable):
            store.close()
        del store
        assert opened(tmp_path).get(b"key 00000") is None


def damaged_inside(folder: Path) -> RocksStore:
    """A store with some bytes changed in the middle of its largest file."""
    first = opened(folder)
    first.write([(f"key {n:05}".encode(), random.Random(n).randbytes(200)) for n in range(5_000)])
    first._db.flush()  # type: ignore[attr-defined]
    first.close()
    largest = max(folder.glob("*.sst"), key=lambda file: file.stat().st_size)
    content = bytearray(largest.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 64] = bytes(64)
    largest.write_bytes(content)
    return opened(folder)


def opened(folder: Path, identity: str = "1|topic-id") -> RocksStore:
    return RocksStore(folder, identity, Cache(1 << 20))


def write_and_die(folder: Path) -> None:
    opened(folder).write([(b"a", b"1")])
    os._exit(9)
