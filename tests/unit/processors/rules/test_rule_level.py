"""Rule level: `runs`, `overlap: longest`, `among`, `repeats`, `per: household`, `on_correction`, merges and splits."""

from __future__ import annotations

from processors.rules.lines import run
from tests.unit.processors.rules.stories import decided, events, rules, standing

THEN = "steps:\n  - {when: a, as: x}\n  - {then: b, as: y, within: 10 days of x}\n"


def test_runs_first_only_opens_at_the_first_fitting_event_and_never_again() -> None:
    body = "runs: first only\n" + THEN
    assert standing(body, ["01-01 a", "01-20 a", "01-21 b"]) == []
    assert standing("runs: every\n" + THEN, ["01-01 a", "01-20 a", "01-21 b"]) == ["01-21: a1 b2"]


LONGEST = (
    "overlap: longest\nsteps:\n  - {when: a, as: x}\n  - {then: b, as: y, where: n == x.n, within: 10 days of x}\n"
)


def test_overlap_longest_keeps_the_longest_of_those_that_share_time() -> None:
    story = ["01-01 a n=1", "01-02 a n=2", "01-03 b n=1", "01-09 b n=2", "02-01 a n=3", "02-02 b n=3"]
    assert standing(LONGEST, story) == ["01-09: a1 b3", "02-02: a4 b5"]


def test_overlap_longest_of_equal_spans_takes_the_earlier() -> None:
    story = ["01-01 a n=1", "01-02 a n=2", "01-03 b n=1", "01-04 b n=2"]
    assert standing(LONGEST, story) == ["01-03: a0 b2"]


def test_overlap_longest_is_decided_when_no_open_run_can_be_longer() -> None:
    lines = decided(LONGEST, ["01-01 a n=1", "01-02 a n=2", "01-03 b n=1"])
    assert [(line["at"], line["completed_at"]) for line in lines] == [
        ("2026-01-13T00:00:00+01:00", "2026-01-03T00:00:00+01:00")
    ]


def test_among_narrows_the_timeline_the_rule_sees() -> None:
    body = "steps:\n  - {when: a, as: x}\n  - {right_after: b, as: y, within: 9 days of x}\n"
    story = ["01-01 a", "01-02 c", "01-03 b"]
    assert standing(body, story) == []
    assert standing("among: [a, b]\n" + body, story) == ["01-03: a0 b2"]


def test_repeats_are_ignored_and_do_not_prolong_the_time() -> None:
    body = "repeats: ignore same n, agency in 3 days\noverlap: keep\nsteps:\n  - {when: a, as: x}\n"
    story = ["01-01 a n=1", "01-03 a n=1", "01-05 a n=1", "01-05 a n=2", "01-06 a"]
    assert standing(body, story) == ["01-01: a0", "01-05: a2", "01-05: a3", "01-06: a4"]
    assert len(standing(body, ["01-01 a n=1 agency=k", "01-02 a n=1 agency=l"])) == 2


HOUSEHOLD = "per: household\n" + THEN


def test_a_household_sees_the_events_of_its_members() -> None:
    (line,) = decided(HOUSEHOLD, ["01-01 a household=h person=one", "01-05 b household=h person=other"])
    assert (line["household"], line["steps"]) == ("h", {"x": ["a0"], "y": ["b1"]})
    assert "person" not in line
    assert decided(HOUSEHOLD, ["01-01 a household=h", "01-05 b household=other"]) == []
    assert decided(HOUSEHOLD, ["01-01 a", "01-05 b"]) == []


def test_a_change_of_household_is_a_correction_of_the_event() -> None:
    story = [
        "01-01 a household=h person=one",
        "01-05 b household=h person=other id=moves",
        "01-05 b household=g person=other id=k change=corrected replaces=moves recorded_at=2026-01-07",
        "01-06 a household=g person=third recorded_at=2026-01-08",
        "01-01 a household=g person=third recorded_at=2026-01-09",
    ]
    lines = decided(HOUSEHOLD, story)
    assert [(line["decision"], line["household"]) for line in lines] == [
        ("matched", "h"),
        ("withdrawn", "h"),
        ("matched", "g"),
    ]


def test_an_annulment_without_household_stays_where_the_event_was() -> None:
    story = [
        "01-01 a household=h person=one",
        "01-05 b household=h person=other id=one",
        "01-05 b person=other id=k change=annulled replaces=one",
    ]
    assert [line["decision"] for line in decided(HOUSEHOLD, story)] == ["matched", "withdrawn"]


