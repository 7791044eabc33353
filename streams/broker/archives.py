"""Kafka's Java archives: the lock file that names them and the cache folder that holds them.

The lock (`kafka.lock`, committed) is the only list: one line per jar, Maven coordinates and
SHA-256. A cache folder belongs to one lock and appears by one rename, so it is complete or absent.
How a single archive travels here is `streams.broker.maven`'s business.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from streams.broker import maven
from streams.errors import Unreachable, UserError

LOCK = Path(__file__).with_name("kafka.lock")

Fetch = Callable[[str, Path], Path]
"""Coordinates and an empty scratch folder -> the archive's file below it."""


@dataclass(frozen=True)
class Archive:
    """One jar of the lock: `coordinates` are `group:artifact:version`, `sha256` is lower-case hex."""

    coordinates: str
    sha256: str

    @property
    def file_name(self) -> str:
        """Name in the cache folder.

        >>> Archive("org.slf4j:slf4j-api:1.7.36", "00").file_name
        'slf4j-api-1.7.36.jar'
        """
        _, artifact, version = self.coordinates.split(":")
        return f"{artifact}-{version}.jar"


def read_lock(lock: Path = LOCK) -> list[Archive]:
    """Reads a lock file, in its order; `#` starts a comment line."""
    lines = (line.strip() for line in lock.read_text().splitlines())
    pairs = (line.split() for line in lines if line and not line.startswith("#"))
    return [Archive(coordinates, sha256.removeprefix("sha256:")) for coordinates, sha256 in pairs]


def render_lock(archives: Iterable[Archive]) -> str:
    """The text of a lock file, sorted by coordinates."""
    lines = [f"{a.coordinates} sha256:{a.sha256}" for a in sorted(archives, key=lambda a: a.coordinates)]
    head = "# Every Java archive of the embedded Apache Kafka. Regenerate: python -m streams.broker.relock"
    return "\n".join([head, *lines, ""])


def ensure_archives(cache: Path, lock: Path = LOCK, fetch: Fetch = maven.fetch) -> Path:
    """Makes sure that the jars of the lock are in the cache; needs the network only the first time.

    Safe when several processes call it at once: one fetches, the others wait for it.

    Args:
        cache: the machine's cache folder (`Settings.cache`).
        lock: the lock file to satisfy.
        fetch: how one archive is obtained.

    Returns:
        The folder with exactly the jars of the lock, each checked against its hash.

    Raises:
        UserError: an archive differs from the lock.
        Unreachable: the cache cannot be written, or the archives cannot be fetched.
    """
    archives = read_lock(lock)
    folder = cache.resolve() / "kafka" / hashlib.sha256(lock.read_bytes()).hexdigest()[:16]
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _exclusive(folder.with_suffix(".busy")):
            if not folder.is_dir():
                _install(archives, folder, fetch)
    except OSError as error:
        raise Unreachable(
            f"the cache folder {cache} cannot be filled: {error.strerror or error}",
            "free space, make it writable or name another folder in HEADWATER_CACHE",
        ) from error
    _verify(archives, folder)
    return folder


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file as lower-case hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _install(archives: list[Archive], folder: Path, fetch: Fetch) -> None:
    with tempfile.TemporaryDirectory(prefix=".incoming-", dir=folder.parent) as name:
        incoming = Path(name)
        jars = incoming / "jars"
        jars.mkdir()

        def install(archive: Archive) -> None:
            scratch = incoming / archive.file_name
            shutil.move(fetch(archive.coordinates, scratch), jars / archive.file_name)

        with ThreadPoolExecutor(max_workers=8) as pool:
            list(pool.map(install, archives))
        _verify(archives, jars)
        jars.rename(folder)


def _verify(archives: list[Archive], folder: Path) -> None:
    for archive in archives:
        path = folder / archive.file_name
        found = sha256_of(path) if path.is_file() else "nothing"
        if found != archive.sha256:
            raise UserError(
                f"{archive.coordinates} is not the archive of the lock: expected {archive.sha256}, "
                f"found {found} in {path}",
                f"remove {folder} and start again; if it comes back, the Maven repository in use serves altered files",
            )


@contextmanager
def _exclusive(path: Path) -> Iterator[None]:
    with path.open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield
