"""Absences beyond the plain ones: looking back, the next event, `all_of`, `again`, feeds that are silent."""

from __future__ import annotations

from tests.unit.processors.rules.stories import decided, standing

LOOKING_BACK = "steps:\n  - {when: a, as: x}\n  - {absent: b, for: 10 days before x}\n"


def test_looking_back_nothing_of_it_in_the_days_before() -> None:
    assert standing(LOOKING_BACK, ["01-01 z", "02-01 b", "02-11 a"]) == []
    assert standing(LOOKING_BACK, ["01-01 z", "02-01 b", "02-12 a"]) == ["02-12: a2"]
    less = LOOKING_BACK.replace("10 days", "less than 10 days")
    assert standing(less, ["01-01 z", "02-01 b", "02-11 a"]) == ["02-11: a2"]


def test_days_before_the_feed_began_are_unknown_never_absent() -> None:
    assert standing(LOOKING_BACK, ["01-05 z", "01-14 a"]) == []
    assert standing(LOOKING_BACK, ["01-05 z", "01-15 a"]) == ["01-15: a1"]


def test_looking_back_counts_before_the_first_of_a_repeated_name() -> None:
    body = "steps:\n  - {when: a, as: n, times: 2, within: 30 days of first}\n  - {absent: b, for: 5 days before n}\n"
    assert standing(body, ["01-01 z", "02-10 a", "02-12 b", "02-14 a"]) == ["02-14: a1 a3"]
    assert standing(body, ["01-01 z", "02-08 b", "02-10 a", "02-14 a"]) == []


def test_names_own_event_never_counts_as_the_absent_one() -> None:
    body = LOOKING_BACK.replace("absent: b", "absent: a")
    assert standing("overlap: keep\n" + body, ["01-01 z", "02-01 a", "02-05 a"]) == ["02-01: a1"]


NEXT = "within: 30 days\nsteps:\n  - {when: a, as: x}\n  - {absent: b, until: next event}\n"


def test_until_next_event_means_the_very_next_event_is_not_it() -> None:
    (line,) = decided(NEXT, ["01-01 a", "01-05 c", "01-06 b"])
    assert line["completed_at"] == "2026-01-05T00:00:00+01:00"
    assert standing(NEXT, ["01-01 a", "01-05 b"]) == []
    assert standing(NEXT, ["01-01 a"]) == []


def test_until_next_event_with_for_holds_through_the_later_of_the_two() -> None:
    body = NEXT.replace("until:", "for: 10 days after x, until:")
    assert standing(body, ["01-01 a", "01-05 c", "01-06 b"]) == []
    assert standing(body, ["01-01 a", "01-05 c", "01-12 b"]) == ["01-12: a0"]


def test_absent_all_of_means_not_all_of_them() -> None:
    body = "steps:\n  - {when: a, as: x}\n  - {absent: {all_of: [b, c]}, for: 10 days after x}\n"
    assert standing(body, ["01-01 a", "01-02 b"]) == ["01-12: a0"]
    assert standing(body, ["01-01 a", "01-02 c", "01-03 b"]) == []
    assert standing(body.replace("[b, c]", "[b, b]"), ["01-01 a", "01-02 b"]) == ["01-12: a0"]


AGAIN = "within: 30 days\nsteps:\n  - {when: a, as: x}\n  - {absent: b, for: 10 days after x, again: true}\n"


def test_again_fires_anew_after_each_further_silence_until_the_rules_within_is_over() -> None:
    lines = decided(AGAIN, ["01-01 a"])
    assert [line["completed_at"][:10] for line in lines] == ["2026-01-12", "2026-01-22", "2026-02-01"]
    assert len({line["match"] for line in lines}) == 3


def test_again_stops_when_it_comes() -> None:
    lines = decided(AGAIN, ["01-01 a", "01-20 b"])
    assert [line["completed_at"][:10] for line in lines] == ["2026-01-12"]


def test_again_in_months_counts_from_the_name_and_clamps() -> None:
    body = AGAIN.replace("30 days", "4 months").replace("10 days", "1 month")
    assert [line["completed_at"][:10] for line in decided(body, ["01-31 a"])] == [
        "2026-03-01",
        "2026-04-01",
        "2026-05-01",
        "2026-06-01",
    ]


def test_until_an_optional_step_that_is_missing_means_the_step_after_it() -> None:
    body = """
    within: 30 days
    steps:
      - {when: a, as: x}
      - {absent: b, until: y}
      - {then: c, as: y, optional: true}
      - {then: d, as: z}
    """
    assert standing(body, ["01-01 a", "01-05 d", "01-06 b"]) == ["01-05: a0 d1"]
    assert standing(body, ["01-01 a", "01-03 b", "01-05 d"]) == []
    assert standing(body, ["01-01 a", "01-03 c", "01-04 b", "01-05 d"]) == ["01-05: a0 c1 d3"]


def test_an_absence_in_a_group_is_checked_in_each_round() -> None:
    body = """
    within: 60 days
    steps:
      - {when: a, as: x}
      - group: [{then: b, as: p}, {absent: e, until: q}, {then: c, as: q}]
        times: 2
    """
    assert len(standing(body, ["01-01 a", "01-02 b", "01-03 c", "01-04 e", "01-05 b", "01-06 c"])) == 1
    assert standing(body, ["01-01 a", "01-02 b", "01-03 e", "01-04 c", "01-05 b", "01-06 c"]) == []


def test_looking_back_in_a_group_counts_before_the_name_of_its_round() -> None:
    body = """
    within: 20 days
    steps:
      - {when: a, as: x}
      - group: [{then: b, as: y}, {absent: e, for: 2 days before y}]
        times: 2
    """
    assert len(standing(body, ["01-01 z", "01-05 a", "01-06 b", "01-09 b"])) == 1
    assert standing(body, ["01-01 z", "01-05 a", "01-06 b", "01-08 e", "01-09 b"]) == []
