"""docker-compose.yml without Docker: its registry, its databases, and each process with its environment and secrets.

Addresses of containers are ports of this machine; /run/secrets, /data and /deployment are folders of the
test. Not tried here: images, networks, limits, users.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from processors.events import Mark
from schemas.avro import AvroSchema, Unfit, read_schema
from schemas.codec import internal_codec
from schemas.registry import ConfluentRegistry, Registry, RegistryUnreachable
from schemas.wire import Framed, unframe
from streams.broker import ports, start_broker, stop_broker
from streams.composition import DEMO, load_deployment
from streams.kafka.log import read_topic
from streams.processes import STAGES
from streams.settings import Settings
from tests.contract.test_schema_registries import RegistrySuite
from tests.integration import one_host as servers
from tests.integration.one_host import SERVICES, OneHost
from tests.integration.towns import clean, headwater

READY_LIMIT_S = 120
FEED = "court.eviction-proceedings"
AS_IN_A_CONTAINER = """
import runpy, sys
from streams.settings import Settings
Settings.model_config["secrets_dir"] = sys.argv[1]
sys.argv = sys.argv[2:]
runpy.run_module(sys.argv[0], run_name="__main__")
"""


@pytest.fixture(scope="module")
def one_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OneHost]:
    with servers.running(tmp_path_factory.mktemp("one-host")) as host:
        yield host


# The schema registry.


class TestApicurio(RegistrySuite):
    @pytest.fixture
    def registry(self, one_host: OneHost) -> Iterator[Registry]:
        yield ConfluentRegistry(one_host.registry)


def test_the_registrys_health_check_tells_a_registry_from_nothing(one_host: OneHost) -> None:
    command = SERVICES["registry"]["healthcheck"]["test"][1:]
    port = (one_host.folder / "registry.port").read_text()
    assert ended_with([part.replace("/8080", f"/{port}") for part in command]) == 0
    assert ended_with([part.replace("/8080", f"/{ports.find_free()}") for part in command]) != 0
    assert ended_with([part.replace("/8080", f"/{port}").replace("ready", "none") for part in command]) != 0


def test_processes_that_start_at_once_register_the_same_schemas_under_the_same_ids(one_host: OneHost) -> None:
    contracts = load_deployment(DEMO).contracts.values()
    wanted = [(f"at-once.{contract.subject}", contract.schema) for contract in contracts]

    def register(_: int) -> list[int]:
        registry = ConfluentRegistry(one_host.registry)
        return [registry.register(subject, schema) for subject, schema in wanted]

    with ThreadPoolExecutor(len(STAGES)) as pool:
        found = list(pool.map(register, STAGES))
    assert all(ids == found[0] for ids in found)
    assert len(set(found[0])) == len({schema.canonical for _, schema in wanted})


def test_two_processes_understand_each_other(one_host: OneHost) -> None:
    one, other = (internal_codec(ConfluentRegistry(one_host.registry)) for _ in range(2))
    mark = Mark(FEED, 0, 2, 1_700_000_000_000)
    assert other.decode(one.encode(mark)) == mark


def test_a_schema_that_differs_in_documentation_only_is_found_under_either_id(one_host: OneHost) -> None:
    plain, told = moved(), moved(doc="What moved.")
    ids = [ConfluentRegistry(one_host.registry).register("told-value", each) for each in (plain, told)]
    for number in ids:
        found = ConfluentRegistry(one_host.registry).find(number, "told-value")
        assert found is not None
        assert found.schema.canonical == plain.canonical


def test_a_schema_that_does_not_fit_is_refused_in_the_registrys_words(one_host: OneHost) -> None:
    ConfluentRegistry(one_host.registry).register("strict-value", moved())
    asked = urllib.request.Request(
        f"{one_host.registry}/config/strict-value",
        data=b'{"compatibility": "FULL_TRANSITIVE"}',
        headers={"Content-Type": "application/vnd.schemaregistry.v1+json"},
        method="PUT",
    )
    with urllib.request.urlopen(asked, timeout=10):
        pass
    with pytest.raises(RegistryUnreachable, match=r"409.*Incompatible"):
        ConfluentRegistry(one_host.registry).register("strict-value", moved(fields=[{"name": "y", "type": "int"}]))


def test_what_was_registered_is_there_after_a_restart(one_host: OneHost) -> None:
    number = ConfluentRegistry(one_host.registry).register("kept-value", moved())
    servers.stop_registry(one_host.folder)
    servers.start_registry(one_host)
    again = ConfluentRegistry(one_host.registry)
    assert again.find(number, "kept-value") is not None
    assert again.register("kept-value", moved()) == number


# The databases.


@pytest.mark.parametrize("role", ["cases", "register", "schemas"])
def test_a_role_enters_its_own_database_by_its_password_and_no_other(one_host: OneHost, role: str) -> None:
    secret = {"cases": "headwater_case_db", "register": "headwater_register_db", "schemas": "registry.properties"}
    found = re.search(r"[0-9a-f]{48}", one_host.secret(secret[role]))
    assert found is not None
    place = f"host=127.0.0.1 port={one_host.postgres_port} user={role}"
    with psycopg.connect(f"{place} password={found[0]} dbname={role}") as own:
        assert own.execute("select rolsuper, rolcreatedb from pg_roles where rolname = current_user").fetchone() == (
            False,
            False,
        )
    for wrong in (f"password={found[0]}x dbname={role}", f"dbname={role}"):
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(f"{place} {wrong}")
    for other in {"cases", "register", "schemas", "postgres", "template1"} - {role}:
        with pytest.raises(psycopg.OperationalError, match="permission denied"):
            psycopg.connect(f"{place} password={found[0]} dbname={other}")


# The processes.


@dataclass
class Platform:
    """The eight processes; `ports` are those of their health."""

    data: Path
    kafka: str
    one_host: OneHost
    ports: dict[str, int]
    children: dict[str, subprocess.Popen[bytes]]

    def is_healthy(self, name: str) -> bool:
        """Asks as Docker would."""
        command = SERVICES[name]["healthcheck"]["test"][1:]
        here = [re.sub(r"127\.0\.0\.1:\d+", f"127.0.0.1:{self.ports[name]}", part) for part in command]
        return ended_with([sys.executable, *here[1:]]) == 0

    def log(self, name: str) -> str:
        return (self.data / f"{name}.log").read_text(errors="replace")


@pytest.fixture(scope="module")
def platform(one_host: OneHost, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    folder = tmp_path_factory.mktemp("platform")
    own = Settings(data=folder / "broker", kafka=None, broker_port=None)  # type: ignore[call-arg]
    with ExitStack() as stack:
        kafka = start_broker(own).bootstrap
        stack.callback(stop_broker, own)
        chosen = {name: ports.find_free() for name in STAGES}
        children = {
            name: stack.enter_context(container(name, port, folder, kafka, one_host)) for name, port in chosen.items()
        }
        yield Platform(folder, kafka, one_host, chosen, children)


def test_every_process_becomes_healthy(platform: Platform) -> None:
    waiting = set(STAGES)
    deadline = time.monotonic() + READY_LIMIT_S
    while waiting:
        waiting = {name for name in waiting if not platform.is_healthy(name)}
        ended = {name for name, child in platform.children.items() if child.poll() is not None}
        assert not ended, {name: platform.log(name) for name in ended}
        assert time.monotonic() < deadline, {name: platform.log(name)[-2000:] for name in waiting}


def test_records_published_by_the_registrys_ids_are_taken_by_intake(platform: Platform) -> None:
    samples = DEMO / "contracts" / FEED.replace(".", "/") / "samples" / "good.jsonl"
    place = {"KAFKA": platform.kafka, "REGISTRY": platform.one_host.registry}
    ended = headwater(platform.data, "publish", FEED, samples, "--json", **place)
    assert ended.code == 0, ended.out + ended.err
    contract = load_deployment(DEMO).contracts[FEED]
    registry = ConfluentRegistry(platform.one_host.registry)
    framed = [unframe(message.value() or b"") for message in read_topic(platform.kafka, contract.topic)]
    ids = {one.schema_id for one in framed if isinstance(one, Framed)}
    assert len(framed) > 1
    assert ids == {registry.register(contract.subject, contract.schema)}
    assert ids != {contract.schema.derived_number}


def test_nothing_is_kept_in_the_folder_that_ends_with_its_container(platform: Platform) -> None:
    assert {path.name for path in (platform.data / "data").glob("*/*")} == {"faust"}
    kept = [path for path in (platform.data / "data").rglob("*") if path.is_file()]
    assert {(path.name, path.stat().st_size) for path in kept} == {("lock", 0)}, "only who runs is noted there"


def test_no_password_is_logged(platform: Platform) -> None:
    secrets = set(re.findall(r"[0-9a-f]{48}", "".join(made.read_text() for made in made_secrets(platform.one_host))))
    assert len(secrets) == 5
    logs = "".join(platform.log(name) for name in STAGES)
    assert [secret for secret in secrets if secret in logs] == []


def test_every_process_ends_before_docker_would_kill_it(platform: Platform) -> None:
    for child in platform.children.values():
        child.terminate()
    late = []
    for name, child in platform.children.items():
        try:
            child.wait(int(SERVICES[name]["stop_grace_period"].removesuffix("s")))
        except subprocess.TimeoutExpired:
            late.append(name)
    assert late == []


# Ground to stand on.


@contextmanager
def container(name: str, port: int, folder: Path, kafka: str, one_host: OneHost) -> Iterator[subprocess.Popen[bytes]]:
    """A service's command as a process of this machine, with its environment and the secrets it is given."""
    service = SERVICES[name]
    secrets = folder / "secrets" / name
    secrets.mkdir(parents=True)
    for secret in service.get("secrets", []):
        (secrets / secret).write_text(one_host.secret(secret))
    given = {key: str(value) for key, value in service["environment"].items()}
    given |= {
        "HEADWATER_KAFKA": kafka,
        "HEADWATER_REGISTRY": one_host.registry,
        "HEADWATER_DEPLOYMENT": str(DEMO),
        "HEADWATER_BIND": "127.0.0.1",
        "HEADWATER_LOG_LEVEL": "info",
        "HEADWATER_METRICS_PORT": str(port),
        "HEADWATER_GATEWAY_PORT": str(ports.find_free()),
        "HEADWATER_BOARD_PORT": str(ports.find_free()),
        "HEADWATER_ACCESS_FILE": str(folder / "access" / "access.json"),
        "HEADWATER_AGGREGATES": str(folder / "aggregates"),
        "HEADWATER_STATE": str(folder / "state"),
    }
    for setting in ("HEADWATER_REGISTER_KEY_FILE", "HEADWATER_BOARD_KEY_FILE"):
        if setting in given:
            given[setting] = str(secrets / Path(given[setting]).name)
    data = folder / "data" / name
    data.mkdir(parents=True)
    _, *command = service["command"]
    environment = {**clean(data), **given, "HEADWATER_DATA": str(data)}
    with (folder / f"{name}.log").open("wb") as said:
        process = subprocess.Popen(
            [sys.executable, "-c", AS_IN_A_CONTAINER, secrets, *command[1:]],
            env=environment, stdout=said, stderr=said, cwd=data,
        )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def made_secrets(host: OneHost) -> list[Path]:
    return list((host.folder / "secrets").iterdir())


def ended_with(command: list[Any]) -> int:
    return subprocess.run(command, check=False, capture_output=True, timeout=30).returncode


def moved(**more: Any) -> AvroSchema:
    text = {"type": "record", "name": "Moved", "fields": [{"name": "x", "type": "string"}], **more}
    found = read_schema(json.dumps(text))
    assert not isinstance(found, Unfit)
    return found
