"""What is told while events come in order of time, uncorrected, is never taken back."""

from __future__ import annotations

from random import Random

from hypothesis import HealthCheck, assume, example, given, settings

from processors.rules.lines import run
from processors.rules.model import CountStep, Overlap, walk
from processors.rules.ruleset import RuleSet
from tests.brute.strategies import DAY_MS, Case, case_of, cases
from tests.property.test_brute_force import instant, line, load


@settings(max_examples=300, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(cases())
@example(case_of(Random(2285)))  # `longest`: a run that is complete may still grow
@example(case_of(Random(9718)))  # a longer run begins at the instant the match ends
@example(case_of(Random(2849)))  # whether a longer run is a match only the next event tells
@example(case_of(Random(30214)))  # both: it may grow, and only the next event tells
def test_what_is_told_in_order_of_time_is_never_taken_back(case: Case) -> None:
    rules = load(case)
    assert isinstance(rules, RuleSet)
    (rule,) = rules.rules
    is_counting = any(isinstance(step, CountStep) for step in walk(rule.steps))
    assume(not (is_counting and rule.overlap is Overlap.LONGEST))  # a group that is not whole is no open run yet
    far = max([case.began, *(event.recorded_at for event in case.events)]) + 400 * DAY_MS
    lines = [{"advance_to": instant(case.began)}, *map(line, case.events), {"advance_to": instant(far)}]
    assert [each["match"] for each in run(rules, lines) if each["decision"] == "withdrawn"] == []
