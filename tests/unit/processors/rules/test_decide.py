"""`decide` against feeds, settling times, ledgers and horizons."""

from __future__ import annotations

from dataclasses import replace

from processors.civil_time import DAY_MS, Calendar
from processors.decisions import DecisionKind
from processors.events import ChangeKind, EventType, LifeEvent
from processors.rules import ledger as ledgers
from processors.rules.checking.check import Deployment
from processors.rules.deciding.decide import Outcome, decide
from processors.rules.deciding.heard import Heard
from processors.rules.deciding.late import judge_late
from processors.rules.deciding.settling import settle
from processors.rules.explain import explain, title
from processors.rules.lines import json_attributes
from processors.rules.matching.compiling import plan_of
from processors.rules.model import Rule
from processors.rules.reading.document import parse
from processors.rules.ruleset import RuleSet
from processors.timeline import EMPTY, Timeline, apply

CATALOGUE = {
    "a": EventType("a", "an a", {}, feeds=("k.a",)),
    "b": EventType("b", "a b", {}, feeds=("k.b", "l.b"), settles_within_ms=2 * DAY_MS),
    "c": EventType("c", "a c", {}, feeds=("k.c",)),
}
TEXT = """
rule: r
version: 1
title: {en: Nothing came, nl: Er kwam niets}
owner: o
purpose: q
valid: {from: 1970-01-01, until: 1971-12-31}
steps:
  - {when: a, as: x}
  - {absent: b, for: 10 days after x}
offer: {services: [s], urgency: low, respond_within: 1 day, hold: 1 hour, lead: t}
explain: "{person} had {x.type} on {x.occurred_at}."
examples:
  - {name: y, events: [1970-01-05 a], expect: matched 1970-01-15}
  - {name: n, events: [1970-01-05 c], expect: nothing}
"""
PLACE = Deployment(CATALOGUE, calendar=Calendar("UTC"))


def loaded(text: str = TEXT) -> RuleSet:
    rules = RuleSet.load({"r.yaml": text}, PLACE, json_attributes)
    assert isinstance(rules, RuleSet), rules
    return rules


RULES = loaded()
DUE = 13 * DAY_MS
FULL = Heard({"k.a": DUE, "k.b": DUE, "l.b": DUE})


def line(id_: str, kind: str, day: int, **more: object) -> LifeEvent:
    base = LifeEvent(id_, kind, "p", "h", "z", "k", f"k.{kind}", day * DAY_MS, day * DAY_MS, 0)
    return replace(base, **more)


def timeline(*lines: LifeEvent) -> Timeline:
    found = EMPTY
    for each in lines:
        found, _ = apply(found, each)
    return found


def first(heard: Heard, now: int) -> Outcome:
    return decide(RULES, timeline(line("e", "a", 0)), ledgers.EMPTY, heard, now)


def test_an_absence_waits_for_the_deadline_and_the_settling_time() -> None:
    assert first(FULL, DUE - 1).decisions == ()
    assert first(FULL, DUE - 1).wake_at == DUE
    (decision,) = first(FULL, DUE).decisions
    assert (decision.completed_at, decision.known_at, decision.at) == (11 * DAY_MS, DUE, DUE)
    assert first(FULL, DUE).wake_at is None


def test_silence_of_a_person_is_not_silence_of_a_feed() -> None:
    for silent in (Heard({"k.b": DUE}), Heard({"k.b": DUE, "l.b": DUE - 2}), Heard()):
        outcome = first(silent, DUE + DAY_MS)
        assert outcome.decisions == ()
        assert outcome.wake_at == DUE
    assert len(first(Heard({"k.b": DUE, "l.b": DUE - 1}), DUE).decisions) == 1


def test_an_event_later_than_now_is_used() -> None:
    found = decide(RULES, timeline(line("e", "a", 0), line("f", "b", 5)), ledgers.EMPTY, FULL, DAY_MS)
    assert (found.decisions, found.wake_at) == ((), None)


