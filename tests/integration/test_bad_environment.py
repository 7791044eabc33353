"""Bad surroundings, by the real commands: each says what, where and what to do, and never shows a traceback."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from streams import topics
from streams.broker import Broker, start_broker, stop_broker
from streams.cluster import look
from streams.composition import Platform
from streams.errors import UserError
from streams.kafka import versions
from streams.kafka.clients import client_config
from streams.settings import Settings
from tests.integration.towns import Ended, clean, copy_deployment, headwater, make_town, replace_in

NOWHERE = "127.0.0.1:1"
NO_DATABASE = "postgresql+psycopg://clerk:secret@127.0.0.1:1/cases"


def refused(ended: Ended, code: int, *words: str) -> None:
    """The exit code, the words of the message, a remedy, and no traceback."""
    said = ended.err
    assert ended.code == code, f"exit code {ended.code}, expected {code}: {ended.out}{said}"
    assert "Traceback" not in ended.out + said
    assert [word for word in words if word not in said] == [], said
    assert "remedy: " in said
    assert "secret" not in ended.out + said


def stage(name: str, data: Path, **settings: object) -> Ended:
    """A stage's worker, as the supervisor starts it."""
    done = subprocess.run(
        [sys.executable, "-m", "streams.stages", name],
        env={**clean(data, **settings), "PYTHONPATH": str(Path.cwd())},
        capture_output=True, text=True, check=False, timeout=90, cwd=data.parent,
    )  # fmt: skip
    return Ended(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A broker with the platform's topics, 2 and 4 partitions."""
    fixed = {"kafka": None, "broker_port": None, "deployment": None, "event_partitions": 2, "core_partitions": 4}
    settings = Settings(data=tmp_path_factory.mktemp("broker"), **fixed)  # type: ignore[arg-type]
    started = start_broker(settings)
    try:
        topics.ensure(started.bootstrap, Platform(settings).topics, settings)
        yield started
    finally:
        stop_broker(settings)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


# Kafka.


def test_kafka_does_not_answer(data: Path) -> None:
    """All at once: each waits ten seconds for an answer."""
    commands = (["up"], ["verify"], ["broker", "start"], ["demo", "--once", "--history", make_town(data / "town", 120)])
    with ThreadPoolExecutor() as pool:
        asked = [pool.submit(headwater, data, *command, KAFKA=NOWHERE) for command in commands]
        asked.append(pool.submit(stage, "correlate", data, KAFKA=NOWHERE))
    for each in asked:
        refused(each.result(), 3, NOWHERE, "HEADWATER_KAFKA")


def test_no_broker_and_no_cluster_named(data: Path) -> None:
    for command in ("up", "verify"):
        refused(headwater(data, command), 3, str(data), "headwater broker start")


def test_the_port_is_taken(data: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        refused(headwater(data, "broker", "start", BROKER_PORT=port), 2, str(port), "HEADWATER_BROKER_PORT")


def test_another_number_of_partitions(data: Path, broker: Broker) -> None:
    ended = headwater(data, "up", KAFKA=broker.bootstrap, CORE_PARTITIONS=7)
    refused(ended, 1, "life-events.v1 has 4 partitions", "offers.v1 has 4 partitions", "expects 7", "HEADWATER_CORE_P")
    ended = stage("plan", data, KAFKA=broker.bootstrap, EVENT_PARTITIONS=3)
    refused(ended, 1, "events.court.eviction-proceedings.v1 has 2 partitions", "expects 3", "HEADWATER_EVENT_PARTITION")


WRONG = {
    "events.court.eviction-proceedings.v1": {"cleanup.policy": "compact"},
    "receipts.court": {"retention.ms": "60000"},
    "life-events.v1": {"cleanup.policy": "delete"},
    "decisions.v1": {"max.message.bytes": "1000000"},
    "situations.v1": {"retention.ms": "604800000"},
    "outcomes.v1": {"retention.bytes": "1000000"},
    "offers.v1": {"min.insync.replicas": "2"},
    "controls.v1": {"max.compaction.lag.ms": "9000000000"},
}
"""All but the last would lose events, or take none."""


@pytest.fixture
def wrong_topics(broker: Broker) -> Iterator[dict[str, str]]:
    """What a start must say of each topic that was changed; mended afterwards."""
    alter(broker.bootstrap, WRONG, AlterConfigOpType.SET)
    name = {topic: next(iter(config)) for topic, config in WRONG.items()}
    yield {topic: f"{topic} {name[topic]} is {config[name[topic]]}" for topic, config in WRONG.items()}
    planned = {topic.name: topic.config for topic in Platform(Settings(deployment=None)).topics}
    mended = {topic: {name[topic]: planned[topic].get(name[topic], "1")} for topic in WRONG}
    alter(broker.bootstrap, mended, AlterConfigOpType.SET)


def alter(bootstrap: str, configs: dict[str, dict[str, str]], how: AlterConfigOpType) -> None:
    """Changes settings of topics, and waits until the broker tells the new ones."""
    admin = AdminClient(client_config(bootstrap))
    entries = [
        ConfigResource(
            ResourceType.TOPIC, topic,
            incremental_configs=[ConfigEntry(name, value, incremental_operation=how) for name, value in config.items()],
        )
        for topic, config in configs.items()
    ]  # fmt: skip
    for done in admin.incremental_alter_configs(entries).values():
        done.result(30)
    deadline = time.monotonic() + 30
    while any(
        configs[name].items() - (found.config or {}).items() for name, found in look(admin, bootstrap, configs).items()
    ):
        assert time.monotonic() < deadline, "the broker does not take the settings"


def test_topics_that_would_lose_events_are_all_named_at_once(
    data: Path, broker: Broker, wrong_topics: dict[str, str]
) -> None:
    tolerated = wrong_topics.pop("controls.v1")
    wrong_topics["offers.v1"] = "offers.v1 min.insync.replicas is 2"
    for ended in (headwater(data, "up", KAFKA=broker.bootstrap), stage("deliver", data, KAFKA=broker.bootstrap)):
        refused(ended, 1, *wrong_topics.values(), "kafka-configs.sh --alter", "lower min.insync.replicas")
        assert tolerated not in ended.err
    live = headwater(data, "topics", "--live", "--json", KAFKA=broker.bootstrap)
    assert live.code == 1
    differing = {row["name"]: row["differences"] for row in live.data if row["differences"]}
    assert differing.keys() == WRONG.keys()
    for topic, told in wrong_topics.items():
        assert any(f"{topic} {each}".startswith(told) for each in differing[topic]), differing[topic]
    assert differing["controls.v1"] == ["max.compaction.lag.ms is 9000000000, planned 604800000 (tolerated)"]


def test_missing_topics_that_may_not_be_created_are_all_named(data: Path, broker: Broker) -> None:
    """Made with more replicas than there are brokers, which Kafka refuses as it refuses whoever has no right to."""
    missing = ["receipts.court", "events.prison.releases.v1.intake.dlq"]
    admin = AdminClient(client_config(broker.bootstrap))
    for gone in admin.delete_topics(missing).values():
        gone.result(30)
    try:
        for ended in (
            headwater(data, "up", KAFKA=broker.bootstrap, REPLICATION=3),
            stage("plan", data, KAFKA=broker.bootstrap, REPLICATION=3),
        ):
            refused(ended, 1, "cannot be created", *missing, "headwater topics", "HEADWATER_REPLICATION")
    finally:
        settings = Settings(deployment=None, event_partitions=2, core_partitions=4)
        topics.ensure(broker.bootstrap, Platform(settings).topics, settings)


def test_brokers_that_are_too_old(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "SIGN_VERSION", 99)
    settings = Settings(deployment=None)
    with pytest.raises(UserError) as fault:
        topics.ensure(broker.bootstrap, topics.core(settings), settings)
    assert fault.value.problem == f"Kafka at {broker.bootstrap} is older than 3.8: {broker.bootstrap}"
    assert "upgrade" in fault.value.remedy


# Databases.


def test_the_case_database_is_down(data: Path, broker: Broker) -> None:
    for ended in (
        headwater(data, "offers", CASE_DB=NO_DATABASE),
        headwater(data, "up", KAFKA=broker.bootstrap, CASE_DB=NO_DATABASE),
        stage("deliver", data, KAFKA=broker.bootstrap, CASE_DB=NO_DATABASE),
    ):
        refused(ended, 3, "127.0.0.1:1", "HEADWATER_CASE_DB")


def test_the_identity_register_is_down(data: Path, broker: Broker) -> None:
    refused(
        stage("intake", data, KAFKA=broker.bootstrap, REGISTER_DB=NO_DATABASE),
        3,
        "127.0.0.1:1",
        "HEADWATER_REGISTER_DB",
    )


def test_a_database_address_that_is_none(data: Path, broker: Broker) -> None:
    refused(headwater(data, "offers", CASE_DB="mongodb://clerk:secret@there/x"), 3, "HEADWATER_CASE_DB")
    refused(stage("intake", data, KAFKA=broker.bootstrap, REGISTER_DB="nonsense"), 2, "HEADWATER_REGISTER_DB")


# Settings and arguments.


def test_several_wrong_settings_are_named_at_once(data: Path) -> None:
    wrong = {"CLOCK": "moon", "EVENT_PARTITIONS": "0", "BROKER_PORT": "80"}
    for ended in (headwater(data, "up", **wrong), stage("plan", data, **wrong)):
        refused(ended, 2, "HEADWATER_CLOCK", "HEADWATER_EVENT_PARTITIONS", "HEADWATER_BROKER_PORT")


def test_an_unknown_stage(data: Path, broker: Broker) -> None:
    refused(headwater(data, "up", "intake", "nonsense"), 2, "`nonsense`", "correlate")
    refused(stage("nonsense", data, KAFKA=broker.bootstrap), 2, "`nonsense`", "correlate")


def test_a_missing_history(data: Path, tmp_path: Path) -> None:
    refused(headwater(data, "demo", "--history", tmp_path / "none", "--once"), 2, str(tmp_path / "none"), "simulate")


# The deployment folder.


def test_a_missing_deployment_folder(data: Path, tmp_path: Path, broker: Broker) -> None:
    refused(headwater(data, "up", KAFKA=broker.bootstrap, DEPLOYMENT=tmp_path / "none"), 2, str(tmp_path / "none"))


def test_every_fault_of_a_deployment_folder_is_named_with_file_and_line(
    data: Path, tmp_path: Path, broker: Broker
) -> None:
    place = copy_deployment(tmp_path / "place")
    replace_in(place / "deployment.yaml", "Europe/Brussels", "Europe/Atlantis")
    replace_in(place / "purposes.yaml", "types: [hospital_discharged]", "types: [hospital_escaped]")
    (place / "contracts/court/eviction-proceedings/mapping.yaml").write_text("version: [1\n")
    for ended in (
        headwater(data, "up", KAFKA=broker.bootstrap, DEPLOYMENT=place),
        stage("intake", data, KAFKA=broker.bootstrap, DEPLOYMENT=place),
    ):
        refused(ended, 2, "deployment.yaml:3:", "time zone", "purposes.yaml:", "hospital_escaped", "mapping.yaml:")


def test_every_fault_of_the_rules_is_named_with_file_and_line(data: Path, tmp_path: Path, broker: Broker) -> None:
    place = copy_deployment(tmp_path / "place")
    replace_in(place / "rules/justice/release-without-address.yaml", "when: prison_released", "when: prison_escaped")
    replace_in(place / "rules/housing/repeated-rent-arrears.yaml", "services: [debt-advice", "services: [dept-advice")
    for ended in (
        headwater(data, "up", KAFKA=broker.bootstrap, DEPLOYMENT=place),
        stage("correlate", data, KAFKA=broker.bootstrap, DEPLOYMENT=place),
    ):
        refused(
            ended, 2, "release-without-address.yaml:", "prison_escaped", "repeated-rent-arrears.yaml:", "dept-advice"
        )


# Disk.


def test_a_file_stands_where_the_data_folder_should_be(tmp_path: Path, broker: Broker) -> None:
    file = tmp_path / "file"
    file.write_text("in the way")
    below = file / "data"
    refused(headwater(file, "broker", "start"), 3, str(file), "HEADWATER_DATA")
    refused(headwater(file, "up", KAFKA=broker.bootstrap), 3, str(file))
    for name in ("intake", "plan"):
        refused(stage(name, file, KAFKA=broker.bootstrap), 3, str(file), "HEADWATER_DATA")
    assert not below.exists()


def test_a_state_folder_that_cannot_be_written(tmp_path: Path, broker: Broker, small_disk: Path) -> None:
    """Mounted read-only, as a disk is after a fault; not even root may write there."""
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    for name in ("correlate", "plan"):
        ended = stage(name, tmp_path / "data", KAFKA=broker.bootstrap, STATE=small_disk)
        refused(ended, 3, str(small_disk), "Read-only file system", "HEADWATER_STATE")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of two megabytes."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", place], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("only root may mount a small disk: " + mounted.stderr.decode().strip())
    try:
        yield place
    finally:
        subprocess.run(["umount", place], check=True)


def test_the_disk_is_full(small_disk: Path, broker: Broker, tmp_path: Path) -> None:
    data = small_disk / "data"
    data.mkdir()
    refused(headwater(data, "broker", "start"), 3, str(data), "disk is full", "HEADWATER_DATA")
    fill(small_disk)
    refused(stage("deliver", data, KAFKA=broker.bootstrap), 3, str(data))
    refused(stage("intake", data, KAFKA=broker.bootstrap), 3, str(data))
    refused(stage("plan", data, KAFKA=broker.bootstrap), 3, str(data), "No space left", "HEADWATER_DATA")
    refused(headwater(data, "simulate", "--persons", 200, "--out", small_disk / "town"), 3, str(small_disk))
    assert shutil.disk_usage(small_disk).free < 8192


def fill(disk: Path) -> None:
    with (disk / "ballast").open("wb", buffering=0) as ballast:
        try:
            while ballast.write(b"x" * 4096):
                pass
        except OSError:
            return
