"""The form of a rule document: every keyword gives its value, every wrong use its line, reason and remedy."""

from __future__ import annotations

import textwrap
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import processors.rules
from processors.civil_time import Duration, Unit
from processors.rules.model import (
    AbsenceStep,
    CountStep,
    EventStep,
    GroupStep,
    How,
    Member,
    OnCorrection,
    Overlap,
    Problem,
    Repeats,
    Repetition,
    Report,
    ReportKind,
    Rule,
    Runs,
    Silence,
    Step,
    Subject,
    Valid,
    Where,
    Window,
)
from processors.rules.reading.document import parse

LIBRARY = Path(processors.rules.__path__[0]) / "library"
GOLDEN = Path(__file__).parents[3] / "golden"

WHOLE = textwrap.dedent(
    """\
    rule: whole
    version: 3
    title: {en: Everything, nl: Alles}
    owner: team
    purpose: help
    valid: {from: 2026-01-01}
    per: household
    within: 2 years
    runs: first only
    report: not again for 90 days
    overlap: longest
    among: [a, b, c]
    repeats: ignore same agency, n in less than 2 days
    late: {accept: 10 days, else: review}
    on_correction: tell officer
    steps:
      - when: a
        as: opening
        times: at least 2
        within: 30 days of first
      - right_after: {any_of: [b, {type: c, as: other, where: n > 3}]}
        optional: true
        within: 3 hours of previous
      - group:
          - then: {all_of: [{type: a, as: one}, {type: b, as: two}]}
          - absent: {all_of: [c, {type: a, where: n > 1}]}
            where: n < 9
            until: next event
            for: less than 5 days after one
          - at_least: 2 b
            in_any: 1 month
            distinct: agency
            as: many
        times: 2..5
        how: shortest
        max_gap: 1 week
        unbroken: true
        stop_at: {type: c, where: n > 2}
        within: 6 months of opening
      - absent: a
        for: 30 days before many
      - then: {any_of: [{type: b, as: news}, {absent: c, where: n > 3, for: 5 days after many}]}
        within: 10 working days of previous
      - absent: {any_of: [a, b]}
        for: 10 days after first
        again: true
    """
)


def read(text: str) -> Rule:
    found = parse("rule.yaml", text, is_experiment=True)
    assert isinstance(found, Rule), found
    return found


def steps(text: str) -> tuple[Step, ...]:
    return read("rule: r\nversion: 1\nsteps:\n" + text).steps


def problems(text: str) -> list[str]:
    found = parse("rule.yaml", text, is_experiment=True)
    return [] if isinstance(found, Rule) else [str(problem) for problem in found]


def test_every_keyword_of_a_rule_has_its_value() -> None:
    rule = read(WHOLE)
    assert (rule.key, rule.owner, rule.purpose, rule.title) == (
        "whole/3",
        "team",
        "help",
        {"en": "Everything", "nl": "Alles"},
    )
    assert rule.valid == Valid(date(2026, 1, 1), date.max)
    assert (rule.per, rule.runs, rule.overlap) == (Subject.HOUSEHOLD, Runs.FIRST_ONLY, Overlap.LONGEST)
    assert (rule.within, rule.late_accept) == (Duration(2, Unit.YEARS), Duration(10, Unit.DAYS))
    assert rule.report == Report(ReportKind.NOT_AGAIN, Duration(90, Unit.DAYS))
    assert rule.repeats == Repeats(("agency", "n"), Duration(2, Unit.DAYS, is_less=True))
    assert rule.among == {"a", "b", "c"}
    assert rule.on_correction is OnCorrection.TELL_OFFICER
    assert rule.lines["overlap"] == 11


