"""`headwater rules why`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from streams.cli import app
from streams.errors import WrongUse

RUNNER = CliRunner()
RULE = "rule: {}\nversion: 1\ntitle: {{en: Silence, nl: Stilte}}\nsteps:\n"
STEPS = "  - {when: a, as: x}\n  - {absent: b, for: 2 days after x}\n"
EVENTS = [
    {"id": "1", "type": "a", "person": "p", "occurred_at": "2026-01-05"},
    {"id": "2", "type": "a", "person": "q", "occurred_at": "2026-01-06", "household": "h"},
    {"id": "3", "type": "b", "person": "q", "occurred_at": "2026-01-07", "household": "h"},
    {"advance_to": "2026-02-01"},
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "events.jsonl").write_text("".join(json.dumps(line) + "\n" for line in EVENTS))
    (tmp_path / "rule.yaml").write_text(RULE.format("silence") + STEPS)
    return tmp_path


def why(folder: Path, *arguments: str) -> list[str]:
    events = ["--events", str(folder / "events.jsonl"), "--catalogue", "none"]
    result = RUNNER.invoke(app, ["rules", "why", *arguments, *events])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0
    return result.stdout.splitlines()


def test_a_rule_file_is_explained_in_sentences(folder: Path) -> None:
    lines = why(folder, str(folder / "rule.yaml"), "--person", "p")
    assert lines[:2] == ['Rule "Silence" (silence), person p, as known on 1 February 2026.', "There is a match."]
    dutch = why(folder, str(folder / "rule.yaml"), "--person", "q", "--language", "nl")
    assert dutch[:2] == ["Regel ‘Stilte’ (silence), persoon q, zoals bekend op 1 februari 2026.", "Er is geen signaal."]


def test_a_rule_is_named_among_several(folder: Path) -> None:
    (folder / "other.yaml").write_text(RULE.format("other") + STEPS)
    assert why(folder, "silence", "--rules", str(folder), "--person", "p")[1] == "There is a match."
    with pytest.raises(WrongUse, match=r"holds 2 rules; add `--rules .* and name one of `other`, `silence`"):
        why(folder, str(folder), "--person", "p")
    with pytest.raises(WrongUse, match="no rule `noise`; name a rule file or one of `other`, `silence`"):
        why(folder, "noise", "--rules", str(folder), "--person", "p")


def test_at_a_moment_it_is_as_it_was_known_then(folder: Path) -> None:
    rule = str(folder / "rule.yaml")
    assert why(folder, rule, "--person", "p", "--at", "2026-01-06")[1] == "There is no match yet."
    assert why(folder, rule, "--person", "q", "--at", "2026-01-06")[1] == "There is no match yet."
    assert why(folder, rule, "--person", "p", "--at", "2026-01-08")[1] == "There is a match."
    with pytest.raises(WrongUse, match="no event of person `q`"):
        why(folder, rule, "--person", "q", "--at", "2026-01-05")
    with pytest.raises(WrongUse, match="`--at soon` is no time"):
        why(folder, rule, "--person", "q", "--at", "soon")


def test_json_says_the_same(folder: Path) -> None:
    (text,) = why(folder, str(folder / "rule.yaml"), "--person", "q", "--json")
    found = json.loads(text)
    (run,) = found["versions"][0]["runs"]
    assert (found["rule"], found["name"], run["status"]) == ("silence", "q", "contradicted")
    assert run["stopped_by"]["id"] == "3"


def test_a_household_is_asked_for_where_the_rule_reads_one(folder: Path) -> None:
    rule = folder / "rule.yaml"
    rule.write_text(rule.read_text().replace("steps:", "per: household\nsteps:"))
    with pytest.raises(WrongUse, match="reads households; add --household"):
        why(folder, str(rule), "--person", "q")
    assert why(folder, str(rule), "--household", "h")[0].startswith('Rule "Silence" (silence), household h')
    with pytest.raises(WrongUse, match=r"no event of household `i` .*; name one of `h`"):
        why(folder, str(rule), "--household", "i")


def test_an_unknown_person_or_language_says_what_to_do(folder: Path) -> None:
    rule = str(folder / "rule.yaml")
    with pytest.raises(WrongUse, match=r"no event of person `x` in .*; name one of `p`, `q`"):
        why(folder, rule, "--person", "x")
    with pytest.raises(WrongUse, match="reads persons; add --person"):
        why(folder, rule)
    with pytest.raises(WrongUse, match="no texts in `fr`; use one of `en`, `nl`"):
        why(folder, rule, "--person", "p", "--language", "fr")


def test_a_bad_line_is_named_and_the_rest_is_explained(folder: Path) -> None:
    events, rule = folder / "events.jsonl", str(folder / "rule.yaml")
    lines = why(folder, rule, "--person", "p")
    events.write_bytes(b"\n\xff\n" + events.read_bytes() + b'{"advance_to": "soon"}\n')
    arguments = ["rules", "why", rule, "--person", "p", "--events", str(events), "--catalogue", "none"]
    result = RUNNER.invoke(app, arguments)
    assert result.exit_code == 1
    assert result.stdout.splitlines() == lines
    first, second = result.stderr.splitlines()
    assert first.startswith(f"{events}:2: not UTF-8; ")
    assert second.startswith(f"{events}:7: `advance_to` is no time")


def test_a_replaced_line_may_still_come_after_the_moment_asked_for(folder: Path) -> None:
    events, rule = folder / "events.jsonl", str(folder / "rule.yaml")
    annulled = {**EVENTS[0], "id": "9", "change": "annulled", "replaces": "none-such"}
    events.write_text(json.dumps(annulled) + "\n" + events.read_text())
    arguments = ["rules", "why", rule, "--person", "p", "--events", str(events), "--catalogue", "none"]
    early = RUNNER.invoke(app, [*arguments, "--at", "2026-01-06"])
    assert (early.exit_code, early.stderr) == (0, "")
    whole = RUNNER.invoke(app, arguments)
    assert whole.exit_code == 1
    assert whole.stderr.startswith(f"{events}:1: `replaces: none-such` names no line of this person; ")


def test_of_many_persons_ten_are_listed(folder: Path) -> None:
    lines = [{"id": f"{n}", "type": "a", "person": f"p{n:02}", "occurred_at": "2026-01-05"} for n in range(12)]
    (folder / "events.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    with pytest.raises(WrongUse, match="`p09` and 2 more"):
        why(folder, str(folder / "rule.yaml"), "--person", "x")
