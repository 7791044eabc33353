"""Settings: every fault at once, with the variable's name; the environment wins over the file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from streams.errors import WrongUse
from streams.settings import Settings, load


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("HEADWATER_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def test_every_fault_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("CLOCK", "moon"), ("EVENT_PARTITIONS", "0"), ("BROKER_PORT", "80"), ("REPLICATION", "x")):
        monkeypatch.setenv(f"HEADWATER_{name}", value)
    with pytest.raises(WrongUse) as wrong:
        load()
    for name in ("HEADWATER_CLOCK", "HEADWATER_EVENT_PARTITIONS", "HEADWATER_BROKER_PORT", "HEADWATER_REPLICATION"):
        assert name in wrong.value.problem
    assert "headwater settings" in wrong.value.remedy
    assert wrong.value.exit_code == 2


def test_the_environment_wins_over_the_file_and_empty_counts_as_unset(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("HEADWATER_CORE_PARTITIONS=6\nHEADWATER_EVENT_PARTITIONS=3\n")
    monkeypatch.setenv("HEADWATER_CORE_PARTITIONS", "8")
    monkeypatch.setenv("HEADWATER_KAFKA", "")
    settings = load()
    assert (settings.core_partitions, settings.event_partitions, settings.kafka) == (8, 3, None)


def test_a_fault_in_the_file_is_named_too(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("HEADWATER_CLOCK=sun\n")
    with pytest.raises(WrongUse, match="HEADWATER_CLOCK"):
        load()


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        load().clock = "feeds"  # type: ignore[misc]


def test_a_file_of_secrets_is_read_and_the_environment_wins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(Settings.model_config, "secrets_dir", tmp_path)
    (tmp_path / "headwater_case_db").write_text("postgresql://cases@there/cases\n")
    (tmp_path / "headwater_kafka").write_text("there:9092")
    (tmp_path / "register_key").write_text("of no setting")
    monkeypatch.setenv("HEADWATER_KAFKA", "here:9092")
    settings = load()
    assert (settings.case_db, settings.kafka) == ("postgresql://cases@there/cases", "here:9092")


def test_a_fault_in_a_file_of_secrets_is_named_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(Settings.model_config, "secrets_dir", tmp_path)
    (tmp_path / "headwater_clock").write_text("sundial")
    with pytest.raises(WrongUse, match="HEADWATER_CLOCK"):
        load()


def test_a_file_of_secrets_that_cannot_be_read_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(Settings.model_config, "secrets_dir", tmp_path)
    (tmp_path / "headwater_case_db").write_bytes(b"\xff")
    with pytest.raises(WrongUse, match="a setting cannot be read"):
        load()