def test_every_keyword_of_a_step_has_its_value() -> None:
    opening, after, group, looking_back, choice, silence = read(WHOLE).steps
    assert opening == EventStep(
        "1",
        17,
        (Member("a"),),
        name="opening",
        within=Window(Duration(30, Unit.DAYS), "first"),
        is_opening=True,
        repetition=Repetition(2, None),
    )
    assert after == EventStep(
        "2",
        21,
        (Member("b"), Member("c", "other", Where("n > 3", 21))),
        within=Window(Duration(3, Unit.HOURS), "previous"),
        is_right_after=True,
        is_optional=True,
    )
    assert isinstance(group, GroupStep)
    assert group.within == Window(Duration(6, Unit.MONTHS), "opening")
    assert group.repetition == Repetition(
        2, 5, How.SHORTEST, Member("c", None, Where("n > 2", 38)), Duration(1, Unit.WEEKS), is_unbroken=True
    )
    assert looking_back == AbsenceStep(
        "4", 40, (Member("a"),), duration=Duration(30, Unit.DAYS), anchor="many", is_looking_back=True
    )
    assert choice == EventStep(
        "5",
        42,
        (Member("b", "news"),),
        within=Window(Duration(10, Unit.WORKING_DAYS), "previous"),
        silences=(Silence("c", Where("n > 3", 42), Duration(5, Unit.DAYS), "many"),),
    )
    assert silence == AbsenceStep(
        "6", 44, (Member("a"), Member("b")), duration=Duration(10, Unit.DAYS), anchor="first", is_again=True
    )


def test_steps_of_a_group_have_positions_within_it() -> None:
    group = read(WHOLE).steps[2]
    assert isinstance(group, GroupStep)
    assert group.steps == (
        EventStep("3.1", 25, (Member("a", "one"), Member("b", "two")), is_all=True),
        AbsenceStep(
            "3.2",
            26,
            (Member("c"), Member("a", None, Where("n > 1", 26))),
            where=Where("n < 9", 27),
            duration=Duration(5, Unit.DAYS, is_less=True),
            anchor="one",
            until="next event",
            is_all=True,
        ),
        CountStep("3.3", 30, (Member("b"),), 2, Duration(1, Unit.MONTHS), name="many", distinct="agency"),
    )


def test_each_implies_that_matches_overlap() -> None:
    each = "steps:\n  - when: a\n  - then: b\n    each: true\n"
    assert read(f"rule: r\nversion: 1\n{each}").overlap is Overlap.KEEP
    assert read(f"rule: r\nversion: 1\noverlap: keep\n{each}").overlap is Overlap.KEEP
    (found,) = problems(f"rule: r\nversion: 1\noverlap: longest\n{each}")
    assert found.startswith("rule.yaml:3: `overlap: longest` does not go with `each: true` in step 2")


@settings(deadline=None)
@given(st.integers(1, 1000), st.integers(0, 999), st.sampled_from(["{}..{}", "'{}..{}'", "{} .. {}"]))
def test_times_from_to(least: int, more: int, form: str) -> None:
    most = min(1000, least + more)
    (step,) = steps(f"  - when: a\n    times: {form.format(least, most)}\n")
    assert isinstance(step, EventStep)
    assert step.repetition == Repetition(least, most)


@settings(deadline=None)
@given(st.integers(1, 1000))
def test_times_exactly_and_at_least(number: int) -> None:
    (exactly,) = steps(f"  - when: a\n    times: {number}\n")
    (at_least,) = steps(f"  - when: a\n    times: at least {number}\n")
    assert isinstance(exactly, EventStep)
    assert isinstance(at_least, EventStep)
    assert (exactly.repetition, at_least.repetition) == (Repetition(number, number), Repetition(number, None))


