"""What is refused at load: every problem names line and remedy."""

from __future__ import annotations

import textwrap

import pytest

from processors.civil_time import Duration, Unit
from processors.events import EventType
from processors.rules.checking.check import Deployment, warnings
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
PLACE = Deployment(
    CATALOGUE,
    {"help": frozenset({"a", "b", "claim", "asked"})},
    {"team", "bailiffs"},
    {"call", "fine"},
    enforcement={"bailiffs", "fine"},
)


WAYS = textwrap.dedent(
    """\
    rule: ways
    version: 1
    title: Ways
    owner: team
    purpose: help
    valid: {from: 2026-01-01, until: 2026-12-31}
    offer: {services: [call], urgency: high, respond_within: 2 working days, hold: 0 days, lead: team}
    examples: []
    """
)
"""A rule without steps, explanation or examples, to be completed by a test."""


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
        ("[call]", "[fine]", 16, "the service `fine` is given by an enforcement body"),
        ("lead: team", "lead: bailiffs", 16, "the lead team `bailiffs` is an enforcement body"),
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


TOLD = [
    # every open end has a time limit
    ("  - when: a\n  - then: b\n", 11, "the step has no time limit; add `within: 60 days of previous`"),
    ("  - when: a\n  - right_after: b\n", 11, "the step has no time limit"),
    ("  - when: a\n  - at_least: 2 b\n    in_any: 3 days\n", 11, "the step has no time limit"),
    ("  - when: a\n    times: 3\n", 10, "the step has no time limit; add `within: 60 days of first`"),
    ("  - when: a\n    times: at least 2\n    max_gap: 3 days\n", 10, "the step has no time limit"),
    ("  - when: {all_of: [a, b]}\n", 10, "the step has no time limit"),
    ("  - group: [{when: a}]\n    times: 2..5\n", 10, "the step has no time limit"),
    ("  - group: [{when: a}]\n    times: at least 2\n    max_gap: 3 days\n", 10, "the step has no time limit"),
    ("  - group: [{when: a}, {then: b}]\n", 10, "the step has no time limit"),
    ("  - when: a\n  - group: [{then: b}]\n    times: 2\n", 11, "the step has no time limit"),
    (
        "  - when: a\n  - group: [{then: b, within: 3 days of previous}]\n    times: at least 2\n",
        11,
        "the step has no time limit",
    ),
    ("  - when: a\n  - absent: b\n    for: 3 days after first\n    again: true\n", 11, "`again` has no end"),
    ("  - when: a\n  - absent: b\n    until: next event\n", 11, "`until: next event` waits without a time limit"),
    (
        "  - when: a\n  - absent: b\n    until: next event\n"
        "  - then: a\n    optional: true\n    within: 3 days of first\n",
        11,
        "`until: next event` waits without a time limit",
    ),
    # names
    ("  - when: a\n  - then: b\n    within: 3 days of x\n", 11, "`x` is not the name of an earlier step"),
    ("  - when: a\n  - absent: b\n    for: 3 days after x\n", 11, "`x` is not the name of an earlier step"),
    ("  - when: a\n  - absent: b\n    for: 3 days before previous\n", 11, "`previous` is not the name of an earlier"),
    ("  - when: a\n  - absent: b\n    until: x\n", 11, "`until: x` is not the name of a later step"),
    (
        "  - when: a\n  - group: [{then: b, as: x, within: 3 days of y}, {then: b, as: y}]\n",
        11,
        "`y` is not the name of an earlier step",
    ),
    (
        "  - when: {any_of: [{type: a, as: x}, {type: b, as: y}]}\n  - then: b\n    within: 3 days of x\n",
        11,
        "a window counts from `x`, which a match may lack",
    ),
    (
        "  - when: a\n  - then: b\n    as: x\n    optional: true\n    within: 3 days of first\n"
        "  - absent: claim\n    for: 3 days after x\n",
        15,
        "a window counts from `x`, which a match may lack",
    ),
    (
        "  - when: a\n  - group: [{then: b, as: x}]\n    optional: true\n    within: 3 days of first\n"
        "  - then: {any_of: [b, {absent: claim, for: 3 days after x}]}\n    within: 9 days of first\n",
        14,
        "a window counts from `x`, which a match may lack",
    ),
    (
        "  - when: a\n    as: x\n"
        "  - then: {any_of: [b, {absent: claim, for: 3 days after z}]}\n    within: 9 days of x\n",
        12,
        "`z` is not the name of an earlier step",
    ),
    ("  - when: {any_of: [{type: a, as: x}, {type: b, as: x}]}\n", 10, "the name `x` is given twice"),
    ("  - when: a\n    as: amount of rent\n", 10, "`amount of rent` cannot be a name"),
    ("  - when: a\n    as: sum\n", 10, "`sum` cannot be a name"),
    # types
    ("  - when: a\n    times: 2\n    stop_at: zebra\n", 10, "`zebra` is not in the catalogue"),
    ("  - group: [{when: a}]\n    times: 2\n    stop_at: secret\n", 10, "`secret` is not granted to the purpose"),
    (
        "  - when: a\n  - then: {any_of: [b, {absent: secret, for: 3 days after first}]}\n",
        11,
        "`secret` is not granted to the purpose",
    ),
    ("  - when: a\namong: [a, zebra]\n", 11, "`zebra` is not in the catalogue"),
    ("  - when: a\n  - absent: b\n    for: 3 days after first\namong: [a]\n", 13, "the rule uses `b`, which `among`"),
    ("  - when: a\nrepeats: ignore same agency, m in 2 days\n", 11, "no event of the rule has a field `m`"),
    # no harm
    ("  - group: [{when: a}, {then: claim}]\n", 10, "`claim` is benefit receipt and may not stand as a positive step"),
    ("  - when: {all_of: [a, asked]}\n", 10, "`asked` is help seeking and may not stand as a positive step"),
    ("  - at_least: 2 asked\n    in_any: 3 days\n", 10, "`asked` is help seeking"),
    ("  - when: claim\n    times: 2\n", 10, "`claim` is benefit receipt"),
    ("  - when: a\n  - then: {any_of: [b, asked]}\n    optional: true\n", 11, "`asked` is help seeking"),
    # size
    ('  - when: "*"\n', 10, "the rule matches everything"),
    ('  - when: "*"\n  - then: {any_of: [a, "*"]}\n    within: 3 days of first\n', 10, "the rule matches everything"),
    ("  - when: a\n  - then: b\n    within: 21 years of first\n", 9, "together span 7,720 days; shorten them"),
    (
        "  - when: a\n    times: 1000\n    max_gap: 30 days\n",
        9,
        "shorten them: a rule looks back 7,320 days at most",
    ),
    (
        "  - when: a\n" + 3 * "  - then: b\n    each: true\n    within: 3 days of first\n",
        17,
        "matches multiply: 3 steps make a match of each event; use `each` in at most 2 steps",
    ),
    (
        "  - when: a\n" + 50 * "  - then: b\n    within: 3 days of first\n",
        109,
        "the rule has 51 steps; use at most 50",
    ),
    # conditions
    ("  - when: a\n    where: z.n > 3\n", 11, "`z.n` is no field of `a` nor an earlier name"),
    ("  - when: a\n    where: before.m > 3\n", 11, "`before.m` is no field"),
    ("  - when: a\n    where: before.n > 'x'\n", 11, "works with values of different kinds"),
    ("  - when: a\n    as: x\n    times: 2\n    where: x.n > 3\n", 13, "works with values of different kinds"),
    ("  - when: a\n    as: x\n    times: 2\n    where: sum(x.map(e, e.m)) > 3\n", 13, "`x.m` is no field of `a`"),
    ("  - when: a\n    as: x\n    times: 2\n    where: last(x).m > 3\n", 13, "`last(x).m` is no field of `a`"),
    ("  - when: a\n    as: x\n    where: count(x) > 3\n", 12, "cannot apply `count` to what it is given"),
    ("  - when: a\n    as: x\n    times: 2\n    where: x[5].n > 3\n", 13, "reads beyond the end of a list"),
    ("  - when: a\n    as: n\n    where: n > 3\n", 12, "`n` is both a name and a field of `a`"),
    ("  - when: a\n    where: count > 3\n", 11, "`count` is a function; write `attributes.count`"),
    ("  - when: a\n    where: flag\n", 11, "`flag` is no field of `a`"),
    ("  - when: {any_of: [{type: a, as: x}, {type: b, where: x.n > 1}]}\n", 10, "`x.n` is no field of `b`"),
    ("  - when: a\n    times: 2\n    stop_at: {type: b, where: m > 1}\n", 12, "`m` is no field of `b`"),
    ("  - when: a\n  - absent: b\n    where: m > 1\n    for: 3 days after first\n", 12, "`m` is no field of `b`"),
    (
        "  - when: a\n  - then: {any_of: [b, {absent: claim, where: n > 1, for: 3 days after first}]}\n",
        11,
        "`n` is no field of `claim`",
    ),
    ("  - when: a\n    where: s.matches('(')\n", 11, "'(' is no pattern for `matches`"),
    ('  - when: "*"\n    where: m > 3\n', 11, "`m` is no field of `*`"),
    # explanations
    (
        '  - when: {any_of: [{type: a, as: x}, {type: b, as: y}]}\nexplain: "{x.type}"\n',
        11,
        "`{x.type}`, which no step always binds",
    ),
    (
        '  - when: a\n  - then: b\n    as: x\n    optional: true\n    within: 3 days of first\nexplain: "{x.type}"\n',
        15,
        "`{x.type}`, which no step always binds",
    ),
    (
        "  - when: a\n  - group: [{then: b, as: x}]\n    optional: true\n    within: 3 days of first\n"
        'explain: "{x.type}"\n',
        14,
        "`{x.type}`, which no step always binds",
    ),
    (
        "  - when: a\n  - then: {any_of: [b, {absent: claim, for: 3 days after first}]}\n    as: x\n"
        '    within: 9 days of first\nexplain: "{x.type}"\n',
        14,
        "`{x.type}`, which no step always binds",
    ),
    ('  - when: a\n    as: x\nexplain: "{x.n}"\n', 12, "`{x.n}`, which no step always binds"),
]


