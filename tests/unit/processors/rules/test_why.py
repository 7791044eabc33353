"""Why and why not, one test for each kind of reason (`rules.md`, Meaning 11 and 12)."""

from __future__ import annotations

from processors.civil_time import DAY_MS
from processors.events import EventType
from processors.rules.checking.check import Deployment
from processors.rules.deciding.heard import Heard
from processors.rules.ledger import Ledger
from processors.rules.lines import event_of, json_attributes
from processors.rules.matching.compiling import plan_of
from processors.rules.model import Subject
from processors.rules.reasons.explanation import Known, Pending, RunReport, Status, as_data
from processors.rules.reasons.why import why
from processors.rules.ruleset import RuleSet
from processors.timeline import EMPTY, apply
from tests.unit.processors.rules.stories import CALENDAR
from tests.unit.processors.rules.why_stories import DEPLOYMENT, at, explained, lines_of, rules_of, runs_of

THEN = "- {when: a, as: x}\n- {then: b, as: y, within: 10 days of x}"
ABSENT = "- {when: a, as: x}\n- {absent: c, for: 5 days after x}"


def ids(run: RunReport) -> list[str]:
    return [event.id for step in run.steps for event in step.events]


def test_a_match_says_when_it_was_complete_and_told() -> None:
    (run,) = runs_of(THEN, "01-01 a", "01-04 b recorded_at=2026-01-06")
    assert (run.status, ids(run)) == (Status.MATCHED, ["a0", "b1"])
    assert (run.completed_at, run.told_at, run.known_at) == (at("01-04"), at("01-06"), at("01-06"))


def test_nothing_opened_says_which_types_do_and_what_there_was() -> None:
    found = explained(THEN, ["01-01 b", "01-02 d", "01-03 b"])
    (version,) = found.versions
    assert (version.runs, version.opens_with, found.seen) == ((), ("a",), (("b", 2),))
    assert not found.is_matched


def test_an_event_that_fits_the_type_but_fails_the_condition_is_shown_with_its_values() -> None:
    (version,) = explained("- {when: a, where: n > 5 && m < 3}", ["01-01 a n=3 m=1"]).versions
    (refusal,) = version.refusals
    assert refusal.event.id == "a0"
    assert refusal.condition == "n > 5 && m < 3"
    assert [(read.field, read.value) for read in refusal.reads] == [("m", 1), ("n", 3)]
    assert refusal.missing == ()


def test_a_missing_field_and_an_error_are_shown() -> None:
    (missing, failed) = (
        explained("- {when: a, where: n > 5}", ["01-01 a", "01-02 a flag=true n=x"]).versions[0].refusals
    )
    assert missing.missing == ("n",)
    assert [(read.field, read.value) for read in missing.reads] == [("n", None)]
    assert failed.error is not None


def test_a_condition_on_earlier_names_and_on_lists_shows_what_it_read() -> None:
    rule = """
    - {when: a, as: x}
    - {then: b, as: y, times: 2, within: 20 days of x}
    - {then: d, where: "n > x.n && n > last(y).n && sum(y.map(e, e.n)) < 9", within: 20 days of x}
    """
    (run,) = runs_of(rule, "01-01 a n=7", "01-02 b n=1", "01-03 b n=2", "01-04 d n=5")
    (refusal,) = run.refusals
    reads = {read.field: read.value for read in refusal.reads}
    assert reads == {"n": 5, "x.n": 7, "last(y).n": 2, "y.n": (1, 2)}


def test_a_run_whose_window_passed_says_what_it_sought_and_what_came_too_late() -> None:
    (run,) = runs_of(THEN, "01-01 a", "01-12 b", "02-01")
    assert (run.status, ids(run)) == (Status.BROKEN, ["a0"])
    assert run.sought is not None
    assert (run.sought.types, run.sought.name, run.sought.end) == (("b",), "y", at("01-12"))
    assert run.sought.too_late is not None
    assert run.sought.too_late.id == "b1"


def test_a_run_whose_window_is_open_waits_for_the_clock() -> None:
    (run,) = runs_of(THEN, "01-01 a", "01-05")
    assert run.status is Status.OPEN
    (pending,) = run.pending
    assert (pending.is_clock, pending.due, pending.end) == (True, at("01-12"), at("01-12"))


