"""`headwater simulate`: what it says and what it refuses."""

from __future__ import annotations

import json

import typer
from typer.testing import CliRunner

from streams.cli.simulate import simulate
from streams.errors import WrongUse

app = typer.Typer()
app.command()(simulate)


def run(*arguments):
    return CliRunner().invoke(app, [*arguments])


def test_writes_a_town_and_prints_the_manifest(tmp_path):
    result = run("--persons", "150", "--months", "1", "--seed", "5", "--out", str(tmp_path), "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["persons"] == 150
    assert json.loads((tmp_path / "manifest.json").read_text())["arguments"]["seed"] == 5


def test_refuses_what_makes_no_town(tmp_path):
    for wrong in (["--persons", "3"], ["--months", "0"], ["--start", "2025-01-31"], ["--start", "soon"]):
        result = run("--persons", "150", *wrong, "--out", str(tmp_path))
        assert isinstance(result.exception, WrongUse)
        assert result.exception.remedy
