"""Load-time checks at their edges: lists in remedies, versions, names in groups, sizes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from processors.civil_time import DAY_MS
from processors.rules.checking.check import Deployment
from processors.rules.lines import json_attributes
from processors.rules.load import load
from tests.unit.processors.rules.test_refusals import CATALOGUE, GOOD, PLACE, problems, whole


def test_one_version_in_two_files_is_refused_whatever_its_days() -> None:
    other = GOOD.replace("2026-", "2028-")
    loaded = load({"one.yaml": GOOD, "two.yaml": other}, PLACE, json_attributes)
    assert [str(each) for each in loaded] == [
        "two.yaml:2: version 1 of `story` is also in one.yaml; number it anew",
    ]


def test_a_remedy_lists_what_there_is_in_order() -> None:
    (found,) = problems(GOOD.replace("lead: team", "lead: police"))
    assert found.endswith("; use one of: bailiffs, team")


@pytest.mark.parametrize(
    ("dropped", "problem"),
    [("name: yes", "no example matches"), ("name: no", "no example shows what does not match")],
)
def test_examples_show_both_what_matches_and_what_does_not(dropped: str, problem: str) -> None:
    text = "".join(line for line in GOOD.splitlines(keepends=True) if dropped not in line)
    (found,) = problems(text)
    assert found.startswith(f"rule.yaml:18: {problem}; ")


def test_a_name_in_a_group_that_does_not_repeat_is_one_event() -> None:
    body = "  - group: [{when: a, as: x}, {then: b, where: n > x.n, within: 3 days of x}]\n"
    assert [each for each in problems(whole(body)) if "no example" not in each] == []
    repeated = body + "    times: 2\n    within: 9 days of first\n"
    assert any("works with values of different kinds" in each for each in problems(whole(repeated)))


def test_a_field_read_by_its_name_in_brackets_is_checked() -> None:
    (found,) = (
        each for each in problems(whole("  - when: a\n    as: x\n    where: x['m'] > 3\n")) if "example" not in each
    )
    assert "`x.m` is no field of `a`" in found
    good = problems(whole("  - when: a\n    as: x\n    where: x['n'] > 3\n"))
    assert [each for each in good if "no example" not in each] == []


def test_a_field_within_a_function_is_checked() -> None:
    (found,) = (each for each in problems(whole("  - when: a\n    where: double(m) > 3\n")) if "example" not in each)
    assert "`m` is no field of `a`" in found


def test_an_example_holds_however_long_its_feeds_take_to_settle() -> None:
    slow = replace(CATALOGUE["claim"], settles_within_ms=40 * DAY_MS)
    assert problems(GOOD, replace(PLACE, catalogue={**CATALOGUE, "claim": slow})) == []


def test_some_names_of_members_leave_no_room_for_a_name_of_the_step() -> None:
    found = problems(whole("  - when: {any_of: [{type: a, as: x}, b]}\n    as: y\n"))
    assert any("a step whose members are named has no name of its own" in each for each in found)


def test_the_longest_duration_is_a_hundred_years() -> None:
    def told(days: int) -> list[str]:
        found = problems(f"rule: r\nversion: 1\nsteps: [when: a]\nwithin: {days} days\n", Deployment())
        return [each for each in found if "is too long" in each]

    assert told(100 * 366) == []
    assert told(100 * 367 + 1) == [f"rule.yaml:4: `within: {100 * 367 + 1} days` is too long; stay below 100 years"]


def test_a_date_in_an_example_is_a_text() -> None:
    text = GOOD.replace("n > 5", "s == '2026-02-03'").replace("{n: 6}", "{s: 2026-02-03}")
    assert problems(text) == []
