"""The one-host installation is pinned, guarded, reachable from its machine only, and names only what exists.

No Docker runs here. What the containers run is tried in `tests/integration/test_one_host.py`.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
from jsonschema.validators import validator_for
from ruamel.yaml import YAML

from streams.broker.configuration import server_properties
from streams.processes import FAUST_STAGES, STAGES
from streams.register.keys import read_secret
from streams.settings import Settings

ROOT = Path(__file__).parents[3]
COMPOSE = YAML(typ="safe").load(ROOT / "docker-compose.yml")
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"].startswith("headwater:")}
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
MAKE_SECRETS = Path("infra/compose/make-secrets.sh")


def each_of(services: dict[str, dict[str, Any]]) -> Any:
    return pytest.mark.parametrize("service", services.values(), ids=services.keys())


def test_it_is_a_compose_file() -> None:
    # Read from its package's folder: the package itself cannot be imported beside the Click that Typer needs.
    package = importlib.util.find_spec("check_jsonschema")
    assert package is not None
    assert package.origin is not None
    schema = json.loads((Path(package.origin).parent / "builtin_schemas/vendor/compose-spec.json").read_text())
    assert [fault.message for fault in validator_for(schema)(schema).iter_errors(COMPOSE)] == []


def test_every_process_of_the_platform_has_its_service() -> None:
    assert set(OURS) == set(STAGES)
    for name, service in OURS.items():
        module = "streams.stages" if name in FAUST_STAGES else "streams.services"
        assert service["command"] == ["python", "-m", module, name]


@each_of(SERVICES)
def test_every_image_is_pinned_to_a_version(service: dict[str, Any]) -> None:
    assert re.fullmatch(r"[a-z/-]+:v?\d+\.\d+(\.\d+)?", service["image"])


def test_our_image_is_built_here_and_bears_the_packages_version() -> None:
    version = re.search(r'^version = "(.+)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert version is not None
    for service in OURS.values():
        assert service["image"] == f"headwater:{version[1]}"
        assert service["pull_policy"] == "build"


@each_of(SERVICES)
def test_every_service_is_watched_limited_and_started_anew(service: dict[str, Any]) -> None:
    assert service["healthcheck"]["test"][0] == "CMD"
    assert service["restart"] == "unless-stopped"
    assert service["mem_limit"]
    assert service["logging"]["options"].keys() == {"max-size", "max-file"}
    assert "no-new-privileges:true" in service["security_opt"]


@each_of(OURS)
def test_our_processes_have_no_rights_and_write_nothing_of_their_image(service: dict[str, Any]) -> None:
    assert service["user"] == "10001:10001"
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["init"] is True
    assert [mount.partition(":")[0] for mount in service["tmpfs"]] == ["/tmp", "/data"]


def test_a_process_sees_only_what_it_works_with() -> None:
    deployment = "${HEADWATER_DEPLOYMENT:-./infra/demo}:/deployment:ro"
    own = {name: set(mounts(service)) - {deployment} for name, service in OURS.items()}
    assert {name: mounted for name, mounted in own.items() if mounted} == {
        "correlate": {"correlate:/state"},
        "households": {"households:/state"},
        "plan": {"plan:/state"},
        "aggregate": {"aggregates:/aggregates"},
        "gateway": {"access:/access:ro"},
        "board": {"access:/access", "aggregates:/aggregates:ro"},
    }
    assert all(deployment in mounts(service) for service in OURS.values())


def test_what_processes_share_is_where_the_settings_say_and_theirs_in_the_image() -> None:
    made = re.search(r"install --directory --owner=10001 .+", DOCKERFILE)
    assert made is not None
    for service in OURS.values():
        given = service["environment"]
        shared = {str(Path(given["HEADWATER_ACCESS_FILE"]).parent), given["HEADWATER_AGGREGATES"]}
        assert shared == {"/access", "/aggregates"}
        assert {*shared, given["HEADWATER_DATA"]} <= set(made[0].split())


def test_only_the_board_can_read_the_key_of_its_sessions() -> None:
    assert [name for name, service in OURS.items() if "board_key" in service.get("secrets", [])] == ["board"]
    assert OURS["board"]["environment"]["HEADWATER_BOARD_KEY_FILE"] == "/run/secrets/board_key"
    # Nowhere else either: it would be made in a folder that another process may see.
    assert [name for name, service in OURS.items() if any("/data" in mount for mount in mounts(service))] == []


def test_only_what_people_use_is_published_and_only_on_this_machine() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published == {
        "board": ["127.0.0.1:8600:8600"],
        "gateway": ["127.0.0.1:8601:8601"],
        "prometheus": ["127.0.0.1:9090:9090"],
        "grafana": ["127.0.0.1:3000:3000"],
    }
    assert {name for name, service in SERVICES.items() if "published" in service["networks"]} == set(published)
    assert all("inside" in service["networks"] for service in SERVICES.values())
    assert COMPOSE["networks"]["inside"] == {"internal": True}


def test_health_is_asked_where_the_process_listens() -> None:
    for service in OURS.values():
        port = service["environment"]["HEADWATER_METRICS_PORT"]
        assert f"http://127.0.0.1:{port}/readyz" in service["healthcheck"]["test"][-1]
        # Figures say when somebody acted: they are for this network only.
        assert not any(f":{port}" in published for published in service.get("ports", []))


def test_prometheus_asks_every_process_where_it_listens() -> None:
    jobs = YAML(typ="safe").load(ROOT / "infra/prometheus/prometheus.compose.yaml")["scrape_configs"]
    asked = {target for job in jobs for group in job["static_configs"] for target in group["targets"]}
    listening = set()
    for name, service in OURS.items():
        port = re.search(r"127\.0\.0\.1:(\d+)/readyz", service["healthcheck"]["test"][-1])
        assert port is not None
        listening.add(f"{name}:{port[1]}")
    assert asked == listening


@each_of(OURS)
def test_every_variable_is_a_setting(service: dict[str, Any]) -> None:
    known = {f"HEADWATER_{name.upper()}" for name in Settings.model_fields}
    assert {name for name in service["environment"] if name.startswith("HEADWATER_")} <= known
    written = (ROOT / "docker-compose.yml").read_text(encoding="utf-8") + DOCKERFILE
    assert set(re.findall(r"HEADWATER_[A-Z_]+[A-Z]", written)) <= known


def test_no_secret_is_written_down_or_put_in_an_environment() -> None:
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            if re.search(r"PASSWORD|SECRET|TOKEN|KEY_FILE|LOCATIONS", name):
                assert str(value).startswith("/run/secrets/"), name
            assert not re.search(r"://[^/]*:[^/]*@", str(value)), name
    assert all(secret.keys() == {"file"} for secret in COMPOSE["secrets"].values())


def test_each_service_gets_only_the_secrets_it_needs() -> None:
    given = {name: set(service["secrets"]) for name, service in SERVICES.items() if "secrets" in service}
    databases = {"headwater_case_db", "headwater_register_db", "registry.properties"}
    assert given == {
        "intake": {"headwater_register_db", "register_key"},
        "deliver": {"headwater_case_db"},
        "relay": {"headwater_case_db"},
        "board": {"headwater_case_db", "headwater_register_db", "register_key", "board_key"},
        "registry": {"registry.properties"},
        "postgres": {"postgres_password", *databases},
        "grafana": {"grafana_password"},
    }


def test_secrets_that_are_settings_are_named_as_the_settings_look_for_them() -> None:
    settings = {f"headwater_{name}" for name in Settings.model_fields}
    assert {name for name in COMPOSE["secrets"] if name.startswith("headwater_")} <= settings


def test_every_mounted_file_and_volume_is_there() -> None:
    for service in SERVICES.values():
        for mount in mounts(service):
            source = re.sub(r"\$\{\w+:-(.+?)\}", r"\1", mount).split(":")[0]
            assert (ROOT / source).exists() if source.startswith(".") else source in COMPOSE["volumes"], mount


def test_services_wait_for_what_is_healthy_and_never_for_each_other() -> None:
    waits = {name: set(service.get("depends_on", {})) for name, service in SERVICES.items()}
    for service in SERVICES.values():
        assert all(told["condition"] == "service_healthy" for told in service.get("depends_on", {}).values())
    while waits:
        free = {name for name, others in waits.items() if not others & waits.keys()}
        assert free, f"a circle of {sorted(waits)}"
        waits = {name: others for name, others in waits.items() if name not in free}


def test_kafka_is_sized_as_the_embedded_one() -> None:
    here = properties((ROOT / "infra/compose/kafka/server.properties").read_text())
    embedded = properties(server_properties(Path("/var/lib/kafka"), 9092, 9093))
    places = {"listeners", "advertised.listeners"}
    assert here.keys() == embedded.keys()
    assert {name for name in here if here[name] != embedded[name]} == places
    assert here["advertised.listeners"] == "PLAINTEXT://kafka:9092"


def test_the_dockerfile_copies_what_is_there_and_the_context_has_it() -> None:
    copied = {
        source
        for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE)
        for source in line.split()[:-1]
    }
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert copied == let_in
    assert [source for source in sorted(copied) if not (ROOT / source).exists()] == []
    assert (ROOT / ".dockerignore").read_text().splitlines()[1] == "*"


def test_the_image_holds_all_that_the_wheel_is_made_of() -> None:
    packages = re.search(r"^packages = (\[.+\])$", (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert packages is not None
    assert [name for name in json.loads(packages[1]) if f"COPY {name} {name}\n" not in DOCKERFILE] == []


def test_the_image_is_pinned_checked_against_the_lock_and_not_root() -> None:
    bases = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert len(bases) == 2
    assert all(re.fullmatch(r"python:3\.11\.\d+-slim-bookworm", base) for base in bases)
    assert "--require-hashes --only-binary :all: -r requirements.lock" in DOCKERFILE
    final = DOCKERFILE.rpartition("FROM ")[2]
    assert "USER 10001:10001" in final
    assert "pip" not in final
    assert "apt-get" not in DOCKERFILE


def test_secrets_are_made_once_random_and_kept(tmp_path: Path) -> None:
    first, second = make_secrets(tmp_path / "one"), make_secrets(tmp_path / "two")
    assert first.keys() == {Path(secret["file"]).name for secret in COMPOSE["secrets"].values()}
    assert all(first[name] != second[name] for name in first)
    assert all(re.search(r"[0-9a-f]{48}|^[A-Za-z0-9+/]{43}=$", text) for text in first.values())
    assert make_secrets(tmp_path / "one") == first
    folder = tmp_path / "one" / "secrets"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o444}
    for key in ("register_key", "board_key"):
        assert read_secret(folder / key) is not None


def test_a_secret_that_was_lost_is_made_again_and_no_other(tmp_path: Path) -> None:
    first = make_secrets(tmp_path)
    (tmp_path / "secrets" / "grafana_password").unlink()
    second = make_secrets(tmp_path)
    assert {name for name in first if first[name] != second[name]} == {"grafana_password"}


def test_an_empty_folder_that_an_older_compose_left_gives_way_to_the_secret(tmp_path: Path) -> None:
    (tmp_path / "secrets" / "headwater_case_db").mkdir(parents=True)
    assert make_secrets(tmp_path)["headwater_case_db"].startswith("postgresql://cases:")


def test_secrets_never_reach_version_control() -> None:
    assert "/secrets/" in (ROOT / ".gitignore").read_text().splitlines()


def test_what_docker_runs_may_be_run() -> None:
    scripts = [MAKE_SECRETS, Path("infra/compose/postgres/databases.sh")]
    assert [str(script) for script in scripts if not os.access(ROOT / script, os.X_OK)] == []


# Ground to stand on.


def mounts(service: dict[str, Any]) -> list[str]:
    return service.get("volumes", [])


def properties(text: str) -> dict[str, str]:
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return {name: value for name, _, value in (line.partition("=") for line in lines)}


def make_secrets(folder: Path) -> dict[str, str]:
    """Runs the script in a tree of its own; the secrets by name."""
    script = folder / MAKE_SECRETS
    script.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / MAKE_SECRETS, script)
    subprocess.run([script], check=True, capture_output=True, cwd="/")
    return {file.name: file.read_text().strip() for file in (folder / "secrets").iterdir()}
