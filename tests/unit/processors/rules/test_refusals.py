"""What is refused at load: every problem names line and remedy."""

from __future__ import annotations

import textwrap

import pytest

from processors.events import EventType
from processors.rules.check import Deployment
from processors.rules.lines import json_attributes
from processors.rules.load import load
from processors.rules.ruleset import RuleSet

GOOD = textwrap.dedent(
    """\
    rule: story
    version: 1
    title: {en: A story, nl: Een verhaal}
    owner: team
    purpose: help
    valid: {from: 2026-01-01, until: 2026-12-31}
    steps:
      - when: a
        as: x
      - absent: claim
        for: 5 days after x
      - then: b
        as: y
        where: n > 5
        within: 10 days of x
    offer: {services: [call], urgency: high, respond_within: 2 working days, hold: 0 days, lead: team}
    explain: "{person} had {x.type} on {x.occurred_at}."
    examples:
      - {name: yes, events: [2026-01-05 a, "2026-01-12 b {n: 6}"], expect: matched 2026-01-12}
      - {name: no, events: [2026-01-05 a], expect: nothing}
    """
)
CATALOGUE = {
    "a": EventType("a", "an a", {"n": "number", "s": "string"}),
    "b": EventType("b", "a b", {"n": "number", "s": "string", "flag": "boolean"}),
    "claim": EventType("claim", "a claim", {}, is_benefit_receipt=True),
    "asked": EventType("asked", "asked for help", {}, is_help_seeking=True),
    "secret": EventType("secret", "a secret", {}),
}
PLACE = Deployment(CATALOGUE, {"help": frozenset({"a", "b", "claim", "asked"})}, {"team"}, {"call"})


def problems(text: str, place: Deployment = PLACE) -> list[str]:
    loaded = load({"rule.yaml": text}, place, json_attributes)
    return [] if isinstance(loaded, RuleSet) else [str(problem) for problem in loaded]


def test_a_good_rule_has_no_problem() -> None:
    assert problems(GOOD) == []


@pytest.mark.parametrize(
    ("old", "new", "line", "problem"),
    [
        ("version: 1", "version: 1\nversion: 2", 3, "duplicate key"),
        ("version: 1", "version: one", 2, "is no version"),
        ("title:", "titel:", 3, "`titel` is no keyword"),
        ("purpose: help", "purpose: harm", 5, "purpose `harm` is not known"),
        ("when: a", "when: zebra", 8, "`zebra` is not in the catalogue"),
        ("when: a", "when: secret", 8, "`secret` is not granted to the purpose"),
        ("when: a", "when: asked", 8, "`asked` is help seeking and may not stand as a positive step"),
        ("then: b", "then: {any_of: [b, claim]}", 12, "`claim` is benefit receipt"),
        ("when: a", "then: a", 8, "`then` cannot be step 1"),
        ("    within: 10 days of x\n", "", 12, "has no time limit"),
        ("    for: 5 days after x\n", "", 10, "`absent` has no time limit"),
        ("10 days of x", "10 days of z", 12, "`z` is not the name of an earlier step"),
        ("10 days of x", "10 days of y", 12, "`y` is not the name of an earlier step"),
        ("10 days of x", "10 days", 15, "does not say of what"),
        ("10 days of x", "ten days of x", 15, "is no duration"),
        ("after x", "after x\n    until: x", 10, "`until: x` is not the name of a later step"),
        ("as: y", "as: x", 12, "the name `x` is given twice"),
        ("as: y", "as: first", 12, "`first` cannot be a name"),
        ("n > 5", "n >", 14, "not a condition"),
        ("n > 5", "nn > 5", 14, "`nn` is no field of `b`"),
        ("n > 5", "x.nn > 5", 14, "`x.nn` is no field"),
        ("n > 5", "n > 'five'", 14, "fails on fields as the contract has them"),
        ("n > 5", "n + 1", 14, "fails on fields"),
        ("n > 5", "launch(n)", 14, "`launch` is no function"),
        ("[call]", "[bailiff]", 16, "`bailiff` is not in the directory"),
        ("lead: team", "lead: police", 16, "`police` is not known"),
        ("urgency: high", "urgency: extreme", 16, "`urgency: extreme` is not known"),
        ("{x.type}", "{z.type}", 17, "`{z.type}`, which no step always binds"),
        ("expect: matched 2026-01-12", "expect: matched 2026-01-13", 19, "the rule says `matched 2026-01-12`"),
        ("expect: matched 2026-01-12", "expect: perhaps", 19, "`expect: perhaps` is not known"),
        ("matched 2026-01-12", "nothing", 18, "no example matches"),
        ("until: 2026-12-31", "until: 2025-12-31", 6, "ends before it begins"),
        ("steps:", "report: sometimes\nsteps:", 7, "`report: sometimes` is not known"),
        ("steps:", "overlap: never\nsteps:", 7, "`overlap: never` is not known"),
        ("steps:", "late: {accept: soon}\nsteps:", 7, "is no duration"),
    ],
)
def test_refused(old: str, new: str, line: int, problem: str) -> None:
    found = problems(GOOD.replace(old, new, 1))
    assert any(f"rule.yaml:{line}: " in each and problem in each and "; " in each for each in found), found


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("steps:", "runs: first only\nsteps:", 7),
        ("steps:", "among: [a]\nsteps:", 7),
        ("steps:", "repeats: ignore same n in 2 days\nsteps:", 7),
        ("steps:", "per: household\nsteps:", 7),
        ("steps:", "overlap: longest\nsteps:", 7),
        ("steps:", "on_correction: withdraw\nsteps:", 7),
        ("steps:", "on_correction: tell officer\nsteps:", 7),
        ("then: b", "right_after: b", 12),
        ("then: b", "all_of: [a, b]", 12),
        ("then: b", "then: {all_of: [a, b]}", 12),
        ("then: b", "group: [{then: b}]", 12),
        ("as: y", "as: y\n    each: true", 14),
        ("as: y", "as: y\n    optional: true", 14),
        ("as: y", "as: y\n    times: 3", 14),
        ("as: y", "as: y\n    how: longest", 14),
        ("as: y", "as: y\n    stop_at: a", 14),
        ("as: y", "as: y\n    max_gap: 3 days", 14),
        ("as: y", "as: y\n    unbroken: true", 14),
        ("for: 5 days after x", "for: 5 days after x\n    again: true", 12),
        ("for: 5 days after x", "for: 5 days before x", 11),
        ("for: 5 days after x", "until: next event", 11),
        ("absent: claim", "absent: {all_of: [claim, b]}", 10),
        ("then: b", "then: {any_of: [b, {absent: a, for: 3 days after x}]}", 12),
    ],
)
def test_a_keyword_of_a_later_version_is_refused_by_name_and_line(old: str, new: str, line: int) -> None:
    found = problems(GOOD.replace(old, new, 1))
    assert any(f"rule.yaml:{line}: " in each and "not supported yet in this version" in each for each in found), found


