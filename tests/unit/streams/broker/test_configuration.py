"""The broker's properties and commands, as text."""

from __future__ import annotations

from pathlib import Path

from streams.broker.configuration import server_command, server_properties


def properties(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.splitlines())


def test_the_broker_listens_on_loopback_only() -> None:
    found = properties(server_properties(Path("/x"), 1111, 2222))
    assert found["listeners"] == "PLAINTEXT://127.0.0.1:1111,CONTROLLER://127.0.0.1:2222"
    assert found["advertised.listeners"] == "PLAINTEXT://127.0.0.1:1111"


def test_one_node_is_enough_for_its_own_topics() -> None:
    found = properties(server_properties(Path("/x"), 1111, 2222))
    assert found["offsets.topic.replication.factor"] == found["transaction.state.log.replication.factor"] == "1"
    assert found["auto.create.topics.enable"] == "false"
    assert int(found["message.max.bytes"]) >= 2 * 1024 * 1024


def test_the_heap_is_bounded() -> None:
    assert "-Xmx768m" in server_command(Path("/jars"), Path("/x"))