def whole(body: str) -> str:
    return WAYS + "steps:\n" + body + ("" if "explain:" in body else 'explain: "{person} had it."\n')


@pytest.mark.parametrize(("body", "line", "problem"), TOLD, ids=lambda value: str(value)[:70].strip())
def test_what_a_rule_refers_to_and_promises_is_checked(body: str, line: int, problem: str) -> None:
    found = problems(whole(body))
    assert any(each.startswith(f"rule.yaml:{line}: ") and problem in each and "; " in each for each in found), found


GOOD_WAYS = [
    "  - when: a\n    times: 2..5\n    max_gap: 3 days\n",
    "  - when: a\n    times: at least 2\n    within: 30 days of first\n    as: x\n    where: sum(x.map(e, e.n)) < 7\n",
    "  - when: {all_of: [{type: a, as: x}, {type: b, as: y}]}\n    within: 30 days of first\n",
    "  - group: [{when: a, as: x}, {then: b, within: 3 days of x}]\n    times: 2..5\n    max_gap: 9 days\n",
    "  - when: a\n  - group: [{then: b, within: 3 days of previous}]\n    times: 2..5\n",
    "  - when: a\n  - group: [{then: b}, {then: a}]\n    times: at least 2\n    within: 30 days of first\n",
    "  - when: a\n  - absent: b\n    until: next event\n  - then: a\n    within: 3 days of first\n",
    "  - when: a\n  - absent: b\n    for: 3 days after first\n    again: true\nwithin: 1 year\n",
    "  - when: a\n    times: 2\n    max_gap: 9 days\n    stop_at: claim\n",
    "  - when: a\n    as: x\n  - absent: asked\n    for: 30 days before x\n",
    '  - when: "*"\n    where: before.n > n\n',
    '  - when: "*"\n  - absent: "*"\n    for: 30 days after first\n',
    "  - when: a\n    where: has(before.flag) && before.flag\n",
    "  - when: a\n    as: x\n    where: x.n > 3 && x.n == n\n",
    "  - when: a\nrepeats: ignore same agency, n in 2 days\namong: [a, b]\n",
    "  - when: {any_of: [a, b]}\n    as: x\n  - then: b\n    where: x.flag && n > x.n\n    within: 3 days of x\n",
]


