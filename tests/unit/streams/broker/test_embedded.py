"""What the embedded broker decides before Kafka runs: folders, ports, state."""

from __future__ import annotations

import base64
import os
import shutil
import uuid
from pathlib import Path

import pytest

from streams.broker import bootstrap, embedded, start_broker, status
from streams.broker.ports import find_free, is_free
from streams.errors import Unreachable
from streams.settings import Settings


def test_a_cluster_id_never_looks_like_an_option() -> None:
    """One in sixty-four would: Kafka's tool would refuse to prepare the folder."""
    chosen = embedded._new_cluster_id(uuid.UUID(int=0xF8 << 120))
    assert chosen == "A" + base64.urlsafe_b64encode((0xF8 << 120).to_bytes(16, "big")).decode()[1:22]
    assert len(base64.urlsafe_b64decode(chosen + "==")) == 16


def test_a_named_cluster_takes_the_embedded_brokers_place(tmp_path: Path) -> None:
    assert bootstrap(Settings(kafka="broker.test:9092", data=tmp_path)) == "broker.test:9092"


def test_a_state_file_of_another_process_counts_as_stopped(tmp_path: Path) -> None:
    folder = tmp_path / "kafka"
    folder.mkdir()
    (folder / "broker.json").write_text(
        f'{{"pid": {os.getpid()}, "port": 9092, "controller_port": 9093, "cluster_id": "x"}}'
    )
    assert not status(Settings(kafka=None, data=tmp_path)).running


@pytest.mark.parametrize("text", ["", "{", "[]", '{"unknown": 1}'])
def test_a_broken_state_file_counts_as_stopped(tmp_path: Path, text: str) -> None:
    (tmp_path / "kafka").mkdir()
    (tmp_path / "kafka" / "broker.json").write_text(text)
    assert not status(Settings(kafka=None, data=tmp_path)).running


def test_a_data_folder_that_is_a_file_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Unreachable, match="cannot be used") as raised:
        start_broker(Settings(kafka=None, data=tmp_path / "file"))
    assert "HEADWATER_DATA" in raised.value.remedy


def test_a_full_disk_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "LEAST_FREE_BYTES", shutil.disk_usage(tmp_path).total * 2)
    with pytest.raises(Unreachable, match="disk is full"):
        start_broker(Settings(kafka=None, data=tmp_path))


def test_a_found_port_is_free_and_another() -> None:
    first = find_free()
    assert is_free(first)
    assert find_free(but=first) != first
