"""The shipped rules: complete, in both languages, with sources, in the documentation."""

from __future__ import annotations

import re
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
CHECKABLE = re.compile(r"# source: (local choice|.*(\d{4}/C \d+/\d+|\d+ CFR|article \d+))", re.DOTALL)
BASES = {
    "hospital_discharged": "art. 9(2)(h)",
    "sick_leave_started": "art. 9(2)(h)",
    "sick_leave_ended": "art. 9(2)(h)",
    "prison_released": "art. 10",
}
"""Health data and data on convictions: what of the GDPR a purpose must name to see them."""


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


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_source_is_a_local_choice_or_can_be_looked_up(path):
    text = path.read_text(encoding="utf-8")
    assert path.stem in NO_THRESHOLD or CHECKABLE.search(text.partition("offer:")[0])


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_silence_is_told_as_not_known_rather_than_as_fact(path):
    rule = document(path)
    if "absent" in str(rule["steps"]) or "right_after" in str(rule["steps"]):
        assert "known" in rule["explain"]["en"] and "bekend" in rule["explain"]["nl"]


def test_health_and_convictions_are_seen_on_their_own_legal_basis():
    purposes = document(ROOT / "infra" / "demo" / "purposes.yaml")
    granted = [(purpose["legal_basis"], kind) for purpose in purposes.values() for kind in purpose["types"]]
    assert {kind for _, kind in granted} >= set(BASES)
    assert all(BASES[kind] in basis and "art. 6(1)" in basis for basis, kind in granted if kind in BASES)


def test_the_page_lists_every_rule_with_its_owner_and_purpose():
    rows = [line for line in (ROOT / "docs" / "library.md").read_text(encoding="utf-8").splitlines() if "| `" in line]
    for path in FILES:
        rule = document(path)
        row = next(line for line in rows if line.startswith(f"| `{rule['rule']}`"))
        assert f"| {rule['title']['en']} | {rule['owner']} | {rule['purpose']} |" in row
        assert ("*(household)*" in row) is (rule["per"] == "household")
