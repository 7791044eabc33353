"""Keywords that need no repetition, and the lines of `rules.md`, Meaning, about windows, absences and reports."""

from __future__ import annotations

import pytest

from processors.civil_time import DAY_MS, Calendar
from processors.rules.checking.check import Deployment
from processors.rules.lines import json_attributes, run
from processors.rules.ruleset import RuleSet
from tests.unit.processors.rules.stories import decided, events, rules, standing

WHEN_THEN = """
steps:
  - when: a
    as: x
  - then: b
    as: y
    within: 10 days of x
"""


def test_when_opens_and_then_takes_the_earliest_later_event() -> None:
    assert standing(WHEN_THEN, ["01-01 b", "01-02 a", "01-03 c", "01-04 b", "01-05 b"]) == ["01-04: a1 b3"]


def test_within_is_inclusive_and_less_than_excludes_the_edge() -> None:
    assert standing(WHEN_THEN, ["01-02 a", "01-12T23:59:59+01:00 b"]) != []
    assert standing(WHEN_THEN, ["01-02 a", "01-13 b"]) == []
    less = WHEN_THEN.replace("10 days", "less than 10 days")
    assert standing(less, ["01-02 a", "01-11 b"]) != []
    assert standing(less, ["01-02 a", "01-12 b"]) == []


@pytest.mark.parametrize(("anchor", "is_match"), [("first", False), ("previous", True), ("y", True), ("x", False)])
def test_within_counts_from_first_previous_or_a_name(anchor: str, is_match: bool) -> None:
    body = WHEN_THEN + f"  - then: c\n    within: 10 days of {anchor}\n"
    assert bool(standing(body, ["01-01 a", "01-08 b", "01-15 c"])) == is_match


def test_exactly_at_an_hour_edge_is_within() -> None:
    body = WHEN_THEN.replace("10 days", "3 hours")
    assert standing(body, ["01-01T10:00:00Z a", "01-01T13:00:00Z b"]) != []
    assert standing(body, ["01-01T10:00:00Z a", "01-01T13:00:01Z b"]) == []


def test_rule_level_within_is_from_first_to_last_event() -> None:
    body = "within: 5 days\nsteps:\n  - when: a\n  - then: b\n  - then: c\n"
    assert standing(body, ["01-01 a", "01-02 b", "01-06 c"]) != []
    assert standing(body, ["01-01 a", "01-02 b", "01-07 c"]) == []


def test_any_of_takes_the_first_listed_member_that_fits() -> None:
    body = """
    steps:
      - when: a
      - then: {any_of: [{type: b, as: big, where: n > 5}, {type: b, as: small}]}
        within: 5 days of first
    """
    named = [line["steps"] for line in decided(body, ["01-01 a", "01-02 b n=3"])]
    assert named == [{"step1": ["a0"], "small": ["b1"]}]
    assert decided(body, ["01-01 a", "01-02 b n=7"])[0]["steps"] == {"step1": ["a0"], "big": ["b1"]}


def test_where_reads_own_fields_and_earlier_names() -> None:
    body = WHEN_THEN + "    where: n > x.n * 2\n"
    assert standing(body, ["01-01 a n=10", "01-02 b n=20", "01-03 b n=21"]) == ["01-03: a0 b2"]


def test_missing_field_makes_the_whole_condition_false_unless_guarded() -> None:
    plain = WHEN_THEN + "    where: flag || n > 5\n"
    assert standing(plain, ["01-01 a", "01-02 b n=6"]) == []
    guarded = WHEN_THEN + "    where: has(flag) && flag || n > 5\n"
    assert standing(guarded, ["01-01 a", "01-02 b n=6"]) != []


ABSENT_FOR = """
steps:
  - when: a
    as: x
  - absent: b
    for: 10 days after x
"""


