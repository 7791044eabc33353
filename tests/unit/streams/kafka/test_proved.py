"""The versions the transport was proved with are those that are pinned, and no others are worked with."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from streams.errors import WrongUse
from streams.kafka import proved
from streams.kafka.proved import PROVED, require_proved

ROOT = Path(__file__).parents[4]


def test_the_pins_and_the_lock_file_name_the_same() -> None:
    pinned = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    locked = (ROOT / "requirements.lock").read_text()
    for name, version in PROVED.items():
        assert f"{name}=={version}" in pinned
        assert f"\n{name}=={version} " in locked
    require_proved()


def test_the_headers_name_them_too() -> None:
    text = (ROOT / "streams" / "kafka" / "chunks.py").read_text()
    assert f"faust-streaming {PROVED['faust-streaming']} and aiokafka {PROVED['aiokafka']}" in text


def test_all_others_are_refused_together(monkeypatch: pytest.MonkeyPatch) -> None:
    installed = {**PROVED, "aiokafka": "0.15.0", "confluent-kafka": "2.17.1"}
    monkeypatch.setattr(proved, "version", installed.__getitem__)
    with pytest.raises(WrongUse) as refused:
        require_proved()
    assert "aiokafka 0.15.0 (proved: 0.14.0), confluent-kafka 2.17.1 (proved: 2.16.0)" in refused.value.problem
    assert "faust" not in refused.value.problem
    assert "requirements.lock" in refused.value.remedy
