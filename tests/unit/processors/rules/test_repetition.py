"""Repetition: `times`, `how`, `stop_at`, `max_gap`, `unbroken` (`rules.md`, Steps and Meaning 4 and 5)."""

from __future__ import annotations

import pytest

from processors.civil_time import Calendar
from processors.rules.deciding.decide import decide
from processors.rules.deciding.heard import Heard
from processors.rules.ledger import EMPTY
from processors.rules.lines import event_of
from processors.timeline import timeline_of
from tests.unit.processors.rules.stories import decided, events, rules, standing

TRAILING = "steps:\n  - {when: a, as: x}\n  - {then: b, as: n, times: at least 2, within: 30 days of x%s}\n"
MIDDLE = TRAILING + "  - {then: c, as: y, within: 60 days of x}\n"


def steps(body: str, story: list[str]) -> list[object]:
    return [line["steps"].get("n") for line in decided(body, story)]


def test_times_exactly_is_told_at_once() -> None:
    body = TRAILING.replace("at least 2", "2") % ""
    (line,) = decided(body, ["01-01 a", "01-02 b", "01-03 b", "01-04 b"])
    assert (line["at"], line["steps"]["n"]) == ("2026-01-03T00:00:00+01:00", ["b1", "b2"])


def test_times_from_to_takes_no_more_than_the_most() -> None:
    body = TRAILING.replace("at least 2", "2..3") % ""
    assert steps(body, ["01-01 a", "01-02 b", "01-03 b", "01-04 b", "01-05 b"]) == [["b1", "b2", "b3"]]
    assert steps(body, ["01-01 a", "01-02 b"]) == []


def test_when_can_repeat() -> None:
    body = "steps:\n  - {when: a, as: n, times: 3, within: 10 days of first}\n"
    assert steps(body, ["01-01 a", "01-05 a", "01-11 a"]) == [["a0", "a1", "a2"]]
    assert steps(body, ["01-01 a", "01-05 a", "01-12 a"]) == []


def test_longest_at_the_end_is_told_whole_at_its_deadline() -> None:
    (line,) = decided(TRAILING % "", ["01-01 a", "01-02 b", "01-03 b", "01-20 b"])
    assert line["steps"]["n"] == ["b1", "b2", "b3"]
    assert (line["at"], line["completed_at"]) == ("2026-02-01T00:00:00+01:00", "2026-01-20T00:00:00+01:00")


def test_shortest_is_told_at_once() -> None:
    (line,) = decided(TRAILING % ", how: shortest", ["01-01 a", "01-02 b", "01-03 b", "01-20 b"])
    assert (line["at"], line["steps"]["n"]) == ("2026-01-03T00:00:00+01:00", ["b1", "b2"])


def test_each_makes_one_match_for_each_length_from_the_first_fitting_event() -> None:
    story = ["01-01 a", "01-02 b", "01-03 b", "01-20 b"]
    assert steps(TRAILING % ", how: each", story) == [["b1", "b2"], ["b1", "b2", "b3"]]


def test_each_with_optional_includes_length_none() -> None:
    body = MIDDLE % ", how: each, optional: true"
    assert steps(body, ["01-01 a", "01-02 b", "01-03 b", "01-04 c"]) == [None, ["b1", "b2"]]


def test_optional_with_times_is_none_or_enough() -> None:
    body = MIDDLE % ", optional: true"
    assert steps(body, ["01-01 a", "01-04 c"]) == [None]
    assert steps(body, ["01-01 a", "01-02 b", "01-03 b", "01-04 c"]) == [["b1", "b2"]]
    assert steps(body, ["01-01 a", "01-02 b", "01-04 c"]) == []


def test_past_its_minimum_it_ends_at_the_first_event_of_the_next_step() -> None:
    assert steps(MIDDLE % "", ["01-01 a", "01-02 b", "01-03 c", "01-04 b", "01-05 c", "01-06 b"]) == [["b1", "b3"]]


BOTH = """
steps:
  - {when: a, as: x}
  - {then: b, as: some, times: at least 1, within: 30 days of x}
  - {then: b, as: y, where: n > 5, within: 30 days of x}
%s
"""


def test_what_fits_both_goes_to_the_next_step() -> None:
    (line,) = decided(BOTH % "", ["01-01 a", "01-02 b n=1", "01-03 b n=9", "01-04 b n=9"])
    assert line["steps"] == {"x": ["a0"], "some": ["b1"], "y": ["b2"]}


def test_unless_the_rest_could_then_not_fit() -> None:
    body = BOTH % "  - {then: c, as: z, within: 3 days of y}\n"
    story = ["01-01 a", "01-02 b n=1", "01-03 b n=9", "01-20 b n=9", "01-21 c"]
    (line,) = decided(body, story)
    assert line["steps"] == {"x": ["a0"], "some": ["b1", "b2"], "y": ["b3"], "z": ["c4"]}
    assert line["at"] == "2026-01-21T00:00:00+01:00"


