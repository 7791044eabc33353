"""The cache of Java archives, with jars made by the test in place of a Maven repository."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from streams.broker.archives import Archive, ensure_archives, read_lock, render_lock
from streams.errors import Unreachable, UserError


class Repository:
    """Serves each archive's coordinates as its bytes, and counts."""

    def __init__(self, broken: str = "") -> None:
        self.served: list[str] = []
        self.broken = broken

    def fetch(self, coordinates: str, scratch: Path) -> Path:
        self.served.append(coordinates)
        if coordinates == self.broken:
            raise Unreachable("no network", "connect")
        scratch.mkdir(parents=True)
        jar = scratch / "downloaded.jar"
        jar.write_text(coordinates)
        return jar


def archive(coordinates: str, content: str | None = None) -> Archive:
    return Archive(coordinates, hashlib.sha256((content or coordinates).encode()).hexdigest())


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    path = tmp_path / "kafka.lock"
    path.write_text(render_lock([archive("org.b:b:2"), archive("org.a:a:1")]))
    return path


def test_a_lock_reads_back_sorted(lock: Path) -> None:
    assert read_lock(lock) == [archive("org.a:a:1"), archive("org.b:b:2")]


def test_the_committed_lock_names_kafka_and_no_host() -> None:
    coordinates = [found.coordinates for found in read_lock()]
    assert any(name.startswith("org.apache.kafka:kafka_2.13:") for name in coordinates)
    assert len({found.file_name for found in read_lock()}) == len(coordinates)
    assert all(len(found.sha256) == 64 for found in read_lock())


def test_the_second_time_needs_no_network(lock: Path, tmp_path: Path) -> None:
    repository = Repository()
    folder = ensure_archives(tmp_path / "cache", lock, repository.fetch)
    assert ensure_archives(tmp_path / "cache", lock, repository.fetch) == folder
    assert sorted(path.name for path in folder.iterdir()) == ["a-1.jar", "b-2.jar"]
    assert sorted(repository.served) == ["org.a:a:1", "org.b:b:2"]


def test_callers_at_the_same_time_fetch_once(lock: Path, tmp_path: Path) -> None:
    repository = Repository()
    with ThreadPoolExecutor(4) as pool:
        folders = set(pool.map(lambda _: ensure_archives(tmp_path / "cache", lock, repository.fetch), range(4)))
    assert len(folders) == 1
    assert len(repository.served) == 2


def test_half_a_resolution_is_never_used(lock: Path, tmp_path: Path) -> None:
    with pytest.raises(Unreachable):
        ensure_archives(tmp_path / "cache", lock, Repository(broken="org.b:b:2").fetch)
    repository = Repository()
    ensure_archives(tmp_path / "cache", lock, repository.fetch)
    assert len(repository.served) == 2


def test_an_altered_download_is_refused_and_not_kept(tmp_path: Path) -> None:
    lock = tmp_path / "kafka.lock"
    lock.write_text(render_lock([archive("org.a:a:1", content="something else")]))
    with pytest.raises(UserError, match=r"org\.a:a:1 is not the archive of the lock"):
        ensure_archives(tmp_path / "cache", lock, Repository().fetch)
    assert list((tmp_path / "cache" / "kafka").glob("*.jar")) == []
    assert not any(path.is_dir() for path in (tmp_path / "cache" / "kafka").iterdir())


def test_an_altered_cache_is_refused(lock: Path, tmp_path: Path) -> None:
    folder = ensure_archives(tmp_path / "cache", lock, Repository().fetch)
    (folder / "a-1.jar").write_text("altered")
    with pytest.raises(UserError, match="remove") as raised:
        ensure_archives(tmp_path / "cache", lock, Repository().fetch)
    assert str(folder) in raised.value.remedy


def test_an_unusable_cache_folder_is_explained(lock: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Unreachable, match="cannot be filled"):
        ensure_archives(tmp_path / "file", lock, Repository().fetch)
