"""`headwater rules check | test | run`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from streams.cli.rules import LIBRARY, app
from streams.composition import DEMO
from streams.errors import UserError, WrongUse

RUNNER = CliRunner()
RULE = "rule: r\nversion: 1\nsteps:\n  - {when: a, as: x}\n  - {absent: b, for: 2 days after x}\n"
EVENTS = '{"id": "1", "type": "a", "person": "p", "occurred_at": "2026-01-05"}\n\n{"advance_to": "2026-02-01"}\n'


@pytest.fixture
def rule(tmp_path: Path) -> Path:
    path = tmp_path / "rule.yaml"
    path.write_text(RULE)
    return path


def test_the_shipped_rules_pass_every_check_and_example() -> None:
    assert "36 rules, no problem" in RUNNER.invoke(app, ["check"]).stdout
    tested = RUNNER.invoke(app, ["test"])
    assert tested.exit_code == 0
    assert "FAILED" not in tested.stdout


def test_the_deployment_decides_teams_services_and_purposes(rule: Path, tmp_path: Path) -> None:
    shipped = (LIBRARY / "housing" / "eviction-risk-after-job-loss.yaml").read_text()
    rule.write_text(shipped)
    assert RUNNER.invoke(app, ["check", str(rule)]).exit_code == 0
    place = tmp_path / "place"
    shutil.copytree(DEMO, place)
    (place / "teams.yaml").write_text((place / "teams.yaml").read_text().replace("housing-prevention:", "housing:"))
    refused = RUNNER.invoke(app, ["check", str(rule), "--deployment", str(place)])
    assert refused.exit_code == 1
    assert "housing-prevention" in refused.stdout
    alone = RUNNER.invoke(app, ["check", str(rule), "--catalogue", str(place / "catalogue.yaml")])
    assert alone.exit_code == 0


def test_without_paths_the_deployments_own_rules_are_meant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "place"
    shutil.copytree(DEMO, place)
    (place / "deployment.yaml").write_text((place / "deployment.yaml").read_text().replace("shipped", "rules"))
    (place / "rules").mkdir()
    shutil.copy(LIBRARY / "housing" / "eviction-risk-after-job-loss.yaml", place / "rules")
    monkeypatch.setenv("HEADWATER_DEPLOYMENT", str(place))
    assert "1 rule, no problem" in RUNNER.invoke(app, ["check"]).stdout
    assert "36 rules, no problem" in RUNNER.invoke(app, ["check", "--catalogue", "demo"]).stdout


def test_check_names_file_line_problem_and_remedy(rule: Path) -> None:
    rule.write_text(RULE.replace("when", "wen"))
    result = RUNNER.invoke(app, ["check", str(rule), "--catalogue", "none"])
    assert result.exit_code == 1
    assert f"{rule}:4: `wen` is no keyword here; use one of" in result.stdout
    as_json = RUNNER.invoke(app, ["check", str(rule), "--catalogue", "none", "--json"])
    assert json.loads(as_json.stdout.splitlines()[0])["line"] == 4


def test_a_warning_is_printed_and_refuses_nothing(rule: Path) -> None:
    rule.write_text(RULE + "  - then: c\n")
    result = RUNNER.invoke(app, ["check", str(rule), "--catalogue", "none"])
    assert result.exit_code == 0
    warning, summary = result.stdout.splitlines()
    assert warning.startswith(
        f"{rule}:3: warning: two runs can be open at once, and `overlap` is left to its default; "
    )
    assert summary == "1 rule, no problem, 1 warning"
    as_json = RUNNER.invoke(app, ["check", str(rule), "--catalogue", "none", "--json"])
    assert json.loads(as_json.stdout)["severity"] == "warning"


def test_test_tells_what_an_example_gave_instead(rule: Path) -> None:
    rule.write_text(RULE + "examples:\n  - {name: e, events: [2026-01-05 a], expect: nothing}\n")
    result = RUNNER.invoke(app, ["test", str(rule), "--catalogue", "none"])
    assert result.exit_code == 1
    assert "expected `nothing`, got `matched 2026-01-07`" in result.stdout


def test_run_prints_decisions_from_a_file_and_from_standard_input(rule: Path, tmp_path: Path) -> None:
    events = tmp_path / "events.jsonl"
    events.write_text(EVENTS)
    from_file = RUNNER.invoke(app, ["run", str(rule), "--events", str(events), "--catalogue", "none"])
    (line,) = [json.loads(text) for text in from_file.stdout.splitlines()]
    assert (line["decision"], line["completed_at"]) == ("matched", "2026-01-08T00:00:00+01:00")
    piped = RUNNER.invoke(app, ["run", str(rule), "--events", "-", "--catalogue", "none"], input=EVENTS)
    assert piped.stdout == from_file.stdout


def test_until_is_a_last_clock_line(rule: Path) -> None:
    first = EVENTS.splitlines()[0]
    arguments = ["run", str(rule.parent), "--events", "-", "--catalogue", "none"]
    assert RUNNER.invoke(app, arguments, input=first).stdout == ""
    assert "matched" in RUNNER.invoke(app, [*arguments, "--until", "2026-01-08"], input=first).stdout


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "3",
        '{"id": "1"}',
        '{"idd": 1}',
        '{"advance_to": "soon"}',
        EVENTS.replace("2026-01-05", "5 January"),
        '{"id": "1", "type": "a", "person": "p", "occurred_at": "2026-01-05", "change": "lost"}',
        '{"id": "1", "type": "a", "person": "p", "occurred_at": "2026-01-05", "attributes": 3}',
    ],
)
def test_a_line_that_cannot_be_used_is_named(rule: Path, text: str) -> None:
    result = RUNNER.invoke(app, ["run", str(rule), "--events", "-", "--catalogue", "none"], input=text)
    assert isinstance(result.exception, UserError)
    assert "-:1: " in result.exception.problem


@pytest.mark.parametrize(
    "arguments",
    [
        ["check", "/nowhere/rule.yaml"],
        ["check", "--catalogue", "/nowhere.yaml"],
        ["check", "--deployment", "/nowhere"],
        ["check", "--deployment", "/nowhere", "--catalogue", "none"],
        ["run", "{rule}", "--events", "/nowhere.jsonl", "--catalogue", "none"],
        ["run", "{rule}", "--events", "-", "--until", "soon", "--catalogue", "none"],
    ],
)
def test_wrong_use(rule: Path, arguments: list[str]) -> None:
    result = RUNNER.invoke(app, [argument.format(rule=rule) for argument in arguments])
    assert isinstance(result.exception, WrongUse)
