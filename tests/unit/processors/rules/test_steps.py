"""Steps: `right_after`, `all_of`, `each`, `optional`, groups, silences and what conditions see."""

from __future__ import annotations

from tests.unit.processors.rules.stories import decided, standing

THEN_B = "steps:\n  - {when: a, as: x}\n  - "


def test_right_after_is_the_very_next_event_else_the_run_ends() -> None:
    body = THEN_B + "{right_after: b, as: y, within: 9 days of x}\n"
    assert standing(body, ["01-01 a", "01-02 b"]) == ["01-02: a0 b1"]
    assert standing(body, ["01-01 a", "01-02 c", "01-03 b"]) == []


def test_right_after_with_times_is_all_of_them_in_a_row() -> None:
    body = THEN_B + "{right_after: b, as: y, times: 2, within: 9 days of x}\n"
    assert standing(body, ["01-01 a", "01-02 b", "01-03 b"]) == ["01-03: a0 b1 b2"]
    assert standing(body, ["01-01 a", "01-02 b", "01-03 c", "01-04 b"]) == []
    assert standing(body, ["01-01 a", "01-02 c", "01-03 b", "01-04 b"]) == []


def test_each_later_fitting_event_makes_its_own_match_and_implies_keep() -> None:
    body = THEN_B + "{then: b, each: true, as: y, within: 9 days of x}\n"
    assert standing(body, ["01-01 a", "01-02 a", "01-03 b", "01-04 b", "01-20 b"]) == [
        "01-03: a0 b2",
        "01-03: a1 b2",
        "01-04: a0 b3",
        "01-04: a1 b3",
    ]


def test_all_of_takes_all_in_any_order_each_by_an_event_of_its_own() -> None:
    body = THEN_B + "{then: {all_of: [b, c]}, as: y, within: 9 days of x}\n"
    assert standing(body, ["01-01 a", "01-02 c", "01-03 c", "01-04 b"]) == ["01-04: a0 c1 b3"]
    assert standing(body, ["01-01 a", "01-02 c", "01-20 b"]) == []


def test_all_of_gives_an_event_to_the_first_listed_member_that_fits_and_is_free() -> None:
    body = THEN_B + "{then: {all_of: [{type: b, as: any}, {type: b, as: big, where: n > 5}]}, within: 9 days of x}\n"
    (line,) = decided(body, ["01-01 a", "01-02 b n=7", "01-03 b n=8"])
    assert line["steps"] == {"x": ["a0"], "any": ["b1"], "big": ["b2"]}
    assert standing(body, ["01-01 a", "01-02 b n=7", "01-03 b n=1"]) == []


def test_all_of_can_open() -> None:
    body = "steps:\n  - {when: {all_of: [a, b]}, as: x, within: 5 days of first}\n"
    assert standing(body, ["01-01 b", "01-04 a"]) == ["01-04: b0 a1"]
    assert standing(body, ["01-01 b", "01-08 a"]) == []


OPTIONAL = """
steps:
  - {when: a, as: x}
  - {then: b, as: y, optional: true, within: 5 days of x}
  - {then: c, as: z, within: 20 days of x}
"""


def test_optional_may_be_missing() -> None:
    assert standing(OPTIONAL, ["01-01 a", "01-02 b", "01-03 c"]) == ["01-03: a0 b1 c2"]
    assert standing(OPTIONAL, ["01-01 a", "01-03 c"]) == ["01-03: a0 c1"]
    assert standing(OPTIONAL, ["01-01 a", "01-09 b", "01-10 c"]) == ["01-10: a0 c2"]


def test_an_optional_step_in_the_middle_is_missing_as_soon_as_the_next_steps_event_comes() -> None:
    (line,) = decided(OPTIONAL, ["01-01 a", "01-03 c", "01-04 b"])
    assert (line["at"], line["steps"]) == ("2026-01-03T00:00:00+01:00", {"x": ["a0"], "z": ["c1"]})


def test_a_trailing_optional_step_is_told_whole_at_its_deadline() -> None:
    body = THEN_B + "{then: b, as: y, optional: true, within: 5 days of x}\n"
    (line,) = decided(body, ["01-01 a"])
    assert (line["at"], line["completed_at"]) == ("2026-01-07T00:00:00+01:00", "2026-01-01T00:00:00+01:00")
    (line,) = decided(body, ["01-01 a", "01-02 b"])
    assert (line["at"], line["steps"]) == ("2026-01-02T00:00:00+01:00", {"x": ["a0"], "y": ["b1"]})