@pytest.mark.parametrize("body", GOOD_WAYS)
def test_nothing_is_said_against_a_rule_that_is_right(body: str) -> None:
    assert [each for each in problems(whole(body)) if "no example" not in each] == []


def test_a_type_that_is_kept_for_less_than_the_rule_looks_back_is_refused() -> None:
    body = whole("  - when: a\n  - then: b\n    within: 1 year of first\n")

    def kept(duration: Duration) -> list[str]:
        catalogue = {**CATALOGUE, "b": EventType("b", "a b", {}, kept_for=duration)}
        place = Deployment(catalogue, PLACE.purposes, PLACE.teams, PLACE.services)
        return [each for each in problems(body, place) if "example" not in each]

    (found,) = kept(Duration(12, Unit.MONTHS))
    assert "`b` is kept for 12 months, and the rule looks back up to 400 days; shorten" in found
    assert kept(Duration(13, Unit.MONTHS)) == []


@pytest.mark.parametrize(
    ("body", "is_warned"),
    [
        ("  - when: a\n", False),
        ("  - when: a\n  - absent: b\n    for: 3 days before first\n", False),
        ("  - when: a\n  - absent: b\n    for: 3 days after first\n", True),
        ("  - when: a\n  - then: b\n", True),
        ("  - when: a\n    times: 3\n", True),
        ("  - when: {all_of: [a, b]}\n", True),
        ("  - at_least: 2 a\n    in_any: 3 days\n", True),
        ("  - group: [{when: a}]\n", True),
        ("  - when: a\n  - then: b\noverlap: start after\n", False),
        ("  - when: a\n  - then: b\nruns: first only\n", False),
        ("  - when: a\n  - then: b\nreport: once\n", False),
        ("  - when: a\n  - then: b\n    each: true\n", False),
    ],
)
def test_overlap_left_to_its_default_is_warned_where_two_runs_can_be_open(body: str, is_warned: bool) -> None:
    rules = load({"r.yaml": f"rule: r\nversion: 1\nsteps:\n{body}"}, Deployment(), json_attributes)
    assert isinstance(rules, RuleSet)
    told = ["r.yaml:3: warning: two runs can be open at once, and `overlap` is left to its default"]
    assert [str(each).partition(";")[0] for each in warnings(rules.rules)] == told * is_warned


