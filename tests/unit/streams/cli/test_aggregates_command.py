"""`headwater aggregates show`: what was published, as people and scripts read it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from processors.disclosure.model import Cell, Measure
from sinks.aggregates import AggregateFiles
from streams.cli import app
from streams.errors import UserError, WrongUse

OLD, NEW = "2024-W52", "2025-W03"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "weekly"
    monkeypatch.setenv("HEADWATER_DATA", str(tmp_path))
    monkeypatch.setenv("HEADWATER_AGGREGATES", str(folder))
    files = AggregateFiles(folder)
    files.write(OLD, [Cell(OLD, Measure.OFFERS, "all", "care", 1250)])
    files.write(NEW, [Cell(NEW, Measure.EVENTS, "hill", "moved", None), Cell(NEW, Measure.EVENTS, "all", "moved", 0)])
    return folder


def show(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["aggregates", "show", *arguments])


def test_shows_every_week_and_says_what_is_withheld(folder: Path):
    lines = [line.split() for line in show().stdout.splitlines()]
    assert lines == [
        ["week", "measure", "type", "area", "count"],
        [OLD, "offers", "care", "all", "1,250"],
        [NEW, "events", "moved", "all", "0"],
        [NEW, "events", "moved", "hill", "withheld"],
    ]


def test_one_week_one_measure_as_json(folder: Path):
    assert json.loads(show("--week", NEW, "--measure", "events", "--json").stdout) == [
        {"week": NEW, "measure": "events", "area": "all", "type": "moved", "count": 0},
        {"week": NEW, "measure": "events", "area": "hill", "type": "moved", "count": None},
    ]
    assert json.loads(show("--week", NEW, "--measure", "offers", "--json").stdout) == []


def test_a_week_that_is_not_published_is_refused_with_those_that_are(folder: Path):
    with pytest.raises(WrongUse, match=rf"'2025-W99' is not published; name one of: {NEW}, {OLD}"):
        raise show("--week", "2025-W99").exception  # type: ignore[misc]


def test_a_damaged_file_is_a_plain_error(folder: Path):
    (folder / f"{NEW}.parquet").write_bytes(b"PAR1")
    with pytest.raises(UserError, match="cannot be read as aggregates"):
        raise show().exception  # type: ignore[misc]