def test_what_fits_both_the_optional_step_and_the_next_goes_to_the_next() -> None:
    body = """
    steps:
      - {when: a, as: x}
      - {then: b, as: y, optional: true, within: 5 days of x}
      - {then: b, as: z, within: 9 days of x}
    """
    assert [line["steps"] for line in decided(body, ["01-01 a", "01-02 b", "01-03 b"])] == [{"x": ["a0"], "z": ["b1"]}]


GROUP = """
within: 60 days
steps:
  - {when: a, as: x}
  - group:
      - {then: b, as: lost}
      - {then: c, as: found, within: 3 days of previous}
    times: at least 2
  - {then: d, as: z}
"""


def test_a_group_repeats_as_a_unit() -> None:
    (line,) = decided(GROUP, ["01-01 a", "01-02 b", "01-03 c", "01-04 b", "01-05 c", "01-06 d"])
    assert line["steps"] == {"x": ["a0"], "lost": ["b1", "b3"], "found": ["c2", "c4"], "z": ["d5"]}
    assert standing(GROUP, ["01-01 a", "01-02 b", "01-03 c", "01-06 d"]) == []


def test_a_round_begun_and_not_ended_is_not_part_of_the_group() -> None:
    story = ["01-01 a", "01-02 b", "01-03 c", "01-04 b", "01-05 c", "01-06 b", "01-16 c", "01-20 d"]
    assert [line["steps"]["lost"] for line in decided(GROUP, story)] == [["b1", "b3"]]


def test_the_next_steps_event_ends_a_group_in_the_middle_of_a_round() -> None:
    story = ["01-01 a", "01-02 b", "01-03 c", "01-04 b", "01-05 c", "01-06 b", "01-07 d", "01-08 c"]
    assert standing(GROUP, story) == ["01-07: a0 b1 b3 c2 c4 d6"]


def test_within_and_optional_apply_to_a_whole_group() -> None:
    body = """
    steps:
      - {when: a, as: x}
      - group: [{then: b, as: y}, {then: c, as: z}]
        within: 5 days of x
        optional: true
      - {then: d, as: end, within: 20 days of x}
    """
    assert standing(body, ["01-01 a", "01-02 b", "01-03 c", "01-09 d"]) == ["01-09: a0 b1 c2 d3"]
    assert standing(body, ["01-01 a", "01-02 b", "01-08 c", "01-09 d"]) == ["01-09: a0 d3"]


SILENCE = """
steps:
  - {when: a, as: x}
  - then: {any_of: [{type: b, as: told}, {absent: c, where: n > 1, for: 5 days after x}]}
    within: 10 days of x
  - {then: d, as: z, within: 20 days of x}
"""


def test_an_absence_among_any_of_takes_the_step_at_its_deadline() -> None:
    assert standing(SILENCE, ["01-01 a", "01-08 d"]) == ["01-08: a0 d1"]
    assert standing(SILENCE, ["01-01 a", "01-03 d"]) == ["01-07: a0 d1"]
    assert standing(SILENCE, ["01-01 a", "01-02 c n=2", "01-08 d"]) == []
    assert standing(SILENCE, ["01-01 a", "01-02 c n=1", "01-08 d"]) == ["01-08: a0 d2"]


def test_an_event_before_that_deadline_takes_the_step_instead() -> None:
    assert standing(SILENCE, ["01-01 a", "01-03 b", "01-08 d"]) == ["01-08: a0 b1 d2"]
    assert standing(SILENCE, ["01-01 a", "01-02 c n=2", "01-08 b", "01-09 d"]) == ["01-09: a0 b2 d3"]


def test_a_condition_reads_the_event_just_before_on_the_timeline() -> None:
    body = "overlap: keep\nsteps:\n  - {when: a, as: x, where: n > before.n * 2}\n"
    assert standing(body, ["01-01 a n=1", "01-02 a n=2", "01-03 a n=5"]) == ["01-03: a2"]


def test_a_single_steps_own_name_in_its_condition_is_the_event() -> None:
    body = THEN_B + "{then: b, as: y, where: y.n > x.n, within: 9 days of x}\n"
    assert standing(body, ["01-01 a n=4", "01-02 b n=3", "01-03 b n=5"]) == ["01-03: a0 b2"]


def test_unnamed_positive_steps_are_named_by_their_position() -> None:
    body = (
        "within: 9 days\nsteps:\n  - when: a\n  - {absent: c, until: y}\n  - group: [{then: b}]\n  - {then: d, as: y}\n"
    )
    (line,) = decided(body, ["01-01 a", "01-02 b", "01-03 d"])
    assert list(line["steps"]) == ["step1", "step3.1", "y"]
