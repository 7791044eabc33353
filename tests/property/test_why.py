"""Why and why not on random rules of the whole language, at every moment on the way.

`HEADWATER_CASES` says how many cases are tried, 200 unless told.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

from hypothesis import HealthCheck, given, settings

import processors.rules
from processors.decisions import Decision
from processors.rules.lines import Replay, feed, json_attributes
from processors.rules.model import Subject
from processors.rules.reasons.explanation import Explanation, Status, as_data
from processors.rules.reasons.saying import say
from processors.rules.reasons.why import why
from processors.rules.reasons.wording import Words, read_words
from processors.rules.ruleset import RuleSet
from tests.brute.strategies import DAY_MS, Case, cases
from tests.property.test_brute_force import DEPLOYMENT, LATE, instant, line

CASES = settings(
    max_examples=int(os.environ.get("HEADWATER_CASES", "200")),
    derandomize="HEADWATER_CASES" not in os.environ,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
PERSON = (Subject.PERSON, "p")
TEXTS = Path(processors.rules.__path__[0]) / "reasons" / "texts"


@cache
def words() -> list[Words]:
    return [read_words(path.stem, path.read_text(), str.upper, DEPLOYMENT.calendar) for path in TEXTS.glob("*.yaml")]


def explained(case: Case) -> Iterator[tuple[Replay, Explanation]]:
    """The explanation after each line, and at the end when everything has passed."""
    rules = RuleSet.load({"r.yaml": case.text + LATE}, DEPLOYMENT, json_attributes)
    assert isinstance(rules, RuleSet), rules
    replay, history = Replay(rules), list[Decision]()
    far = max([case.began, *(event.recorded_at for event in case.events)]) + 400 * DAY_MS
    lines = [{"advance_to": instant(case.began)}, *map(line, case.events), {"advance_to": instant(far)}]
    for number, each in enumerate(lines, start=1):
        history += feed(replay, each, number, rules.calendar)
        known = replay.known(PERSON)
        if known is not None:
            yield replay, why(rules, "r", "p", replace(known, history=tuple(history)))


@CASES
@given(cases())
def test_says_matched_for_exactly_what_stands(case: Case) -> None:
    for replay, explanation in explained(case):
        known = replay.known(PERSON)
        assert known is not None
        assert explanation.standing == known.ledger.standing.keys()
        json.dumps(as_data(explanation, DEPLOYMENT.calendar))
        for each in words():
            assert all(sentence.strip() for sentence in say(explanation, each))


@CASES
@given(cases())
def test_a_run_that_cannot_go_on_never_becomes_a_match(case: Case) -> None:
    """Events arrive as they occur, so nothing that was said to be over may come back."""
    over, matched = set[str](), set[str]()
    for _, explanation in explained(case):
        runs = explanation.versions[0].runs
        over |= {run.steps[0].events[0].id for run in runs if run.status is Status.BROKEN}
        matched = {run.steps[0].events[0].id for run in runs if run.status is Status.MATCHED}
    assert not over & matched


@CASES
@given(cases())
def test_what_is_open_at_the_end_of_time_has_no_limit(case: Case) -> None:
    *_, (_, explanation) = [*explained(case), (None, None)][:-1] or [(None, None)]
    if explanation is None:
        return
    for run in explanation.versions[0].runs:
        if run.status is Status.OPEN:
            assert run.absence is not None or run.sought is None or run.sought.is_over or run.sought.end is None, run
        assert run.status is not Status.WAITING or any(p.due > explanation.now for p in run.pending)