@pytest.mark.parametrize(
    "key", ["rule", "version", "title", "owner", "purpose", "valid", "offer", "explain", "examples"]
)
def test_required_outside_experiments(key: str) -> None:
    lines = GOOD.splitlines(keepends=True)
    start = next(place for place, line in enumerate(lines) if line.startswith(f"{key}:"))
    end = next((p for p in range(start + 1, len(lines)) if not lines[p].startswith(" ")), len(lines))
    assert any(f"`{key}` is missing" in each for each in problems("".join(lines[:start] + lines[end:])))


def test_experiments_need_only_rule_version_and_steps() -> None:
    text = """
rule: r
version: 1
steps:
  - when: {any_of: [{type: anything, as: x}, {type: "*", as: y}]}
  - then: other
    as: z
    where: amount > x.amount && attributes.count > 3 && before.rent < 9
  - absent: other
    until: next event
  - absent: another
    for: 3 days after x
    again: true
"""
    assert problems(text, Deployment()) == []


@pytest.mark.parametrize(
    ("where", "problem"),
    [
        ("w.amount > 3", "`w.amount` is no field of `a` nor an earlier name; name an earlier step with `as`"),
        ("amount >", "not a condition"),
        ("count > 3", "`count` is a function"),
    ],
)
def test_names_and_form_of_conditions_are_checked_in_experiments_too(where: str, problem: str) -> None:
    (found,) = problems(f"rule: r\nversion: 1\nsteps:\n  - when: a\n    where: {where}\n", Deployment())
    assert problem in found


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
