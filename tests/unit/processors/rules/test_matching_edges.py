"""Matching at its edges: what a rule may see, lists in groups, names that are not bound, when longest is sure."""

from __future__ import annotations

from collections.abc import Sequence

from processors.civil_time import Calendar
from processors.events import EventType
from processors.rules.checking.check import Deployment
from processors.rules.lines import json_attributes, run
from processors.rules.ruleset import RuleSet
from tests.unit.processors.rules.stories import decided, events, rules, standing

KNOWN = {name: EventType(name, name, {}) for name in "abcd"}
KNOWN["asked"] = EventType("asked", "help asked for", {}, is_help_seeking=True)
OFFER = """
title: Story
owner: team
purpose: help
valid: {from: 2026-01-01, until: 2026-12-31}
offer: {services: [call], urgency: high, respond_within: 2 working days, hold: 0 days, lead: team}
explain: "{person}"
"""


def granted(steps: str, examples: str) -> RuleSet | list[str]:
    """A rule of a deployment whose purpose is granted all types but `d`; its examples have to hold."""
    place = Deployment(KNOWN, {"help": frozenset(KNOWN) - {"d"}}, {"team"}, {"call"}, calendar=Calendar())
    text = f"rule: story\nversion: 1\n{OFFER}steps:\n{steps}\nexamples:\n{examples}\n"
    loaded = RuleSet.load({"story.yaml": text}, place, json_attributes)
    return loaded if isinstance(loaded, RuleSet) else [str(each) for each in loaded]


def matches(loaded: RuleSet | list[str], story: Sequence[str]) -> int:
    assert isinstance(loaded, RuleSet), loaded
    lines = [*events(list(story)), {"advance_to": "2026-12-01"}]
    return sum(line["decision"] == "matched" for line in run(loaded, lines))


def test_a_type_that_is_not_granted_is_not_on_the_timeline() -> None:
    loaded = granted(
        "  - {when: a}\n  - {right_after: b, within: 9 days of first}",
        "  - {name: yes, events: [2026-01-05 a, 2026-01-06 b], expect: matched 2026-01-06}\n"
        "  - {name: no, events: [2026-01-05 a, 2026-01-06 c, 2026-01-07 b], expect: nothing}",
    )
    assert matches(loaded, ["01-05 a", "01-06 d", "01-07 b"]) == 1
    assert matches(loaded, ["01-05 a", "01-06 c", "01-07 b"]) == 0


def test_seeking_help_contradicts_that_nothing_happened() -> None:
    loaded = granted(
        '  - {when: a}\n  - {absent: "*", for: 3 days after first}',
        "  - {name: yes, events: [2026-01-05 a], expect: matched 2026-01-08}\n"
        "  - {name: no, events: [2026-01-05 a, 2026-01-06 b], expect: nothing}",
    )
    assert matches(loaded, ["01-05 a"]) == 1
    assert matches(loaded, ["01-05 a", "01-06 asked"]) == 0


def test_a_name_in_a_repeated_group_is_a_list_over_its_rounds_in_its_own_condition() -> None:
    body = """
    within: 30 days
    steps:
      - {when: a, as: x}
      - group: [{then: b, as: n, where: "sum(n.map(e, e.n)) < 4"}, {then: c, as: y}]
        times: 1..3
    """
    story = ["01-01 a", "01-02 b n=1", "01-03 c", "01-04 b n=2", "01-05 c", "01-06 b n=3", "01-07 c"]
    (line,) = decided(body, story)
    assert line["steps"] == {"x": ["a0"], "n": ["b1", "b3"], "y": ["c2", "c4"]}


def test_events_of_a_repeated_name_never_count_as_absent_until_it() -> None:
    body = """
    steps:
      - {when: a, as: x}
      - {absent: b, for: 10 days after x, until: n}
      - {then: b, as: n, times: 2, within: 30 days of x}
    """
    assert standing(body, ["01-01 a", "01-03 b", "01-05 b"]) == ["01-12: a0 b1 b2"]
    assert standing(body, ["01-01 a", "01-03 b", "01-05 b", "01-07 b"]) == []


def test_looking_back_counts_from_its_name_not_from_the_first_event() -> None:
    body = """
    steps:
      - {when: a, as: x}
      - {then: c, as: y, within: 30 days of x}
      - {absent: b, for: 3 days before y}
    """
    assert standing(body, ["01-01 z", "02-01 b", "02-02 a", "02-10 c"]) == ["02-10: a2 c3"]
    assert standing(body, ["01-01 z", "02-02 a", "02-08 b", "02-10 c"]) == []


def test_looking_back_from_a_name_that_is_not_bound_is_no_match() -> None:
    body = """
    steps:
      - {when: a, as: x}
      - {then: c, as: y, optional: true, within: 5 days of x}
      - {absent: b, for: 3 days before y}
    """
    assert standing(body, ["01-01 z", "02-02 a"]) == []
    assert standing(body, ["01-01 z", "02-02 a", "02-04 c"]) == ["02-04: a1 c2"]


def test_an_absence_after_the_first_of_two_events_is_over_with_the_second() -> None:
    body = """
    steps:
      - {when: a, as: x}
      - {absent: c, for: 5 days after first}
      - {then: b, as: y, within: 30 days of x}
    """
    (line,) = decided(body, ["01-01 a", "01-20 b"])
    assert (line["at"], line["completed_at"]) == ("2026-01-20T00:00:00+01:00", "2026-01-20T00:00:00+01:00")


LONGEST = (
    "overlap: longest\nsteps:\n  - {when: a, as: x}\n  - {then: b, as: y, where: n == x.n, within: 10 days of x}\n"
)


