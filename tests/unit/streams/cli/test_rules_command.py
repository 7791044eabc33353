"""`headwater rules check | test | run`."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from processors.rules.checking.check import Deployment as RuleDeployment
from processors.rules.input import Input
from processors.rules.lines import Replay, decided, json_attributes
from processors.rules.ruleset import RuleSet
from streams.cli.rules import LIBRARY, app
from streams.composition import DEMO
from streams.errors import WrongUse

RUNNER = CliRunner()
RULE = "rule: r\nversion: 1\nsteps:\n  - {when: a, as: x}\n  - {absent: b, for: 2 days after x}\n"
EVENTS = '{"id": "1", "type": "a", "person": "p", "occurred_at": "2026-01-05"}\n\n{"advance_to": "2026-02-01"}\n'
BAD = b'{"id": "0", "type": "a", "person": "p", "occurred_at": "2026-01-05"}'
"""A line that is good until a test spoils it."""


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
    ("text", "problem"),
    [
        (b"{", "not JSON"),
        (b"3", "no JSON object"),
        (b'\xff\xfe{"id', "not UTF-8; save"),
        (b'{"id": "1"}', "`occurred_at` is no time"),
        (b'{"idd": 1}', "`idd` is not known; use only"),
        (b'{"advance_to": "soon"}', "`advance_to` is no time"),
        (BAD.replace(b"2026-01-05", b"5 January"), "`occurred_at` is no time, or one without a zone; write"),
        (BAD.replace(b"2026-01-05", b"2026-01-05T10:00:00"), "`occurred_at` is no time, or one without a zone; write"),
        (BAD[:-1] + b', "change": "lost"}', "`change: lost` is not known; use created"),
        (BAD[:-1] + b', "change": "annulled"}', "`replaces` is missing"),
        (BAD[:-1] + b', "attributes": 3}', "`attributes` is no object"),
    ],
)
def test_a_line_that_cannot_be_used_is_named_and_the_rest_goes_on(rule: Path, text: bytes, problem: str) -> None:
    arguments = ["run", str(rule), "--events", "-", "--catalogue", "none"]
    alone = RUNNER.invoke(app, arguments, input=EVENTS)
    result = RUNNER.invoke(app, arguments, input=b"\n  \n" + text + b"\n" + EVENTS.encode() + text)
    assert result.exit_code == 1
    assert result.stdout == alone.stdout != ""
    first, second = result.stderr.splitlines()
    assert first.startswith(f"-:3: {problem}")
    assert second.startswith(f"-:7: {problem}")


def test_an_unknown_event_type_is_reported_and_its_line_left_out(rule: Path) -> None:
    unknown = BAD.replace(b'"a"', b'"c"').replace(b"-05", b"-04") + b"\n"
    rule.write_text((LIBRARY / "housing" / "eviction-risk-after-job-loss.yaml").read_text())
    arguments = ["run", str(rule), "--events", "-"]
    told = RUNNER.invoke(app, arguments, input=unknown)
    assert (told.exit_code, told.stdout) == (1, "")
    assert told.stderr.startswith("-:1: the event type `c` is not in the catalogue; correct it, or add it")
    rule.write_text(RULE)
    assert RUNNER.invoke(app, [*arguments, "--catalogue", "none"], input=unknown).exit_code == 0


def test_a_replaced_line_never_heard_is_reported_and_one_that_comes_later_is_not(rule: Path) -> None:
    arguments = ["run", str(rule), "--events", "-", "--catalogue", "none"]
    annulled = BAD.replace(b'"0"', b'"2"')[:-1] + b', "change": "annulled", "replaces": "%s"}\n'
    early = RUNNER.invoke(app, arguments, input=annulled % b"1" + EVENTS.encode())
    assert (early.exit_code, early.stdout, early.stderr) == (0, "", "")
    unheard = RUNNER.invoke(app, arguments, input=annulled % b"none-such" + EVENTS.encode())
    assert unheard.exit_code == 1
    assert "matched" in unheard.stdout
    assert unheard.stderr.startswith("-:1: `replaces: none-such` names no line of this person; correct the id")


def test_conditions_that_could_not_be_evaluated_are_counted_at_the_end(rule: Path) -> None:
    rule.write_text("rule: r\nversion: 1\nsteps:\n  - {when: a, where: amount > 3}\n")
    arguments = ["run", str(rule), "--events", "-", "--catalogue", "none"]
    wrong = BAD[:-1] + b', "attributes": {"amount": "much"}}\n'
    once = RUNNER.invoke(app, arguments, input=wrong)
    assert (once.exit_code, once.stdout) == (0, "")
    assert once.stderr.startswith("a condition could not be evaluated once")
    assert "`headwater rules why` shows where" in once.stderr
    twice = RUNNER.invoke(app, arguments, input=wrong + wrong.replace(b'"0"', b'"1"').replace(b'"p"', b'"q"'))
    assert twice.stderr.startswith("a condition could not be evaluated 2 times")
    assert RUNNER.invoke(app, arguments, input=wrong.replace(b'"much"', b"4")).stderr == ""


def test_decisions_come_while_the_input_goes_on(rule: Path) -> None:
    def endless() -> Iterator[bytes]:
        yield from EVENTS.encode().splitlines()
        raise AssertionError("read on before the decision was told")

    rules = RuleSet.load({"r": rule.read_text()}, RuleDeployment(), json_attributes)
    assert isinstance(rules, RuleSet)
    source = Input(rules.calendar, None, lambda fault: pytest.fail(str(fault)))
    found = decided(Replay(rules), source.items(endless()), None, rules.calendar)
    assert next(found)["decision"] == "matched"


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
