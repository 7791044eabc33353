"""Where the key of the board's sessions comes from."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from streams.errors import WrongUse
from streams.services.board import KEY_FILE, session_key
from streams.settings import Settings


def settings(folder: Path, named: Path | None = None) -> Settings:
    return Settings(data=folder, board_key_file=named, _env_file=None)  # type: ignore[call-arg]


def test_without_a_name_it_is_made_once_in_the_data_folder(tmp_path: Path) -> None:
    first = session_key(settings(tmp_path))
    assert session_key(settings(tmp_path)) == first
    assert [path.name for path in tmp_path.iterdir()] == [KEY_FILE]


def test_a_file_that_is_named_is_read_and_nothing_is_made_beside_it(tmp_path: Path) -> None:
    named = tmp_path / "secret"
    named.write_bytes(base64.b64encode(b"k" * 32))
    assert session_key(settings(tmp_path / "data", named)) == b"k" * 32
    assert not (tmp_path / "data").exists()


def test_a_file_that_is_named_and_not_there_is_never_made(tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match=r"the board's key file .*/secret is not there") as refused:
        session_key(settings(tmp_path / "data", tmp_path / "secret"))
    assert "HEADWATER_BOARD_KEY_FILE" in refused.value.remedy
    assert list(tmp_path.iterdir()) == []
