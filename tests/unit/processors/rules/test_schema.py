"""The JSON Schema for editors: the keywords the parser knows, and the rules it takes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

import processors.rules
from processors.rules.model import Rule
from processors.rules.reading.document import OFFER_KEYS, RULE_KEYS, parse
from processors.rules.reading.example_text import EXAMPLE_KEYS
from processors.rules.reading.member_text import COMBINATIONS, MEMBER_KEYS, SILENCE_KEYS
from processors.rules.reading.schema import RULE_WORDS, STEP_WORDS, schema, text
from processors.rules.reading.step_text import KINDS, STEP_KEYS
from tests.unit.processors.rules.test_document import FORM, GOLDEN, LIBRARY, WHOLE

PUBLISHED = Path(processors.rules.__path__[0]) / "rule.schema.json"
DOCS = Path(__file__).parents[4] / "docs"
VALIDATOR = Draft202012Validator(json.loads(PUBLISHED.read_text(encoding="utf-8")))

BEYOND_FORM = (
    "twice under the same condition",
    *(
        "cannot be step",
        "cannot stand in a group that repeats",
        "a group that repeats cannot",
        "repeats too many steps",
        "cannot begin",
        "optional steps alone",
        "first step of a rule",
        "the first step",
        "stands in the first step only",
    ),
    *("stands in the last step only", "does not go with `times`", "does not go with `optional`", "has no name"),
    *("does not go with `all_of`", "does not go with an `absent` member", "cannot be repeated", "exchange them"),
    *(
        "too often",
        "holds nothing",
        "too long",
        "does not go with `for: D before NAME`",
        "goes with `for: D after NAME`",
    ),
    *("would never end", "is no count", "from 1 to", "use `how: each` with"),
    *("both with and without a step", "outside any group", "`again` goes with"),
)
"""What only the parser refuses: a schema looks at one keyword, or a few, at a time."""


def plain(node: Any) -> Any:
    """A YAML document as an editor's schema check sees it: dates are text."""
    if isinstance(node, dict):
        return {key: plain(value) for key, value in node.items()}
    if isinstance(node, list):
        return [plain(value) for value in node]
    return node.isoformat() if isinstance(node, date) else node


def faults(rule: str) -> list[str]:
    return [error.message for error in VALIDATOR.iter_errors(plain(YAML(typ="safe", pure=True).load(rule)))]


def test_the_published_file_is_what_the_keywords_give() -> None:
    told = "write it anew as the docstring of processors/rules/reading/schema.py says"
    assert PUBLISHED.read_text(encoding="utf-8") == text(), told
    Draft202012Validator.check_schema(schema())


def test_it_knows_the_keywords_the_parser_knows() -> None:
    known = json.loads(PUBLISHED.read_text(encoding="utf-8"))
    blocks = {frozenset(block) for block in properties(known)}
    steps = {frozenset({kind, *keys}) for kind, keys in KINDS.items()}
    others = {frozenset(keys) for keys in (RULE_KEYS, OFFER_KEYS, EXAMPLE_KEYS, MEMBER_KEYS, SILENCE_KEYS)}
    small = {frozenset({"type", "where"}), frozenset({"from", "until"}), frozenset({"accept", "else"})}
    assert blocks == steps | others | small | {frozenset({each}) for each in COMBINATIONS}
    assert set(RULE_WORDS) == set(RULE_KEYS)
    assert set(STEP_WORDS) == {*STEP_KEYS, *COMBINATIONS, "type"}


def properties(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        if isinstance(node.get("properties"), dict) and "type" in node:
            yield node["properties"]
        for value in node.values():
            yield from properties(value)
    elif isinstance(node, list):
        for value in node:
            yield from properties(value)


def test_every_keyword_is_described() -> None:
    for block in properties(schema()):
        if not set(block) & {"from", "accept"}:
            assert [key for key, value in block.items() if len(value["description"]) < 10] == []


@pytest.mark.parametrize(
    "file", [*LIBRARY.rglob("*.yaml"), *GOLDEN.rglob("rule.yaml")], ids=lambda file: str(file)[-60:]
)
def test_it_takes_shipped_rules(file: Path) -> None:
    assert faults(file.read_text(encoding="utf-8")) == []


def test_it_takes_the_rules_of_the_pages_and_one_with_every_keyword() -> None:
    found = re.findall(r"^```yaml\n(rule:.*?)^```$", (DOCS / "rules.md").read_text(encoding="utf-8"), re.M | re.S)
    assert found
    for rule in (*found, WHOLE):
        assert faults(rule) == []


@pytest.mark.parametrize(("body", "problem"), [(body, problem) for body, _, problem in FORM])
def test_it_refuses_what_the_parser_refuses_for_its_form(body: str, problem: str) -> None:
    rule = "rule: r\nversion: 1\nsteps:\n" + body
    assert not isinstance(parse("r.yaml", rule, is_experiment=True), Rule)
    assert bool(faults(rule)) or any(each in problem for each in BEYOND_FORM), problem


@pytest.mark.parametrize(
    "line",
    [
        *("per: street", "runs: second only", "overlap: never", "on_correction: panic", "report: sometimes"),
        *("among: a", "repeats: ignore all", "within: a year", "late: 3 days", "title: {}", "titel: x", "version: 0"),
        *("valid: {from: soon}", "examples: [{name: n}]", "offer: {services: [call]}", "rule: a b", "owner: []"),
        *("steps: []", "steps: [then]", "within: 5 days of first", "explain: 3", "report: not again for ever"),
    ],
)
def test_it_refuses_a_wrong_key(line: str) -> None:
    base = {"rule": "rule: r", "version": "version: 1", "steps": "steps: [{when: a}]"}
    base[line.partition(":")[0]] = line
    assert faults("\n".join(base.values())) != []
    assert faults("rule: r\nversion: 1\nsteps: [{when: a}]") == []
