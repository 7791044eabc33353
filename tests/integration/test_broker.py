"""The embedded Apache Kafka, for real: a process of its own per test module, apart from the shared one."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from streams.broker import Broker, bootstrap, check_reachable, start_broker, status, stop_broker
from streams.broker.embedded import _mark
from streams.broker.process import is_running
from streams.errors import Unreachable, UserError, WrongUse
from streams.settings import Settings


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(kafka=None, broker_port=None, data=tmp_path_factory.mktemp("data"))


@pytest.fixture
def broker(settings: Settings) -> Iterator[Broker]:
    yield start_broker(settings)


@pytest.fixture(scope="module", autouse=True)
def stopped_in_the_end(settings: Settings) -> Iterator[None]:
    yield
    stop_broker(settings)


def test_start_is_idempotent(broker: Broker, settings: Settings) -> None:
    assert start_broker(settings) == broker
    assert bootstrap(settings) == broker.bootstrap
    assert broker.bootstrap.startswith("127.0.0.1:")


def test_committed_transactions_are_read_and_aborted_ones_are_not(broker: Broker) -> None:
    topic = make_topic(broker)
    producer = Producer({"bootstrap.servers": broker.bootstrap, "transactional.id": topic})
    producer.init_transactions(20)
    for value, ends in (
        (b"aborted", producer.abort_transaction),
        (b"committed", producer.commit_transaction),
    ):
        producer.begin_transaction()
        producer.produce(topic, value)
        ends(20)
    assert read(broker, topic, 1) == [b"committed"]


def test_topics_are_never_made_by_themselves(broker: Broker) -> None:
    client = AdminClient({"bootstrap.servers": broker.bootstrap})
    client.list_topics("never.made", timeout=10)
    assert "never.made" not in client.list_topics(timeout=10).topics


def test_a_restart_keeps_address_and_data(broker: Broker, settings: Settings) -> None:
    topic = make_topic(broker)
    producer = Producer({"bootstrap.servers": broker.bootstrap})
    producer.produce(topic, b"kept")
    assert producer.flush(20) == 0
    assert stop_broker(settings)
    assert not status(settings).running
    again = start_broker(settings)
    assert again.bootstrap == broker.bootstrap
    assert again.pid != broker.pid
    assert read(again, topic, 1) == [b"kept"]


def test_a_killed_broker_is_noticed_and_started_again(broker: Broker, settings: Settings) -> None:
    os.kill(broker.pid, 9)
    while is_running(broker.pid, _mark(broker.folder)):
        pass
    assert not status(settings).running
    assert start_broker(settings).bootstrap == broker.bootstrap


def test_stop_without_a_broker_does_nothing(tmp_path: Path) -> None:
    assert not stop_broker(Settings(kafka=None, data=tmp_path))


def test_a_second_broker_on_the_same_data_is_explained(broker: Broker, settings: Settings) -> None:
    note = broker.folder / "broker.json"
    kept = note.read_text()
    note.unlink()
    try:
        with pytest.raises(UserError, match="another broker uses"):
            start_broker(settings)
    finally:
        note.write_text(kept)
    assert start_broker(settings) == broker


def test_a_taken_port_is_explained(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(WrongUse, match=f"port {port} .* is taken"):
            start_broker(Settings(kafka=None, data=tmp_path, broker_port=port))


def test_without_a_broker_the_remedy_is_named(tmp_path: Path) -> None:
    with pytest.raises(Unreachable) as raised:
        bootstrap(Settings(kafka=None, data=tmp_path))
    assert "headwater broker start" in raised.value.remedy


def test_a_cluster_that_does_not_answer_is_explained() -> None:
    with pytest.raises(Unreachable, match=r"127\.0\.0\.1:1"):
        check_reachable("127.0.0.1:1", timeout_s=0.5)


def test_the_command_line_tells_by_its_exit_code(broker: Broker, settings: Settings, tmp_path: Path) -> None:
    running = headwater(settings.data, "status", "--json")
    assert running.returncode == 0
    assert json.loads(running.stdout)["bootstrap"] == broker.bootstrap
    assert headwater(tmp_path, "status").returncode == 1
    assert headwater(tmp_path, "stop").returncode == 0


def test_the_command_line_only_checks_a_named_cluster(broker: Broker, tmp_path: Path) -> None:
    checked = headwater(tmp_path, "start", HEADWATER_KAFKA=broker.bootstrap)
    assert (checked.returncode, "no embedded broker is started" in checked.stdout) == (0, True)
    refused = headwater(tmp_path, "start", HEADWATER_KAFKA="127.0.0.1:1")
    assert refused.returncode == 3
    assert "127.0.0.1:1" in refused.stderr
    assert "remedy" in refused.stderr


def test_a_broker_started_by_the_command_survives_it_and_needs_no_java(tmp_path: Path) -> None:
    bare = {"PATH": str(tmp_path), "JAVA_HOME": ""}
    started = headwater(tmp_path, "start", **bare)
    try:
        assert started.returncode == 0, started.stderr
        check_reachable(json.loads(headwater(tmp_path, "status", "--json", **bare).stdout)["bootstrap"])
    finally:
        assert headwater(tmp_path, "stop", **bare).returncode == 0
    assert headwater(tmp_path, "status").returncode == 1


def headwater(data: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("headwater")
    fixed = {"HEADWATER_DATA": str(data), "HEADWATER_KAFKA": "", "HEADWATER_BROKER_PORT": ""}
    return subprocess.run(
        [program, "broker", *arguments],
        env={**os.environ, **fixed, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def make_topic(broker: Broker) -> str:
    name = f"test.{uuid.uuid4().hex}"
    client = AdminClient({"bootstrap.servers": broker.bootstrap})
    client.create_topics([NewTopic(name, 1, 1)])[name].result(20)
    return name


def read(broker: Broker, topic: str, count: int) -> list[bytes | None]:
    options = {
        "bootstrap.servers": broker.bootstrap,
        "group.id": uuid.uuid4().hex,
        "auto.offset.reset": "earliest",
    }
    consumer = Consumer(options)
    consumer.subscribe([topic])
    try:
        return [message.value() for message in consumer.consume(count, timeout=20)]
    finally:
        consumer.close()
