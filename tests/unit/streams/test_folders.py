"""Folders that cannot be used are refused before anything relies on them; as an ordinary account, not as root."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.errors import Unreachable
from streams.folders import check_folder

NOBODY = 65534


def refused(path: Path) -> str:
    """What an account without special rights is told; empty when it may use the folder."""
    own = os.geteuid()
    if own == 0:
        os.seteuid(NOBODY)
    try:
        check_folder(path, "HEADWATER_X")
    except Unreachable as error:
        return str(error)
    finally:
        os.seteuid(own)
    return ""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with content, open to every account; so are those above it, which pytest's own are not."""
    with tempfile.TemporaryDirectory() as above:
        path = Path(above) / "state"
        (path / "deep").mkdir(parents=True)
        (path / "deep" / "file").write_text("x")
        Path(above).chmod(0o755)
        for each in (path, path / "deep", path / "deep" / "file"):
            each.chmod(0o777)
        yield path


def test_a_folder_that_can_be_used_is_left_as_it_is(folder: Path) -> None:
    assert refused(folder) == ""
    assert sorted(path.name for path in folder.rglob("*")) == ["deep", "file"]


def test_a_missing_folder_is_made(tmp_path: Path) -> None:
    check_folder(tmp_path / "a" / "b", "HEADWATER_X")
    assert (tmp_path / "a" / "b").is_dir()


@pytest.mark.parametrize(("locked", "mode"), [("", 0o555), ("", 0o333), ("deep", 0o555), ("deep/file", 0o444)])
def test_what_is_locked_is_named_with_the_remedy(folder: Path, locked: str, mode: int) -> None:
    (folder / locked).chmod(mode)
    said = refused(folder)
    (folder / locked).chmod(0o777)
    assert f"{folder / locked} cannot be read and written (Permission denied)" in said
    assert "HEADWATER_X" in said


def test_a_file_in_its_place_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(Unreachable, match="HEADWATER_X"):
            check_folder(path, "HEADWATER_X")