def test_the_other_way_is_not_told_while_the_rest_may_still_fit() -> None:
    body = BOTH % "  - {then: c, as: z, where: n == y.n, within: 20 days of y}\n"
    story = ["01-01 a", "01-02 b n=1", "01-03 b n=8", "01-04 b n=9", "01-05 c n=9"]
    assert decided(body, story, until="2026-01-23") == []
    (line,) = decided(body, story)
    assert (line["at"][:10], line["steps"]["some"], line["steps"]["y"]) == ("2026-01-24", ["b1", "b2"], ["b3"])
    (line,) = decided(body, [*story, "01-06 c n=8"])
    assert (line["at"][:10], line["steps"]["some"], line["steps"]["y"]) == ("2026-01-06", ["b1"], ["b2"])


def test_stop_at_ends_it_and_is_not_part_of_it() -> None:
    (line,) = decided(TRAILING % ", stop_at: c", ["01-01 a", "01-02 b", "01-03 b", "01-04 c", "01-05 b"])
    assert (line["at"], line["steps"]["n"]) == ("2026-01-04T00:00:00+01:00", ["b1", "b2"])
    guarded = TRAILING % ', stop_at: {type: c, where: "n > 5"}'
    assert steps(guarded, ["01-01 a", "01-02 b", "01-03 b", "01-04 c n=1", "01-05 b"]) == [["b1", "b2", "b4"]]


def test_stop_at_also_ends_a_repetition_not_yet_begun() -> None:
    story = ["01-01 a", "01-02 c", "01-03 b", "01-04 b"]
    assert steps(TRAILING % ", stop_at: c", story) == []
    body = (MIDDLE % ", stop_at: d, optional: true").replace("at least 2", "at least 1")
    assert steps(body, ["01-01 a", "01-02 d", "01-03 b", "01-04 c"]) == [None]


def test_max_gap_breaks_it_off() -> None:
    story = ["01-01 a", "01-05 b", "01-07 b", "01-12 b"]
    (line,) = decided(TRAILING % ", max_gap: 2 days", story)
    assert (line["at"], line["steps"]["n"]) == ("2026-01-10T00:00:00+01:00", ["b1", "b2"])
    assert steps(TRAILING % ", max_gap: 1 day", story) == []
    assert steps(TRAILING % ", max_gap: less than 3 days", story) == [["b1", "b2"]]


def test_unbroken_lets_nothing_in_between() -> None:
    (line,) = decided(TRAILING % ", unbroken: true", ["01-01 a", "01-02 d", "01-03 b", "01-04 b", "01-05 d", "01-06 b"])
    assert (line["at"], line["steps"]["n"]) == ("2026-01-05T00:00:00+01:00", ["b2", "b3"])
    assert steps(TRAILING % ", unbroken: true", ["01-01 a", "01-02 b", "01-03 d", "01-04 b"]) == []


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ("sum(n.map(e, e.n)) < 500", ["b1", "b2"]),
        ("count(n) < 4", ["b1", "b2", "b3"]),
        ("first(n).n == 200", ["b1", "b2", "b3", "b4"]),
        ("last(n).n < 250", ["b1", "b2", "b4"]),
        ("max(n.map(e, e.n)) <= 250", ["b1", "b2", "b3", "b4"]),
        ("min(n.map(e, e.n)) == avg(n.map(e, e.n))", ["b1", "b2", "b4"]),
    ],
)
def test_in_a_repetition_its_own_name_is_the_list_so_far(where: str, found: list[str]) -> None:
    body = TRAILING % f', where: "{where}"'
    assert steps(body, ["01-01 a", "01-02 b n=200", "01-03 b n=200", "01-04 b n=250", "01-05 b n=200"]) == [found]


def test_a_group_can_repeat_with_max_gap_and_unbroken() -> None:
    body = """
    steps:
      - {when: a, as: x}
      - group: [{then: b, as: p}, {then: c, as: q}]
        times: at least 2
        %s
        within: 60 days of x
    """
    near = ["01-01 a", "01-02 b", "01-03 c", "01-05 b", "01-06 c"]
    assert len(standing(body % "max_gap: 2 days", near)) == 1
    assert standing(body % "max_gap: 1 day", near) == []
    assert len(standing(body % "unbroken: true", near)) == 1
    assert standing(body % "unbroken: true", [*near[:2], "01-02T12:00:00Z d", *near[2:]]) == []
    assert standing(body % "stop_at: d", [*near[:4], "01-05T12:00:00Z d", near[4]]) == []


def test_a_rule_that_tries_too_many_ways_goes_no_further() -> None:
    same = "  - {then: b, times: at least 1, within: 300 days of x}\n"
    body = "steps:\n  - {when: a, as: x}\n" + same * 5 + "  - {then: c, within: 300 days of x}\n"
    story = ["01-01 c", "01-02 a", *(f"{month:02}-{day:02} b" for month in (2, 3) for day in range(1, 29))]
    found = rules(body)
    timeline = timeline_of([event_of(line, n, Calendar()) for n, line in enumerate(events(story), start=1)])
    outcome = decide(found, timeline, EMPTY, Heard(every=0), timeline.lines[-1].occurred_at)
    assert (outcome.decisions, outcome.condition_errors) == ((), 1)
