"""Deciding at its edges: what takes whose place, why it was withdrawn, what is counted, the agenda."""

from __future__ import annotations

from processors.civil_time import DAY_MS
from processors.rules import ledger as ledgers
from processors.rules.deciding.decide import decide
from processors.rules.deciding.heard import Heard
from processors.rules.lines import Replay, event_of
from processors.timeline import apply
from tests.unit.processors.rules.stories import CALENDAR, decided, events, rules
from tests.unit.processors.rules.test_decide import DUE, FULL, RULES, line, timeline


def test_each_withdrawn_match_is_replaced_by_one_only() -> None:
    body = """
    steps:
      - {when: a, as: x}
      - {then: b, as: n, times: 1..2, how: each, within: 20 days of x}
    """
    story = ["01-01 a", "01-02 a", "01-03 b", "01-04 b", "01-05 a change=annulled replaces=a0"]
    lines = decided(body, story)
    withdrawn = [each["match"] for each in lines if each["decision"] == "withdrawn"]
    assert len(withdrawn) == 2
    assert [each["replaces"] for each in lines if "replaces" in each] == withdrawn


def test_a_match_withdrawn_by_rule_says_so() -> None:
    body = "on_correction: withdraw\nsteps:\n  - {when: a, as: x}\n"
    (_, line) = decided(body, ["01-01 a", "01-01 a change=corrected replaces=a0 n=3"])
    assert line["decision"] == "withdrawn"
    assert line["reason"] == "an event it rests on was corrected, and the rule withdraws then"


def test_every_line_is_counted_once_by_what_became_of_it() -> None:
    replay = Replay(rules("per: household\nsteps:\n  - {when: a}\n"))
    lines = events(["01-01 a household=h", "01-01 a household=h id=a0", "01-02 a household=h"])
    for number, each in enumerate(lines):
        replay.event(event_of(each, number, CALENDAR))
    assert {name: count for name, count in replay.counts.items() if count} == {"applied": 2, "duplicate": 1}


def test_a_rule_that_is_due_and_hears_news_tells_each_match_once() -> None:
    early, late = line("e", "a", 0), line("l", "a", 20)
    told = decide(RULES, timeline(early), ledgers.EMPTY, FULL, DUE)
    due = DUE + 20 * DAY_MS
    waiting = decide(RULES, timeline(early, late), told.ledger, FULL, DUE, told.agenda, late)
    news = line("n", "b", 40)
    heard = Heard(dict.fromkeys(FULL.feeds, due))
    known, _ = apply(timeline(early, late), news)
    found = decide(RULES, known, waiting.ledger, heard, due, waiting.agenda, news)
    assert [each.events[0].id for each in found.decisions] == ["l"]
    assert found.decisions == decide(RULES, known, waiting.ledger, heard, due).decisions