def test_the_event_that_stands_in_the_way_of_right_after() -> None:
    (run,) = runs_of("- {when: a}\n- {right_after: b, within: 9 days of first}", "01-01 a", "01-02 d", "01-03 b")
    assert run.status is Status.BROKEN
    assert run.stopped_by is not None
    assert run.stopped_by.id == "d1"
    assert run.sought is not None
    assert run.sought.is_next


def test_the_event_that_breaks_an_unbroken_repetition_and_the_one_that_stops_it() -> None:
    for words in ("unbroken: true", "stop_at: d"):
        rule = f"- {{when: a}}\n- {{then: b, times: 2, within: 9 days of first, {words}}}"
        (run,) = runs_of(rule, "01-01 a", "01-02 b", "01-03 d", "01-04 b")
        assert (run.status, ids(run)) == (Status.BROKEN, ["a0", "b1"])
        assert run.stopped_by is not None
        assert run.stopped_by.id == "d2"
        assert run.sought is not None
        assert (run.sought.needed, run.sought.found) == (2, 1)


def test_the_event_that_contradicts_an_absence() -> None:
    (run,) = runs_of(ABSENT, "01-01 a", "01-03 c", "02-01")
    assert run.status is Status.CONTRADICTED
    assert run.absence is not None
    assert (run.absence.types, run.absence.position) == (("c",), "2")
    assert run.stopped_by is not None
    assert run.stopped_by.id == "c1"


def test_an_absence_that_fires_again_is_contradicted_before_its_first_time() -> None:
    rule = "within: 30 days\nsteps:\n  - {when: a, as: x}\n  - {absent: c, for: 5 days after x, again: true}"
    (run,) = runs_of(rule, "01-01 a", "01-03 c", "02-01")
    assert run.status is Status.CONTRADICTED
    fired = runs_of(rule, "01-01 a", "01-14 c", "02-01")
    assert [(each.status, each.fires) for each in fired] == [(Status.MATCHED, 1), (Status.MATCHED, 2)]


def test_an_absence_that_the_rule_has_no_time_for() -> None:
    rule = "within: 4 days\nsteps:\n  - {when: a, as: x}\n  - {absent: c, for: 5 days after x, again: true}"
    (run,) = runs_of(rule, "01-01 a", "02-01")
    assert (run.status, ids(run)) == (Status.BROKEN, ["a0"])
    assert run.absence is not None


def test_an_absence_that_counts_from_a_step_that_is_missing() -> None:
    rule = """
    - {when: a}
    - {then: b, as: y, optional: true, within: 2 days of first}
    - {absent: c, for: 5 days after y}
    """
    (run,) = runs_of(rule, "01-01 a", "02-01")
    assert run.status is Status.CONTRADICTED
    assert run.absence is not None
    assert run.absence.name == "y"


def test_until_next_event_waits_for_it() -> None:
    rule = "within: 30 days\nsteps:\n  - {when: a}\n  - {absent: c, until: next event}"
    (run,) = runs_of(rule, "01-01 a", "01-03")
    assert (run.status, run.stopped_by) == (Status.OPEN, None)
    assert run.absence is not None
    assert run.absence.types == ("c",)


def test_an_absence_waits_for_its_deadline_and_then_for_the_feed() -> None:
    clock = waiting(Heard({"y.claims": at("01-02")}), at("01-03"))
    assert (clock.is_clock, clock.end, clock.due) == (True, at("01-07"), at("01-09"))
    assert clock.absence is not None
    assert clock.absence.types == ("c",)
    behind = waiting(Heard({"y.claims": at("01-08")}), at("01-20"))
    assert not behind.is_clock
    assert [(each.feed, each.heard) for each in behind.feeds] == [("y.claims", at("01-08"))]
    never = waiting(Heard(), at("01-20"))
    assert [(each.feed, each.heard) for each in never.feeds] == [("y.claims", None)]