def test_absent_for_is_decided_by_the_clock_alone() -> None:
    assert standing(ABSENT_FOR, ["01-01 a"], until="2026-01-11T23:59:59+01:00") == []
    (line,) = decided(ABSENT_FOR, ["01-01 a"], until="2026-02-01")
    assert line["at"] == line["completed_at"] == "2026-01-12T00:00:00+01:00"


def test_absent_for_ends_at_the_first_instant_of_the_next_local_day() -> None:
    assert standing(ABSENT_FOR, ["01-01 a", "01-11T23:59:59+01:00 b"]) == []
    assert standing(ABSENT_FOR, ["01-01 a", "01-12 b"]) == ["01-12: a0"]


def test_absent_less_than() -> None:
    body = ABSENT_FOR.replace("10 days", "less than 10 days")
    assert standing(body, ["01-01 a", "01-11 b"]) == ["01-11: a0"]
    assert standing(body, ["01-01 a", "01-10 b"]) == []


def test_an_event_exactly_at_an_exact_deadline_is_read_before_the_timer() -> None:
    body = ABSENT_FOR.replace("10 days", "3 hours")
    assert standing(body, ["01-01T10:00:00Z a", "01-01T13:00:00Z b"]) == []
    assert standing(body, ["01-01T10:00:00Z a", "01-01T13:00:00Z c", "01-01T13:00:00Z b"]) == []
    assert standing(body, ["01-01T10:00:00Z a", "01-01T13:00:01Z b"]) == ["01-01: a0"]


def test_absences_combine_with_any_of_and_take_conditions() -> None:
    body = ABSENT_FOR.replace("absent: b", "absent: {any_of: [b, {type: c, where: n > 5}]}")
    assert standing(body, ["01-01 a", "01-05 c n=6"]) == []
    assert standing(body, ["01-01 a", "01-05 b"]) == []
    assert standing(body, ["01-01 a", "01-05 c n=4"]) == ["01-12: a0"]


ABSENT_UNTIL = """
steps:
  - when: a
    as: x
  - absent: b
    until: y
  - then: {any_of: [b, c]}
    as: y
    within: 30 days of x
"""


def test_absent_until_spans_from_the_step_before_to_the_named_one() -> None:
    body = ABSENT_UNTIL.replace("[b, c]", "[c, d]")
    assert standing(body, ["01-01 a", "01-05 c", "01-06 b"]) == ["01-05: a0 c1"]
    assert standing(body, ["01-01 a", "01-04 b", "01-05 c"]) == []


def test_the_named_steps_own_event_never_counts_as_the_absent_one() -> None:
    assert standing(ABSENT_UNTIL, ["01-01 a", "01-05 b"]) == ["01-05: a0 b1"]


def test_absent_for_and_until_holds_through_the_later_of_the_two() -> None:
    body = ABSENT_UNTIL.replace("until: y", "for: 10 days after x\n    until: y").replace("[b, c]", "[c]")
    assert standing(body, ["01-01 a", "01-05 c", "01-08 b"]) == []
    assert standing(body, ["01-01 a", "01-05 c", "01-12 b"]) == ["01-12: a0 c1"]
    assert standing(body, ["01-01 a", "01-20 c", "01-21 b"]) == ["01-20: a0 c1"]
    assert standing(body, ["01-01 a", "01-15 b", "01-20 c"]) == []


def test_a_then_after_an_absence_counts_from_the_last_event_bound() -> None:
    body = ABSENT_FOR + "  - then: c\n    within: 12 days of previous\n"
    assert standing(body, ["01-01 a", "01-03 c"]) == ["01-12: a0 c1"]
    assert standing(body, ["01-01 a", "01-14 c"]) == []


def test_absent_after_first_and_after_a_count_from_its_last_event() -> None:
    count = "steps:\n  - at_least: 2 a\n    in_any: 9 days\n    as: n\n  - absent: b\n    for: 5 days after "
    story = ["01-01 a", "01-04 a", "01-08 b"]
    assert standing(count + "first\n", story) == ["01-07: a0 a1"]
    assert standing(count + "n\n", story) == []