def test_longest_is_told_after_its_last_instant_when_an_open_run_has_no_room_to_be_longer() -> None:
    (line,) = decided(LONGEST, ["01-01 a n=1", "01-02T12:00:00+01:00 a n=2", "01-11T20:00:00+01:00 b n=1"])
    assert line["at"] == "2026-01-11T20:00:00.001+01:00"
    (line,) = decided(LONGEST, ["01-01 a n=1", "01-02T12:00:00+01:00 a n=2", "01-11T10:00:00+01:00 b n=1"])
    assert line["at"] == "2026-01-13T00:00:00+01:00"


def test_longest_that_waits_for_an_absence_keeps_shorter_ones_waiting() -> None:
    body = LONGEST + "  - {absent: c, for: 5 days after y}\n"
    lines = decided(body, ["01-01 a n=1", "01-02 a n=2", "01-03 b n=2", "01-10 b n=1"])
    assert [(line["decision"], line["at"][:10], line["steps"]["x"]) for line in lines] == [
        ("matched", "2026-01-16", ["a0"])
    ]


def test_longest_waits_for_a_run_that_is_complete_but_may_grow() -> None:
    body = "overlap: longest\nsteps:\n  - {when: a}\n  - {then: b, times: 1..3, as: y, within: 10 days of first}\n"
    (line,) = decided(body, ["01-01 a", "01-02 b", "01-03 a", "01-04 b", "01-05 b", "01-12 b"])
    assert line["steps"] == {"step1": ["a2"], "y": ["b3", "b4", "b5"]}


def test_longest_waits_for_what_only_the_next_event_tells_but_not_for_ever() -> None:
    body = """
    overlap: longest
    within: 10 days
    steps:
      - {when: a, times: 2}
      - {absent: c, until: next event}
    """
    story = ["01-01 a", "01-02 a", "01-05 a"]
    assert [line["at"][:10] for line in decided(body, story)] == ["2026-01-13"]
    (line,) = decided(body, [*story, "01-06 b"])
    assert line["steps"] == {"step1": ["a1", "a2"]}


def test_what_stops_a_repetition_ends_what_may_still_go_on_within_its_last_round() -> None:
    body = """
    within: 20 days
    steps:
      - group: [{when: a, as: x}, {then: b, as: y}, {then: c, as: z, where: n > 5, optional: true}]
        times: at least 1
        stop_at: c
    """
    (line,) = decided(body, ["01-01 a", "01-02 b", "01-03 c n=1", "01-04 c n=9"])
    assert line["steps"] == {"x": ["a0"], "y": ["b1"]}


def test_right_after_all_of_them_in_a_row_holds_inside_each_round() -> None:
    body = "within: 30 days\nsteps:\n  - {when: a}\n  - {right_after: {all_of: [b, c]}, as: n, times: 2}\n"
    assert standing(body, ["01-01 a", "01-02 b", "01-03 c", "01-04 c", "01-05 b"]) == ["01-05: a0 b1 c2 c3 b4"]
    assert standing(body, ["01-01 a", "01-02 b", "01-03 d", "01-04 c", "01-05 c", "01-06 b"]) == []


def test_the_first_line_is_heard_up_to_just_before_it() -> None:
    loaded = rules("steps:\n  - {when: a, as: x}\n  - {absent: b, for: 24 hours after x}\n")
    (line,) = events(["01-01 a recorded_at=2026-01-02"])
    assert list(run(loaded, [line])) == []
    (decision,) = run(loaded, [line, {"advance_to": "2026-01-02"}])
    assert decision["at"] == "2026-01-02T00:00:00+01:00"


SILENCES = "steps:\n  - {when: a, as: x}\n  - {then: {any_of: [%s]}}\n"


def test_of_several_silences_the_one_that_is_over_first_takes_the_step() -> None:
    body = SILENCES % "{absent: b, for: 5 days after x}, {absent: c, for: 3 days after x}, {type: d, as: y}"
    assert standing(body, ["01-01 a"]) == ["01-05: a0"]
    assert standing(body, ["01-01 a", "01-03 c"]) == ["01-07: a0"]


def test_an_event_after_the_silence_took_the_step_is_not_bound_by_it() -> None:
    body = """
    steps:
      - {when: a, as: x}
      - {then: d, as: w, optional: true, within: 9 days of x}
      - {then: {any_of: [{type: b, as: y}, {absent: c, for: 3 days after x}]}, within: 20 days of x}
    """
    assert standing(body, ["01-01 a", "01-06 b"]) == ["01-05: a0"]
    assert standing(body, ["01-01 a", "01-03 b"]) == ["01-03: a0 b1"]


def test_what_stops_a_group_makes_it_told_at_once() -> None:
    body = """
    steps:
      - {when: a, as: x}
      - group: [{then: b, as: y}]
        times: at least 1
        within: 30 days of x
        stop_at: d
    """
    (line,) = decided(body, ["01-01 a", "01-05 b", "01-10 d"])
    assert (line["at"][:10], line["completed_at"][:10]) == ("2026-01-10", "2026-01-05")


def test_right_after_all_of_is_broken_by_what_lies_between() -> None:
    body = "within: 30 days\nsteps:\n  - {when: a}\n  - {right_after: {all_of: [b, c]}, as: n}\n"
    assert standing(body, ["01-01 a", "01-02 b", "01-03 c"]) == ["01-03: a0 b1 c2"]
    assert standing(body, ["01-01 a", "01-02 b", "01-03 d", "01-04 c"]) == []