FORM = [
    ("  - then: a\n", 4, "`then` cannot be step 1; begin with `when` or `at_least`"),
    ("  - right_after: a\n", 4, "`right_after` cannot be step 1"),
    ("  - absent: a\n    for: 3 days after x\n", 4, "`absent` cannot be step 1"),
    ("  - group:\n      - then: a\n", 5, "`then` cannot be step 1.1"),
    ("  - when: a\n  - when: b\n", 5, "`when` cannot be step 2; use `then` here"),
    ("  - when: a\n  - group: [{when: b}]\n", 5, "`when` cannot be step 2.1"),
    ("  - when: a\n    optional: true\n", 5, "`optional` does not go with `when`"),
    ("  - at_least: 2 a\n    in_any: 3 days\n    optional: true\n", 4, "the first step of a rule cannot be optional"),
    ("  - group: [{when: a}]\n    optional: true\n", 4, "the first step of a rule cannot be optional"),
    ("  - when: a\n  - group: [{then: b, optional: true}]\n", 5, "a group cannot consist of optional steps alone"),
    (
        "  - group: [{when: a}, {group: [{then: b}], times: 2}]\n    times: 2\n",
        4,
        "a group that repeats cannot stand in",
    ),
    ("  - group: [{when: a}, {then: b}]\n    times: 80\n", 4, "the group repeats too many steps"),
    ("  - group: [{when: a}, {then: b, each: true}]\n    times: 2\n", 4, "`each` cannot stand in a group that repeats"),
    (
        "  - group: [{when: a, times: 2..3, how: each}]\n    times: 2\n",
        4,
        "`each` cannot stand in a group that repeats",
    ),
    ("  - group: [{at_least: 2 a, in_any: 1 day, optional: true}, {then: b}]\n", 4, "first step of a rule cannot be"),
    ("  - when: a\n  - group: [{absent: b, until: x}, {then: c, as: x}]\n", 5, "a group cannot begin with an absence"),
    (
        "  - when: a\n    as: x\n  - group: [{then: {any_of: [b, {absent: c, for: 1 day after x}]}}]\n",
        6,
        "a group cannot begin with an absence",
    ),
    ("  - when: a\n    within: 3 days of first\n", 4, "`within` stands in the first step only if"),
    ("  - at_least: 2 a\n    in_any: 3 days\n    within: 3 days of first\n", 4, "the first step has no `within`"),
    ("  - when: a\n    each: true\n", 5, "`each` does not go with `when`"),
    ("  - when: a\n  - then: b\n    each: true\n    times: 2\n", 6, "use `how: each` with `times`"),
    ("  - when: a\n  - then: b\n    each: true\n    optional: true\n", 6, "not told both with and without a step"),
    ("  - when: a\n  - then: {all_of: [b, c]}\n    each: true\n", 6, "`each: true` does not go with `all_of`"),
    ("  - when: a\n  - then: b\n    each: often\n", 6, "`each: often` is neither true nor false"),
    ("  - when: a\n  - right_after: b\n    each: true\n", 6, "`each` does not go with `right_after`"),
    ("  - when: a\n    times: 0\n", 5, "`times: 0` cannot be; begin with 1 or more"),
    ("  - when: a\n    times: 5..2\n", 5, "`times: 5..2` cannot be; exchange them"),
    ("  - when: a\n    times: many\n", 5, "`times: many` is no number of times"),
    ("  - when: a\n    times: true\n", 5, "`times: True` is no number of times"),
    ("  - when: a\n    times: 2.5\n", 5, "`times: 2.5` is no number of times"),
    ("  - when: a\n    times: 2..1001\n", 5, "`times: 2..1001` is too often; stay at 1,000"),
    ("  - when: a\n    times: at least 1001\n", 5, "is too often"),
    (
        "  - when: a\n    times: 2\n    how: greedy\n",
        6,
        "`how: greedy` is not known; use one of: longest, shortest, each",
    ),
    ("  - when: a\n    how: longest\n", 5, "`how` goes with `times` only"),
    ("  - when: a\n    stop_at: b\n", 5, "`stop_at` goes with `times` only"),
    ("  - when: a\n    max_gap: 3 days\n", 5, "`max_gap` goes with `times` only"),
    ("  - when: a\n    unbroken: true\n", 5, "`unbroken` goes with `times` only"),
    ("  - when: a\n    times: 2\n    stop_at: {any_of: [b, c]}\n", 6, "`stop_at` names no event type"),
    ("  - when: a\n    times: 2\n    stop_at: {type: b, as: x}\n", 6, "`as` is no keyword here"),
    ("  - when: a\n    times: 2\n    max_gap: some days\n", 6, "`max_gap: some days` is no duration"),
    ("  - when: a\n    in_any: 3 days\n", 5, "`in_any` does not go with `when`"),
    ("  - at_least: 2 a\n", 4, "`at_least` has no time limit; add `in_any: 6 months`"),
    ("  - at_least: a\n    in_any: 3 days\n", 4, "`at_least: a` is no count of a type"),
    ("  - at_least: 0 a\n    in_any: 3 days\n", 4, "`at_least: 0 a` is no count"),
    ("  - at_least: 1001 a\n    in_any: 3 days\n", 4, "from 1 to 1,000"),
    ("  - at_least: 2 a\n    in_any: 3 days\n    distinct: person\n", 6, "`distinct: person` is not known"),
    ("  - at_least: 2 a\n    in_any: 3 days\n    times: 2\n", 6, "put the step in a group and repeat the group"),
    ("  - when: a\n  - absent: b\n", 5, "`absent` has no time limit"),
    ("  - when: a\n  - absent: b\n    for: 3 days\n", 6, "does not say after what"),
    ("  - when: a\n  - absent: {type: b, as: x}\n    for: 3 days after first\n", 5, "`as` is no keyword here"),
    ("  - when: a\n  - absent: b\n    as: x\n    for: 3 days after first\n", 6, "`as` does not go with `absent`"),
    ("  - when: a\n  - absent: b\n    within: 3 days of first\n", 6, "`within` does not go with `absent`"),
    (
        "  - when: a\n    as: x\n  - absent: b\n    for: 3 days before x\n    until: y\n  - then: c\n    as: y\n",
        8,
        "`until` does not go with `for: D before NAME`",
    ),
    (
        "  - when: a\n  - absent: b\n    for: 3 days after first\n    again: true\n  - then: c\n",
        5,
        "`again` stands in the last step only",
    ),
    (
        "  - when: a\n  - group: [{then: c}, {absent: b, for: 3 days after first, again: true}]\n",
        5,
        "outside any group",
    ),
    (
        "  - when: a\n  - absent: b\n    until: next event\n    again: true\n",
        7,
        "`again` goes with `for: D after NAME`",
    ),
    ("  - when: a\n  - absent: b\n    for: 3 days before first\n    again: true\n", 7, "`again` goes with"),
    ("  - when: a\n  - absent: b\n    for: 0 days after first\n    again: true\n", 7, "`again` would never end"),
    ("  - when: a\n  - group: []\n", 5, "`group` is no list of steps"),
    ("  - when: a\n  - group: [then]\n", 5, "a step is no block of keywords"),
    ("  - when: a\n  - group: [{then: b}]\n    as: x\n", 6, "name the steps in the group"),
    ("  - when: a\n  - group: [{then: b}]\n    where: n > 2\n", 6, "put the condition in the steps"),
    ("  - when: a\n  - group: [{then: b}]\n    each: true\n", 6, "`how: each`"),
    ("  - when: a\n  - then: b\n    when: c\n", 5, "a step needs exactly one of"),
    ("  - when: a\n  - where: n > 2\n", 5, "a step needs exactly one of"),
    ("  - when: a\n  - all_of: [b, c]\n", 5, "write `then: {all_of: [one, other]}`"),
    ("  - when: a\n  - then: {any_of: []}\n", 5, "`then` needs a type or a list"),
    ("  - when: a\n  - then: {any_of: [b, c, b]}\n", 5, "`any_of` names `b` twice under the same condition"),
    (
        "  - when: a\n  - then:\n      any_of: [{type: b, as: x, where: n > 3}, b,\n"
        "        {type: b, as: y, where: n > 3}]\n",
        7,
        "`any_of` names `b` twice under the same condition; take one of them out",
    ),
    ("  - when: a\n  - then: {any_of: [b], all_of: [c]}\n", 5, "`then` needs a type or a list"),
    ("  - when: a\n  - then: {some_of: [b]}\n", 5, "`then` names no event type"),
    ("  - when: a\n  - then: [b, c]\n", 5, "`then` names no event type"),
    ("  - when: a\n  - then: {any_of: [{as: x}]}\n", 5, "`any_of` names no event type"),
    (
        "  - when: a\n  - then: {any_of: [{type: b, if: x}]}\n",
        5,
        "`if` is no keyword here; use one of: type, as, where",
    ),
    ("  - when: a\n  - then: {any_of: [{type: b, as: x}]}\n    as: y\n", 5, "whose members are named has no name"),
    ("  - when: {any_of: [a, {absent: b, for: 1 day after first}]}\n", 4, "`absent` is no member of `when: any_of`"),
    (
        "  - when: a\n  - then: {all_of: [b, {absent: c, for: 1 day after first}]}\n",
        5,
        "`absent` is no member of `then: all_of`",
    ),
    (
        "  - when: a\n  - right_after: {any_of: [b, {absent: c, for: 1 day after first}]}\n",
        5,
        "`absent` is no member of `right_after: any_of`",
    ),
    ("  - when: a\n  - then: {any_of: [{absent: c, for: 1 day after first}]}\n", 5, "an absence alone is no choice"),
    ("  - when: a\n  - then: {any_of: [b, {absent: c}]}\n", 5, "an `absent` member needs a time"),
    (
        "  - when: a\n  - then: {any_of: [b, {absent: c, for: 1 day before first}]}\n",
        5,
        "an `absent` member needs a time",
    ),
    (
        "  - when: a\n  - then: {any_of: [b, {absent: {type: c, where: n > 2}, for: 1 day after first}]}\n",
        5,
        "the condition of an `absent` member stands beside it",
    ),
    (
        "  - when: a\n  - then: {any_of: [b, {absent: c, for: 1 day after first}]}\n    times: 2\n",
        6,
        "an `absent` member cannot be repeated",
    ),
    (
        "  - when: a\n  - then: {any_of: [b, {absent: c, for: 1 day after first}]}\n    optional: true\n",
        6,
        "`optional` does not go with an `absent` member",
    ),
    (
        "  - when: a\n  - then: {any_of: [b, {absent: c, for: 1 day after first}]}\n    each: true\n",
        6,
        "`each: true` does not go with an `absent` member",
    ),
    ("  - when: a\n  - then: b\n    within: 3 days\n", 6, "does not say of what"),
    (
        "  - when: a\n  - then: b\n    within: less than 0 days of first\n",
        6,
        "`within: less than 0 days` holds nothing",
    ),
    ("  - when: a\n  - then: b\n    within: 101 years of first\n", 6, "`within: 101 years` is too long"),
    ("  - when: a\n    where: 3\n", 5, "`where` needs a text"),
]