def test_at_least_counts_in_any_window() -> None:
    body = "steps:\n  - at_least: 3 a\n    in_any: 10 days\n    as: n\n"
    assert standing(body, ["01-01 a", "01-10 a", "01-12 a", "01-20 a"]) == ["01-20: a1 a2 a3"]
    assert standing(body, ["01-01 a", "01-02 a", "01-11 a"]) == ["01-11: a0 a1 a2"]


def test_at_least_as_a_later_step() -> None:
    body = "within: 60 days\nsteps:\n  - when: a\n  - at_least: 2 b\n    in_any: 5 days\n    as: n\n"
    assert standing(body, ["01-01 b", "01-02 a", "01-03 b", "01-20 b", "01-22 b"]) == ["01-22: a1 b3 b4"]


def test_distinct_counts_sources_and_binds_the_latest_of_each() -> None:
    body = "steps:\n  - at_least: 2 a\n    in_any: 10 days\n    distinct: agency\n    as: n\n"
    assert standing(body, ["01-01 a agency=k", "01-02 a agency=k", "01-05 a agency=l"]) == ["01-05: a1 a2"]
    assert standing(body, ["01-01 a agency=k", "01-02 a agency=k"]) == []


def test_report_each_run_once_and_not_again() -> None:
    body = "steps:\n  - when: a\n"
    story = ["01-01 a", "01-10 a", "01-11 a", "01-12 a", "02-20 a"]
    assert len(standing(body, story)) == 5
    assert standing(body + "report: once\n", story) == ["01-01: a0"]
    assert standing(body + "report: not again for 10 days\n", story) == ["01-01: a0", "01-12: a3", "02-20: a4"]


def test_a_match_found_late_with_an_earlier_completion_takes_the_place_of_the_later() -> None:
    body = "report: once\nsteps:\n  - when: a\n"
    lines = decided(body, ["01-10 a", "01-05 a recorded_at=2026-01-12"])
    assert [line["decision"] for line in lines] == ["matched", "withdrawn", "matched"]
    assert lines[2]["replaces"] == lines[0]["match"]


def test_overlap_start_after_and_keep() -> None:
    story = ["01-01 a", "01-02 a", "01-03 b", "01-04 b"]
    assert standing(WHEN_THEN, story) == ["01-03: a0 b2"]
    assert standing("overlap: keep" + WHEN_THEN, story) == ["01-03: a0 b2", "01-03: a1 b2"]


def test_a_deadline_is_no_event_for_overlap() -> None:
    assert standing(ABSENT_FOR, ["01-01 a", "01-05 a"]) == ["01-12: a0", "01-16: a1"]


def test_late_is_sent_to_review_and_not_used() -> None:
    story = ["01-01 a", "03-01 c", "01-05 b recorded_at=2026-03-02"]
    lines = decided(WHEN_THEN, story)
    assert [(line["decision"], line.get("event")) for line in lines] == [("late", "b2")]
    assert "would have made 1" in str(lines[0]["reason"])
    assert lines[0]["at"] == "2026-03-02T00:00:00+01:00"
    assert [line["decision"] for line in decided("late: {accept: 90 days}" + WHEN_THEN, story)] == ["matched"]


def test_a_copy_is_ignored_even_long_after() -> None:
    assert len(decided(WHEN_THEN, ["01-01 a id=x", "01-02 b", "06-01 c", "01-01 a id=x recorded_at=2026-06-02"])) == 1


def test_on_correction_recheck_withdraws_and_replaces_by_the_same_line() -> None:
    story = [
        "01-01 a",
        "01-02 b id=one",
        "01-03 b id=two",
        "01-02 b id=x change=annulled replaces=one recorded_at=2026-01-05",
    ]
    lines = decided("on_correction: recheck" + WHEN_THEN, story)
    assert [line["decision"] for line in lines] == ["matched", "withdrawn", "matched"]
    assert lines[2]["replaces"] == lines[1]["match"] == lines[0]["match"]
    assert lines[2]["at"] == "2026-01-05T00:00:00+01:00"