@pytest.mark.parametrize(
    "key", ["rule", "version", "title", "owner", "purpose", "valid", "offer", "explain", "examples"]
)
def test_required_outside_experiments(key: str) -> None:
    lines = GOOD.splitlines(keepends=True)
    start = next(place for place, line in enumerate(lines) if line.startswith(f"{key}:"))
    end = next((p for p in range(start + 1, len(lines)) if not lines[p].startswith(" ")), len(lines))
    assert any(f"`{key}` is missing" in each for each in problems("".join(lines[:start] + lines[end:])))


def test_experiments_need_only_rule_version_and_steps() -> None:
    text = "rule: r\nversion: 1\nsteps:\n  - when: anything\n  - then: other\n"
    assert problems(text, Deployment()) == []


def test_two_versions_valid_at_once_are_refused() -> None:
    other = GOOD.replace("version: 1", "version: 2")
    loaded = load({"one": GOOD, "two": other}, PLACE, json_attributes)
    assert isinstance(loaded, list)
    assert "valid at once" in str(loaded[0])
    later = (
        other.replace("2026-12-31", "2027-12-31")
        .replace("2026-01-01", "2027-01-01")
        .replace("2026-01-05", "2027-01-05")
    )
    later = later.replace("2026-01-12", "2027-01-12")
    assert isinstance(load({"one": GOOD, "two": later}, PLACE, json_attributes), RuleSet)


@pytest.mark.parametrize(
    "text", ["", "[1, 2]", "a: [", "\t", "rule: {", "&a *a", "steps: 3", "rule: r\nversion: 1\nsteps: [3]"]
)
def test_no_text_makes_it_raise(text: str) -> None:
    assert problems(text) != []


def test_only_the_wildcard_spares_help_seeking() -> None:
    text = (
        GOOD.replace("then: b", 'then: "*"')
        .replace("    where: n > 5\n", "")
        .replace(
            'events: [2026-01-05 a, "2026-01-12 b {n: 6}"]', "events: [2026-01-05 a, 2026-01-07 asked, 2026-01-12 b]"
        )
    )
    assert problems(text) == []