@pytest.mark.parametrize(("body", "line", "problem"), FORM, ids=lambda value: str(value)[:60].strip())
def test_a_wrong_step_is_refused_with_line_reason_and_remedy(body: str, line: int, problem: str) -> None:
    found = problems("rule: r\nversion: 1\nsteps:\n" + body)
    assert any(each.startswith(f"rule.yaml:{line}: ") and problem in each and "; " in each for each in found), found


@pytest.mark.parametrize(
    ("key", "problem"),
    [
        ("per: street", "`per: street` is not known; use one of: person, household"),
        ("runs: second only", "`runs: second only` is not known; use one of: every, first only"),
        ("overlap: never", "`overlap: never` is not known; use one of: start after, keep, longest"),
        ("on_correction: panic", "`on_correction: panic` is not known; use one of: recheck, withdraw, tell officer"),
        ("report: sometimes", "`report: sometimes` is not known"),
        ("report: not again for ever", "is no duration"),
        ("among: a", "`among` is no list of event types"),
        ("among: []", "`among` is no list of event types"),
        ('among: ["*"]', "`among` is no list of event types"),
        ("repeats: ignore all", "write `repeats: ignore same FIELD, FIELD in 2 days`"),
        ("repeats: ignore same n in a while", "is no duration"),
        ("within: a year", "is no duration"),
        ("late: 3 days", "`late` needs `accept`"),
        ("late: {accept: 3 days, else: drop}", "`late.else: drop` is not known"),
        ("title: {}", "`title` needs a text"),
        ("valid: {from: 2026-13-01}", "not YAML: month must be in 1..12; write dates as 2026-01-31"),
        ("valid: {from: soon}", "`soon` is no date"),
        ("within: " + "9" * 5000, "a number is too long; write at most 4000 digits"),
        ("examples: none", "`examples` is no list"),
        ("examples: [{name: n, events: [], expect: nothing, why: x}]", "an example needs name, events and expect"),
        ("examples: [{name: n, events: 3, expect: nothing}]", "an example needs name, events and expect"),
        ("examples: [{name: n, events: [{a: 1}], expect: nothing}]", "put quotes around it"),
        ('examples: [{name: n, events: ["2026-01-01 a {n: [1]}"], expect: nothing}]', "unreadable attributes"),
        ('examples: [{name: n, events: ["2026-01-01 a {n: 2026-13-01}"], expect: nothing}]', "unreadable attributes"),
        ("offer: call", "`offer` is no block"),
        ("offer: {services: call}", "`services` is no list of names"),
        ("offer: {cost: 3}", "`cost` is no keyword here"),
        ("offer: {services: [call]}", "`offer.lead` is missing"),
        ("extra: {a: &x [1], b: *x}", "`*` repeats another part of the document"),
    ],
)
def test_a_wrong_key_is_refused_with_line_reason_and_remedy(key: str, problem: str) -> None:
    found = problems(f"rule: r\nversion: 1\n{key}\nsteps: [when: a]\n")
    assert any(each.startswith("rule.yaml:3: ") and problem in each and "; " in each for each in found), found