def test_a_match_that_still_holds_with_another_completion_is_not_told_again() -> None:
    story = ["01-01 a", "01-02 b id=one", "01-04 b id=k change=corrected replaces=one recorded_at=2026-01-05"]
    assert [line["decision"] for line in decided(WHEN_THEN, story)] == ["matched"]


def test_steps_carry_live_ids_and_the_match_keeps_its_identity() -> None:
    plain = decided(WHEN_THEN, ["01-01 a", "01-02 b id=one"])
    corrected = decided(WHEN_THEN, ["01-02 b id=one", "01-03 b id=k change=corrected replaces=one", "01-01 a id=a0"])
    assert corrected[0]["match"] == plain[0]["match"]
    assert corrected[0]["steps"] == {"x": ["a0"], "y": ["k"]}


def test_ended_keeps_its_place_and_can_be_read() -> None:
    body = "steps:\n  - when: a\n    as: x\n    where: ended_at > '2026-01-03'\n"
    assert decided(body, ["01-01 a id=x"]) == []
    assert standing(body, ["01-01 a id=x", "01-05 a id=e change=ended replaces=x"]) == ["01-01: x"]


def test_annulled_then_recreated_under_a_new_id() -> None:
    story = ["01-01 a", "01-02 b id=one", "01-02 b id=x change=annulled replaces=one", "01-02 b id=new"]
    assert standing(WHEN_THEN, story) == ["01-02: a0 new"]


def test_no_decision_is_earlier_than_the_line_that_made_it_hold() -> None:
    body = ABSENT_FOR
    (line,) = decided(body, ["02-01 c", "01-05 a recorded_at=2026-02-03"])
    assert (line["completed_at"], line["at"]) == ("2026-01-16T00:00:00+01:00", "2026-02-03T00:00:00+01:00")


def test_a_line_that_jumps_past_a_deadline_is_decided_at_the_deadline() -> None:
    (line,) = decided(ABSENT_FOR, ["01-01 a", "03-01 c"])
    assert line["at"] == "2026-01-12T00:00:00+01:00"


def test_a_line_recorded_after_the_deadline_still_contradicts_if_nothing_was_heard_between() -> None:
    assert decided(ABSENT_FOR, ["01-01 a", "01-05 b recorded_at=2026-01-20"]) == []


def test_a_match_belongs_to_the_version_valid_at_its_completion_and_is_not_fired_again() -> None:
    head = "rule: r\nversion: {v}\noverlap: keep\nvalid: {{from: {f}, until: {u}}}\nsteps:\n  - {{when: a, as: x}}\n"
    old = head.format(v=1, f="2026-01-01", u="2026-01-31") + "  - {then: b, as: y, within: 60 days of x}\n"
    new = head.format(v=2, f="2026-02-01", u="2026-12-31") + "  - {then: c, as: y, within: 60 days of x}\n"
    loaded = RuleSet.load({"old": old, "new": new}, Deployment(), json_attributes)
    assert isinstance(loaded, RuleSet)

    def versions(story: list[str]) -> list[object]:
        return [line["version"] for line in run(loaded, events(story))]

    assert versions(["01-10 a", "01-20 b", "02-10 c"]) == [1]
    assert versions(["01-10 a", "02-10 b", "02-11 c"]) == [2]


def test_wildcard_binds_any_type() -> None:
    assert standing(WHEN_THEN.replace("then: b", 'then: "*"'), ["01-01 a", "01-02 zzz"]) == ["01-02: a0 zzz1"]


def test_windows_follow_the_configured_zone() -> None:
    loaded = rules(WHEN_THEN, Calendar("America/New_York"))
    lines = events(["01-02 a", "01-13T04:59:59Z b"])
    assert len(list(run(loaded, lines))) == 1
    assert list(run(loaded, events(["01-02 a", "01-13T05:00:00Z b"]))) == []
    assert DAY_MS == 86_400_000