def waiting(heard: Heard, now: int) -> Pending:
    """What the absence waits for where `c` comes from a feed that settles within two days."""
    types = {
        "a": EventType("a", "a", {}),
        "c": EventType("c", "c", {}, feeds=("y.claims",), settles_within_ms=2 * DAY_MS),
    }
    place = Deployment(calendar=CALENDAR, catalogue=types)
    (rule,) = rules_of([ABSENT], DEPLOYMENT).rules
    rules = RuleSet.of(place, {"story": (plan_of(rule, place),)}, json_attributes)
    timeline, _ = apply(EMPTY, event_of(lines_of(["01-01 a"])[0], 1, CALENDAR))
    (run,) = why(rules, "story", "p", Known(timeline, Ledger(), heard, now)).versions[0].runs
    assert run.status is Status.WAITING
    return run.pending[0]


def test_a_match_shut_out_by_another_names_it() -> None:
    first, second = runs_of(THEN, "01-01 a", "01-02 a", "01-04 b")
    assert (first.status, second.status) == (Status.MATCHED, Status.OVERLAPPED)
    assert second.other is not None
    assert second.other.match == first.match


def test_a_match_that_depends_on_one_that_waits_is_held_back() -> None:
    rule = """
    report: once
    steps:
      - {when: a, as: x}
      - {then: b, times: 1..2, where: m == x.m, within: 10 days of x}
    """
    first, second = runs_of(rule, "01-01 a m=1", "01-02 b m=1", "01-03 a m=2", "01-04 b m=2", "01-05 b m=2")
    assert (first.status, second.status) == (Status.WAITING, Status.HELD_BACK)
    assert second.other is not None
    assert second.other.match == first.match


def test_a_match_that_report_keeps_from_being_told_names_the_one_and_until_when() -> None:
    first, second = runs_of("report: not again for 30 days\nsteps: [{when: a}]", "01-01 a", "01-20 a")
    assert (first.status, second.status) == (Status.MATCHED, Status.NOT_REPORTED)
    assert second.other is not None
    assert (second.other.match, second.other.until) == (first.match, at("02-01"))
    *_, again = runs_of("report: once\nsteps: [{when: a}]", "01-01 a", "06-01 a")
    assert again.status is Status.NOT_REPORTED
    assert again.other is not None
    assert again.other.until is None


def test_a_match_belongs_to_the_version_valid_when_it_is_complete() -> None:
    old = "valid: {from: 2026-01-01, until: 2026-03-31}\nsteps: [{when: a}]"
    new = "valid: {from: 2026-04-01}\nsteps: [{when: a}]"
    found = explained([old, new], ["03-01 a", "04-02 a"])
    statuses = {version.version: [run.status for run in version.runs] for version in found.versions}
    assert statuses == {
        1: [Status.MATCHED, Status.OTHER_VERSION],
        2: [Status.OTHER_VERSION, Status.MATCHED],
    }
    assert found.versions[0].runs[1].version == 2
    (alone,) = explained(old, ["05-02 a"]).versions
    assert (alone.is_valid, alone.runs[0].status, alone.runs[0].version) == (False, Status.OTHER_VERSION, None)


def test_a_new_version_does_not_tell_what_an_old_one_told() -> None:
    old = "valid: {from: 2026-01-01, until: 2026-03-31}\nsteps: [{when: a}]"
    new = "valid: {from: 2026-04-01}\nsteps: [{when: a, as: x}, {absent: b, for: 60 days after x}]"
    found = explained([old, new], ["03-01 a", "06-01"])
    (run,) = found.versions[1].runs
    assert run.status is Status.OLD_VERSION
    assert run.other is not None
    assert run.other.version == 1


def test_looking_back_to_before_a_feed_began_is_unknown() -> None:
    rule = "- {when: a, as: x}\n- {absent: c, for: 10 days before x}"
    (run,) = runs_of(rule, "01-05 d", "01-08 a")
    assert (run.status, run.unknown_since) == (Status.UNKNOWN, at("01-08") - 10 * DAY_MS)