def test_all_problems_are_told_at_once_in_order_of_lines() -> None:
    text = "rule: r\nversion: one\nsteps:\n  - when: a\n    times: 0\n  - then: b\n    within: 3\noverlap: x\n"
    assert [int(each.split(":")[1]) for each in problems(text)] == [2, 5, 7, 8]


def test_groups_do_not_stand_deeper_than_anybody_reads() -> None:
    deep = "then: z"
    for _ in range(8):
        deep = f"group: [{{{deep}}}]"
    assert "groups stand too deep" in problems(f"rule: r\nversion: 1\nsteps:\n  - when: a\n  - {deep}\n")[0]


def test_a_document_of_more_than_64_kilobytes_is_not_even_parsed() -> None:
    rule = "rule: r\nversion: 1\nsteps: [when: a]\n"
    room = 64 * 1024 - len(rule) - 1
    assert problems(rule + "#" + "é" * (room // 2)) == []
    told = ["rule.yaml:1: the document is larger than 64 kB; write one rule a document, and a shorter one"]
    assert problems(rule + "#" + "é" * (room // 2 + 1)) == told
    assert problems("[" * (64 * 1024 + 1)) == told


@pytest.mark.parametrize(
    "step",
    [
        "{when: {any_of: [{type: a, where: n > 1}, {type: a, where: n < 0}, a]}}",
        "{when: {all_of: [a, a]}}",
        "{when: z}, {absent: {any_of: [a, a]}, for: 3 days after first}",
    ],
)
def test_a_type_may_stand_again_where_it_can_say_something_else(step: str) -> None:
    assert problems(f"rule: r\nversion: 1\nsteps: [{step}]\n") == []


def is_told_well(problem: Problem, text: str) -> bool:
    return 1 <= problem.line <= text.count("\n") + 1 and bool(problem.problem) and bool(problem.remedy)


@settings(deadline=None)
@given(st.text())
def test_no_text_makes_it_raise(text: str) -> None:
    found = parse("rule.yaml", text)
    assert not isinstance(found, Rule)
    assert all(is_told_well(problem, text) for problem in found)


VALUES = ["", "3", "[]", "{}", "[a]", "{a: b}", "true", "a", "2026-13-01", '"*"', "-1", "next event", "!x y", "1e400"]


@settings(deadline=None)
@given(st.integers(0, WHOLE.count("\n") - 1), st.sampled_from(VALUES))
def test_no_wrong_value_makes_it_raise(number: int, value: str) -> None:
    lines = WHOLE.splitlines()
    lines[number] = f"{lines[number].split(':')[0]}: {value}"
    text = "\n".join(lines)
    found = parse("rule.yaml", text, is_experiment=True)
    assert isinstance(found, Rule) or (found and all(is_told_well(problem, text) for problem in found))


@settings(deadline=None)
@given(st.integers(0, WHOLE.count("\n") - 1), st.integers(0, WHOLE.count("\n") - 1))
def test_no_lines_left_out_make_it_raise(start: int, end: int) -> None:
    lines = WHOLE.splitlines()
    text = "\n".join(lines[:start] + lines[end:])
    found = parse("rule.yaml", text, is_experiment=True)
    assert isinstance(found, Rule) or (found and all(is_told_well(problem, text) for problem in found))


@pytest.mark.parametrize("text", ["[" * 5000, "a: " + "{a: " * 5000, "\t", "rule: {", "a: &a {b: *a}", "\ufeff", "{}"])
def test_broken_yaml_is_one_problem(text: str) -> None:
    assert problems(text) != []


@pytest.mark.parametrize("file", [*LIBRARY.rglob("*.yaml"), *GOLDEN.rglob("rule.yaml")], ids=lambda file: file.stem)
def test_shipped_rules_are_well_formed(file: Path) -> None:
    assert isinstance(parse(file.name, file.read_text(encoding="utf-8"), is_experiment=GOLDEN in file.parents), Rule)