def test_deciding_again_emits_nothing_new_also_after_a_fold_and_a_store() -> None:
    outcome = first(FULL, DUE)
    folded = ledgers.fold_all(ledgers.EMPTY, outcome.decisions)
    stored = ledgers.unpack(ledgers.pack(folded))
    assert folded == outcome.ledger == stored
    assert decide(RULES, timeline(line("e", "a", 0)), stored, FULL, DUE + 1).decisions == ()


def test_a_contradiction_withdraws_with_a_reason() -> None:
    told = first(FULL, DUE).ledger
    late_claim = line("f", "b", 5, recorded_at=14 * DAY_MS)
    (gone,) = decide(RULES, timeline(line("e", "a", 0), late_claim), told, FULL, 14 * DAY_MS).decisions
    assert (gone.kind, gone.known_at) == (DecisionKind.WITHDRAWN, 14 * DAY_MS)
    assert gone.reason == "it no longer holds after later news"
    annulled = line("x", "a", 0, change=ChangeKind.ANNULLED, replaces="e")
    (gone,) = decide(RULES, timeline(line("e", "a", 0), annulled), told, FULL, 14 * DAY_MS).decisions
    assert gone.reason == "an event it rests on was annulled"


def test_a_silent_feed_does_not_take_a_match_back() -> None:
    told = first(FULL, DUE).ledger
    assert decide(RULES, timeline(line("e", "a", 0)), told, Heard(), DUE).decisions == ()


def test_people_without_usable_events_cost_nothing() -> None:
    assert RULES.possible(frozenset({"b", "c"})) == ()
    assert decide(RULES, timeline(line("f", "b", 1)), ledgers.EMPTY, Heard(), 0) == Outcome((), ledgers.EMPTY, None)


def test_what_is_older_than_the_horizon_stays_as_it_is() -> None:
    full = timeline(line("e", "a", 0), line("f", "a", 300))
    told = first(FULL, DUE).ledger
    far = Heard(every=300 * DAY_MS)
    trimmed = settle(RULES, full, far, 300 * DAY_MS)
    assert [each.id for each in trimmed.lines] == ["f"]
    outcome = decide(RULES, trimmed, told, far, 300 * DAY_MS)
    assert outcome.decisions == ()
    assert len(outcome.ledger.standing) == 1
    assert settle(RULES, full, Heard(), 300 * DAY_MS) is full


def test_after_trimming_a_run_does_not_open_within_a_settled_match() -> None:
    text = TEXT.replace("  - {absent: b, for: 10 days after x}", "  - {then: a, as: y, within: 20 days of x}")
    rules = loaded(text)
    full = timeline(*(line(f"e{day}", "a", day) for day in (0, 15, 30)))
    cut = 5 * DAY_MS + rules.horizon_ms
    told = decide(rules, full, ledgers.EMPTY, Heard(), cut)
    assert len(told.decisions) == 1
    trimmed = settle(rules, full, Heard(every=cut), cut)
    assert [each.id for each in trimmed.lines] == ["e15", "e30"]
    assert decide(rules, trimmed, told.ledger, Heard(), cut).decisions == ()


def test_late_lines_go_to_review_once() -> None:
    late = line("f", "b", 5, recorded_at=60 * DAY_MS, heard=60 * DAY_MS)
    before = timeline(line("e", "a", 0))
    (decision,) = judge_late(RULES, before, late)
    assert (decision.kind, decision.event, decision.rule) == (DecisionKind.LATE, "f", "r")
    assert "undone 1" in (decision.reason or "")
    after, _ = apply(before, late)
    assert judge_late(RULES, after, late) == ()
    assert len(decide(RULES, after, ledgers.EMPTY, Heard(every=DUE), DUE).decisions) == 1
    assert judge_late(RULES, before, replace(late, type="c")) == ()
    assert judge_late(RULES, before, replace(late, heard=34 * DAY_MS)) == ()