def test_a_withdrawn_match_says_what_was_annulled_and_what_took_its_place() -> None:
    annulled = "01-05 b id=z change=annulled replaces=b1 recorded_at=2026-01-06"
    broken, gone = sorted(runs_of(THEN, "01-01 a", "01-04 b", annulled), key=lambda run: run.status)
    assert (broken.status, gone.status) == (Status.OPEN, Status.WITHDRAWN)
    assert gone.withdrawal is not None
    assert [event.id for event in gone.withdrawal.annulled] == ["b1"]
    assert gone.withdrawal.at == at("01-06")
    runs = runs_of(THEN, "01-01 a", "01-04 b", "01-05 b", annulled)
    (matched,) = [run for run in runs if run.status is Status.MATCHED]
    (replaced,) = [run.withdrawal for run in runs if run.withdrawal is not None]
    assert replaced.replaced_by == matched.match


def test_a_rule_that_withdraws_on_correction_bars_the_match() -> None:
    corrected = "01-02 a id=z change=corrected replaces=a0 recorded_at=2026-01-05"
    (run,) = runs_of("on_correction: withdraw\nsteps: [{when: a}]", "01-01 a", corrected)
    assert run.status is Status.BARRED
    assert run.withdrawal is not None
    assert [event.id for event in run.withdrawal.corrected] == ["a0"]


def test_a_corrected_match_that_an_officer_decides_stands() -> None:
    annulled = "01-03 a id=z change=annulled replaces=a0 recorded_at=2026-01-05"
    found = explained("on_correction: tell officer\nsteps: [{when: a}]", ["01-01 a", annulled])
    (run,) = found.versions[0].runs
    assert run.status is Status.WITH_OFFICER
    assert found.is_matched


def test_what_came_too_late_and_what_repeats_is_listed() -> None:
    rule = "late: {accept: 10 days, else: review}\nrepeats: ignore same n in 9 days\nsteps: [{when: a}]"
    (version,) = explained(rule, ["01-20 a n=1", "01-22 a n=1", "03-01", "01-10 a n=2"]).versions
    assert [event.id for event in version.ignored] == ["a1"]
    (late,) = version.late
    assert (late.event.id, late.heard) == ("a3", at("03-01"))
    assert str(version.accepts) == "10 days"


def test_what_is_still_missing_of_all_of() -> None:
    rule = "- {when: a}\n- {then: {all_of: [b, c, d]}, within: 9 days of first}"
    (run,) = runs_of(rule, "01-01 a", "01-02 c", "01-03")
    assert run.sought is not None
    assert (run.sought.types, run.sought.is_all) == (("b", "d"), True)


def test_how_many_a_sliding_count_found() -> None:
    rule = "- {when: a}\n- {at_least: 3 b, in_any: 5 days, within: 60 days of first}"
    (run,) = runs_of(rule, "01-01 a", "01-02 b", "01-20 b", "01-22 b", "03-20")
    assert run.sought is not None
    assert (run.sought.needed, run.sought.found) == (3, 2)


def test_a_window_that_counts_from_a_missing_step() -> None:
    rule = """
    - {when: a}
    - {then: b, as: y, optional: true, within: 2 days of first}
    - {then: c, within: 5 days of y}
    """
    (run,) = runs_of(rule, "01-01 a", "01-04 c", "02-01")
    assert run.sought is not None
    assert (run.sought.counts_from, run.sought.end) == ("y", None)


def test_a_rule_that_reads_households_is_explained_for_one() -> None:
    rule = "per: household\n" + "steps: [{when: a, as: x}, {then: b, within: 5 days of x}]"
    story = ["01-01 a household=h", "01-02 b household=h person=q"]
    found = explained(rule, story, subject=(Subject.HOUSEHOLD, "h"))
    assert (found.subject, found.is_matched) == (Subject.HOUSEHOLD, True)


def test_as_data_is_plain_and_its_times_are_in_the_zone() -> None:
    data = as_data(explained(THEN, ["01-01 a", "01-04 b"]), CALENDAR)
    assert isinstance(data, dict)
    (run,) = data["versions"][0]["runs"]
    assert (run["status"], run["completed_at"]) == ("matched", "2026-01-04T00:00:00+01:00")
    assert run["steps"][0]["events"][0]["id"] == "a0"
    assert "sought" not in run
