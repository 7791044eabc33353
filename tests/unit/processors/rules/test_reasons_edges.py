"""Explanations at their edges: feeds in sentences, what shut a match out, steps that can bind nothing any more."""

from __future__ import annotations

from processors.events import EventType
from processors.rules.checking.check import Deployment
from processors.rules.deciding.heard import Heard
from processors.rules.ledger import Ledger
from processors.rules.lines import event_of, json_attributes
from processors.rules.matching.compiling import plan_of
from processors.rules.reasons.explanation import Known, Status
from processors.rules.reasons.saying import say
from processors.rules.reasons.why import why
from processors.rules.ruleset import RuleSet
from processors.timeline import EMPTY, apply
from tests.unit.processors.rules.stories import CALENDAR
from tests.unit.processors.rules.why_stories import DEPLOYMENT, at, lines_of, rules_of, runs_of, words

CLAIMS = EventType("c", "a claim", {}, feeds=("y.claims",))
AFTER = "- {when: a, as: x}\n- {absent: c, for: 5 days after x}"
BEFORE = "- {when: a, as: x}\n- {absent: c, for: 5 days before x}"


def said_of_feeds(steps: str, heard: Heard, now: str) -> list[str]:
    """The sentences on a person with one event `a` on 10 January, where `c` comes from the feed y.claims."""
    place = Deployment(catalogue={"a": EventType("a", "an a", {}), "c": CLAIMS}, calendar=CALENDAR)
    (rule,) = rules_of([steps], DEPLOYMENT).rules
    rules = RuleSet.of(place, {"story": (plan_of(rule, place),)}, json_attributes)
    timeline, _ = apply(EMPTY, event_of(lines_of(["01-10 a"])[0], 1, CALENDAR))
    return say(why(rules, "story", "p", Known(timeline, Ledger(), heard, at(now))), words("en"))


def test_a_feed_that_is_behind_is_named_with_the_last_day_it_was_heard() -> None:
    behind = said_of_feeds(AFTER, Heard({"y.claims": at("01-13") - 1}), "01-20")
    assert (
        "The data of y.claims is known up to and including 12 January 2026. "
        "It is needed up to and including 15 January 2026."
    ) in " ".join(behind)


def test_a_feed_that_was_never_heard_is_named() -> None:
    assert "Nothing has been heard of y.claims." in " ".join(said_of_feeds(AFTER, Heard(), "01-20"))


def test_feeds_that_began_too_late_for_a_look_back_are_named() -> None:
    late = Heard({"y.claims": at("01-20")}, began={"y.claims": at("01-08")})
    told = " ".join(said_of_feeds(BEFORE, late, "01-20"))
    assert "From that day on the data of y.claims is not complete." in told


def test_a_field_that_is_null_is_said_to_be_nothing() -> None:
    assert words("en").value(None) == "nothing"
    assert words("en").value((1, None)) == "1 and nothing"


def test_what_shut_a_match_out_is_dated_by_when_it_occurred() -> None:
    steps = "- {when: a}\n- {then: b, within: 9 days of first}"
    _, run = runs_of(steps, "01-01 a recorded_at=2026-01-02", "01-02 a", "01-03 b", "01-20")
    assert run.status is Status.OVERLAPPED
    assert run.other is not None
    assert run.other.opened_at == at("01-01")


def test_a_window_from_a_step_that_is_missing_has_no_end() -> None:
    steps = """
    - {when: a}
    - {then: b, as: y, optional: true, within: 5 days of first}
    - {then: c, within: 5 days of y}
    """
    (run,) = runs_of(steps, "01-01 a", "02-01")
    assert run.sought is not None
    assert (run.sought.end, run.sought.counts_from) == (None, "y")


def test_a_run_that_got_no_further_than_its_first_step_shows_the_event_that_opened_it() -> None:
    (run,) = runs_of("- {group: [{when: a, as: x}, {right_after: b}], within: 9 days of first}", "01-01 a", "01-02 c")
    assert run.status is Status.BROKEN
    assert [(step.name, [event.id for event in step.events]) for step in run.steps] == [("x", ["a0"])]
    (run,) = runs_of("- {when: {all_of: [a, b]}, within: 9 days of first}", "01-01 a")
    assert [[event.id for event in step.events] for step in run.steps] == [["a0"]]
