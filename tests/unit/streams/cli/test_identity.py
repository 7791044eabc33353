import json
import stat

import pytest
from typer.testing import CliRunner

from streams.cli.identity import app
from streams.errors import WrongUse

LINE = {
    "household": "H1",
    "area": "north",
    "address": {"street": "Elm Street 1"},
    "language": "nl",
    "members": [{"person": "P1", "name": "Zebedee", "born": "1980-01-02", "ids": [["nin", "123"]]}],
}


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setenv("HEADWATER_DATA", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    return lambda *words, **more: CliRunner().invoke(app, list(words), **more)


def test_a_file_is_loaded_and_faults_are_named_by_line(run, tmp_path):
    file = tmp_path / "town.jsonl"
    file.write_text(f"{json.dumps(LINE)}\n\nnot json\n", encoding="utf-8")
    result = run("load", str(file), "--json")
    report = json.loads(result.stdout)
    assert result.exit_code == 1
    assert report["faults"] == [{"line": 3, "reasons": ["not JSON"]}]
    assert report["households_new"] == report["persons_new"] == 1
    assert stat.S_IMODE((tmp_path / "data" / "register.db").stat().st_mode) == 0o600


def test_standard_input_twice(run):
    assert "1 households new" in run("load", "-", input=json.dumps(LINE)).stdout
    again = run("load", "-", input=json.dumps(LINE))
    assert "0 households new, 0 changed, 1 unchanged, 0 left out" in again.stdout
    assert again.exit_code == 0


def test_a_file_that_is_not_there(run):
    assert isinstance(run("load", "nowhere.jsonl").exception, WrongUse)