def test_a_rule_that_leaves_the_set_leaves_its_matches() -> None:
    told = first(FULL, DUE).ledger
    newer = loaded(TEXT.replace("version: 1", "version: 2"))
    assert decide(newer, timeline(line("e", "a", 0)), told, FULL, DUE).decisions == ()


def test_explanations_are_filled_without_an_identity() -> None:
    (decision,) = first(FULL, DUE).decisions
    assert explain(RULES, decision) == "This person had an a on 1970-01-01."
    assert (title(RULES, decision, "nl"), title(RULES, decision)) == ("Er kwam niets", "Nothing came")
    rule = RULES.rule("r", 1)
    assert rule is not None
    assert rule.offer is not None
    assert str(rule.offer.hold) == "1 hour"


def test_seeking_help_brings_no_match_about_as_neighbour_or_next_event() -> None:
    catalogue = {
        "a": EventType("a", "A", {}),
        "b": EventType("b", "B", {}),
        "help": EventType("help", "Help", {}, is_help_seeking=True),
    }
    deployment = Deployment(catalogue=catalogue, calendar=Calendar("UTC"))

    def matches(steps: str, *kinds: str) -> int:
        text = f"rule: r\nversion: 1\nwithin: 30 days\noverlap: keep\nsteps:\n{steps}"
        rules = RuleSet.of(deployment, {"r": (plan_of(_rule(text), deployment),)}, json_attributes)
        full = timeline(*(line(f"e{day}", kind, day) for day, kind in enumerate(kinds)))
        return len(decide(rules, full, ledgers.EMPTY, Heard(every=90 * DAY_MS), 90 * DAY_MS).decisions)

    neighbour = '  - {when: a, as: x, where: before.type == "%s"}\n'
    assert matches(neighbour % "help", "help", "a") == 0
    assert matches(neighbour % "b", "b", "a") == 1
    following = "  - {when: a, as: x}\n  - {absent: b, until: next event}\n"
    assert matches(following, "a", "help") == 0
    assert matches(following, "a", "help", "a") == 1
    assert matches(following.replace("absent: b", "absent: help"), "a", "help") == 0


def _rule(text: str) -> Rule:
    parsed = parse("r.yaml", text, is_experiment=True)
    assert isinstance(parsed, Rule)
    return parsed


def test_an_absence_that_looks_back_waits_for_a_feed_not_heard_of_yet() -> None:
    text = TEXT.replace("for: 10 days after x", "for: 10 days before x")
    rules = loaded(text)
    full = timeline(line("e", "a", 30))
    waiting = decide(rules, full, ledgers.EMPTY, Heard({"k.a": DUE}, {"k.a": 0}), 40 * DAY_MS)
    assert waiting.decisions == ()
    assert waiting.wake_at is not None
    feeds = dict.fromkeys(("k.a", "k.b", "l.b"), 60 * DAY_MS)
    late_began = decide(rules, full, ledgers.EMPTY, Heard(feeds, {**feeds, "k.a": 0}), 60 * DAY_MS, waiting.agenda)
    assert late_began.decisions == ()
    known = decide(rules, full, ledgers.EMPTY, Heard(feeds, dict.fromkeys(feeds, 0)), 60 * DAY_MS, waiting.agenda)
    assert [decision.kind for decision in known.decisions] == [DecisionKind.MATCHED]


def test_what_was_trimmed_is_as_unknown_as_what_was_never_heard() -> None:
    rules = loaded(TEXT.replace("for: 10 days after x", "for: 100 days before x"))
    many = [line("b", "b", 200), *(line(f"c{number:04}", "c", 250) for number in range(2_000)), line("e", "a", 284)]
    heard = Heard(every=400 * DAY_MS, every_began=0)
    assert decide(rules, timeline(*many), ledgers.EMPTY, heard, 400 * DAY_MS).decisions == ()
