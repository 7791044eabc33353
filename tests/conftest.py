"""Real servers for tests: one Apache Kafka and one PostgreSQL, shared by every pytest-xdist worker.

The first worker that asks starts a server, the last that is done stops it. `HEADWATER_TEST_KAFKA`
and `HEADWATER_TEST_POSTGRES` name running servers to be used instead.
"""

from __future__ import annotations

import fcntl
import os
import pwd
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from streams.broker import ports, start_broker, stop_broker
from streams.settings import Settings

POSTGRES_USER = "headwater"

# Brokers of tests live for seconds: what the JVM spends on compiling well would never come back.
os.environ.setdefault("JAVA_TOOL_OPTIONS", "-XX:TieredStopAtLevel=1")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Pictures of the documentation are taken by tests; with this they are kept."""
    parser.addoption("--rewrite-pictures", action="store_true", help="Rewrite the pictures in docs/pictures.")


@pytest.fixture
def pictures(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Where a test puts the pictures it takes."""
    kept = Path(__file__).parents[1] / "docs" / "pictures"
    return kept if request.config.getoption("--rewrite-pictures") else tmp_path


@pytest.fixture(scope="session")
def kafka(shared_folder: Path) -> Iterator[str]:
    """Bootstrap address of one real broker; topics outlive a test, so name them uniquely."""
    named = os.environ.get("HEADWATER_TEST_KAFKA")
    if named:
        yield named
        return
    folder = shared_folder / "broker"
    settings = Settings(kafka=None, data=folder, broker_port=None)
    with shared(folder, lambda: start_broker(settings).bootstrap, lambda: stop_broker(settings)) as bootstrap:
        yield bootstrap


@pytest.fixture(scope="session")
def postgres_url(shared_folder: Path) -> Iterator[str]:
    """SQLAlchemy URL of one real PostgreSQL server's maintenance database, as a superuser."""
    named = os.environ.get("HEADWATER_TEST_POSTGRES")
    if named:
        yield named
        return
    folder = shared_folder / "postgres"
    with shared(folder, lambda: start_postgres(folder), lambda: stop_postgres(folder)) as url:
        yield url


@pytest.fixture
def postgres_database(postgres_url: str) -> Iterator[str]:
    """SQLAlchemy URL of a fresh, empty database that is dropped after the test."""
    name = f"test_{uuid.uuid4().hex}"
    with connect(postgres_url) as server:
        server.execute(f'create database "{name}"')
    yield postgres_url.rsplit("/", 1)[0] + f"/{name}"
    with connect(postgres_url) as server:
        server.execute(f'drop database "{name}" with (force)')


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all workers of this pytest run see."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


def connect(url: str) -> psycopg.Connection:
    """An autocommitting connection to a SQLAlchemy URL."""
    return psycopg.connect(url.replace("postgresql+psycopg", "postgresql"), autocommit=True)


@contextmanager
def shared(folder: Path, start: Callable[[], str], stop: Callable[[], object]) -> Iterator[str]:
    """Holds a server for this process: `start` is repeatable, `stop` runs when nobody holds it."""
    folder.mkdir(parents=True, exist_ok=True)
    own = folder / f"user-{os.getpid()}"
    with exclusive(folder):
        address = start()
        own.touch()
    try:
        yield address
    finally:
        with exclusive(folder):
            own.unlink()
            if not any(is_alive(int(user.name.removeprefix("user-"))) for user in folder.glob("user-*")):
                stop()


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """One process at a time."""
    with (folder / "users.lock").open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def is_alive(pid: int) -> bool:
    """Whether a process has this id; workers that crashed do not hold a server."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def start_postgres(folder: Path) -> str:
    """Starts PostgreSQL unless it runs, in a folder its own user can enter; returns its URL."""
    note = folder / "url"
    if note.exists():
        return note.read_text()
    data = Path(tempfile.mkdtemp(prefix="headwater-postgres-"))
    if os.geteuid() == 0:
        account = pwd.getpwnam("postgres")
        os.chown(data, account.pw_uid, account.pw_gid)
    (folder / "data").write_text(str(data))
    port = ports.find_free()
    options = f"-p {port} -k {data} -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=200"
    postgres("initdb", "-D", f"{data}/db", "-U", POSTGRES_USER, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8")
    postgres("pg_ctl", "-D", f"{data}/db", "-l", f"{data}/log", "-o", options, "-w", "start")
    note.write_text(f"postgresql+psycopg://{POSTGRES_USER}@127.0.0.1:{port}/postgres")
    return note.read_text()


def stop_postgres(folder: Path) -> None:
    """Stops PostgreSQL and removes its data."""
    data = (folder / "data").read_text()
    postgres("pg_ctl", "-D", f"{data}/db", "-m", "immediate", "-w", "stop")
    shutil.rmtree(data)
    (folder / "url").unlink()


def postgres(program: str, *arguments: str) -> None:
    """Runs a PostgreSQL program, never as root, and fails with what it printed."""
    command = [str(postgres_folder() / program), *arguments]
    user = "postgres" if os.geteuid() == 0 else None
    groups: list[str] | None = [] if user else None
    with tempfile.TemporaryFile("w+") as said:
        code = subprocess.call(command, stdout=said, stderr=said, cwd="/", user=user, group=user, extra_groups=groups)
        said.seek(0)
        if code != 0:
            pytest.fail(f"{' '.join(command)} ended with {code}: {said.read()}", pytrace=False)


def postgres_folder() -> Path:
    """The newest installed PostgreSQL's programs."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    on_path = shutil.which("initdb")
    if found or on_path:
        return (found[-1] if found else Path(str(on_path))).parent
    pytest.fail("PostgreSQL is not installed: run infra/debian/install-test-packages.sh", pytrace=False)
