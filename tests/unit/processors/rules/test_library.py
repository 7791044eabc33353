"""The shipped rules: complete, in both languages, with sources, in the documentation."""

from __future__ import annotations

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from processors.rules import library

ROOT = Path(__file__).parents[4]
FILES = sorted(Path(library.__path__[0]).rglob("*.yaml"))
FAMILIES = {
    "work-and-income",
    "housing",
    "children-and-school",
    "health-and-care",
    "bereavement-and-birth",
    "justice",
    "debt",
}
NO_THRESHOLD = {"release-without-address"}


def document(path):
    return YAML(typ="safe").load(path)


def test_there_are_rules_in_every_family():
    assert len(FILES) >= 25
    assert {path.parent.name for path in FILES} == FAMILIES


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_rule_is_complete(path):
    rule = document(path)
    assert rule["rule"] == path.stem
    assert set(rule["title"]) == set(rule["explain"]) == {"en", "nl"}
    assert rule["owner"] == rule["offer"]["lead"]
    assert "overlap" in rule, "state what becomes of overlapping runs"
    outcomes = [example["expect"] == "nothing" for example in rule["examples"]]
    assert len(outcomes) >= 3 and any(outcomes) and not all(outcomes)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_threshold_names_its_source(path):
    assert ("# source:" in path.read_text(encoding="utf-8")) is (path.stem not in NO_THRESHOLD)


def test_the_page_lists_every_rule_with_its_owner_and_purpose():
    rows = [line for line in (ROOT / "docs" / "library.md").read_text(encoding="utf-8").splitlines() if "| `" in line]
    for path in FILES:
        rule = document(path)
        row = next(line for line in rows if line.startswith(f"| `{rule['rule']}`"))
        assert f"| {rule['title']['en']} | {rule['owner']} | {rule['purpose']} |" in row
        assert ("*(household)*" in row) is (rule["per"] == "household")