def test_report_and_overlap_are_per_household() -> None:
    body = "report: once\n" + HOUSEHOLD
    days = [("01-01", "a", "1"), ("01-02", "b", "2"), ("01-05", "a", "3"), ("01-06", "b", "1")]
    story = [f"{day} {kind} household={home} person={home}{who}" for home in "hg" for day, kind, who in days]
    assert len(standing(body, sorted(story))) == 2


CORRECTED = ["01-01 a", "01-02 b id=one", "01-03 b id=k change=corrected replaces=one recorded_at=2026-01-05"]


def test_on_correction_withdraw_takes_the_match_back_and_does_not_tell_it_again() -> None:
    lines = decided("on_correction: withdraw\n" + THEN, [*CORRECTED, "02-01 c"])
    assert [(line["decision"], line.get("event")) for line in lines] == [("matched", None), ("withdrawn", "k")]


def test_on_correction_withdraw_means_matches_already_told() -> None:
    story = [CORRECTED[1], CORRECTED[2], "01-01 a recorded_at=2026-01-06"]
    assert [line["decision"] for line in decided("on_correction: withdraw\n" + THEN, story)] == ["matched"]


def test_on_correction_tell_officer_lets_the_match_stand_and_says_what_would_have_changed() -> None:
    story = [*CORRECTED, "01-02 b id=gone change=annulled replaces=one recorded_at=2026-01-09", "03-01 c"]
    lines = decided("on_correction: tell officer\n" + THEN, story)
    assert [(line["decision"], line.get("event")) for line in lines] == [
        ("matched", None),
        ("review", "k"),
        ("review", "gone"),
    ]
    assert "still hold" in str(lines[1]["reason"])
    assert "no longer hold" in str(lines[2]["reason"])


def test_a_merge_is_republication_and_the_match_keeps_its_identity() -> None:
    """The losing key's live events come again under the right key, same ids, and are annulled under the old one."""
    alone = decided(THEN, ["01-01 a person=p", "01-02 b person=p"])
    moved = [{**line, "person": "right", "recorded_at": "2026-01-05"} for line in events(["01-01 a", "01-02 b"])]
    annulled = [
        {**line, "id": f"gone-{line['id']}", "change": "annulled", "replaces": line["id"], "recorded_at": "2026-01-05"}
        for line in events(["01-01 a", "01-02 b"])
    ]
    lines = list(run(rules(THEN), [*events(["01-01 a", "01-02 b"]), *moved, *annulled, {"advance_to": "2026-03-01"}]))
    assert [(line["decision"], line["person"]) for line in lines] == [
        ("matched", "p"),
        ("matched", "right"),
        ("withdrawn", "p"),
    ]
    assert {line["match"] for line in lines} == {alone[0]["match"]}


def test_what_two_households_saw_of_a_fact_are_two_matches_the_old_withdrawn_first() -> None:
    body = "per: household\nsteps:\n  - {when: a, as: x}\n"
    story = ["01-01 a household=h id=one", "01-01 a household=g id=k change=corrected replaces=one"]
    lines = decided(body, story)
    assert [(line["decision"], line["household"]) for line in lines] == [
        ("matched", "h"),
        ("withdrawn", "h"),
        ("matched", "g"),
    ]
    assert lines[1]["match"] != lines[2]["match"]


def test_a_correction_without_household_before_its_original_leaves_the_fact_where_it_was() -> None:
    body = "per: household\nsteps:\n  - {when: a, as: x}\n"
    story = ["01-01 a id=k change=corrected replaces=one recorded_at=2026-01-02", "01-01 a household=h id=one"]
    assert [line["household"] for line in decided(body, story)] == ["h"]


def test_a_late_line_that_names_another_type_is_not_dropped_silently() -> None:
    body = "late: {accept: 5 days}\nsteps:\n  - {when: a, as: x}\n"
    story = ["01-01 a id=one", "01-01 b id=k change=corrected replaces=one recorded_at=2026-02-02"]
    assert [line["decision"] for line in decided(body, ["01-01 a id=one", "02-01 c", story[1]])] == ["matched", "late"]


def test_events_before_1970_and_for_ever_count_like_others() -> None:
    lines = [{"id": "e", "type": "a", "person": "p", "occurred_at": day} for day in ("1960-01-01",)]
    body = "steps:\n  - {when: a, as: x}\n  - {absent: b, for: 10 days after x}\n"
    (line,) = run(rules(body), [*lines, {"advance_to": "1961-01-01"}])
    assert str(line["completed_at"])[:10] == "1960-01-12"
    for_ever = [{**lines[0], "occurred_at": "9999-12-31"}, {"advance_to": "2026-01-01"}]
    assert list(run(rules(body), for_ever)) == []
