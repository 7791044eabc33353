"""Runs the examples a rule carries: each must hold, or the rule is refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from processors.civil_time import DAY_MS, local_date
from processors.rules.lines import BadLine, Line, Replay, event_of, json_attributes
from processors.rules.matching.plan import Plan
from processors.rules.model import Example, Problem, Rule
from processors.rules.ruleset import RuleSet

PERSON = "example"
HOUSEHOLD = "example-home"


@dataclass(frozen=True, slots=True)
class Result:
    """What came of an example.

    Attributes:
        days: local days of the matches that stand in the end, in order.
        problem: why it could not be run.
    """

    rule: Rule
    example: Example
    days: tuple[date, ...]
    problem: str | None = None

    @property
    def is_holding(self) -> bool:
        """Whether the example came out as expected."""
        return self.problem is None and self.days == self.example.expect


def run_examples(rules: RuleSet) -> Iterator[Result]:
    """Runs every example of every rule, each version alone."""
    for versions in rules.plans.values():
        for plan in versions:
            alone = RuleSet.of(rules.deployment, {plan.rule.name: (plan,)}, json_attributes)
            for example in plan.rule.examples:
                yield run_example(alone, plan, example)


def run_example(rules: RuleSet, plan: Plan, example: Example) -> Result:
    """Runs one example to the end of every window of its rule.

    Args:
        rules: a set with this rule version alone.
        plan: the rule version.
        example: one of its examples.
    """
    try:
        return Result(plan.rule, example, _days(rules, plan, list(_lines(example))))
    except BadLine as error:
        return Result(plan.rule, example, (), f"event {error.number}: {error.problem}")


def _lines(example: Example) -> Iterator[Line]:
    for number, event in enumerate(example.events, start=1):
        yield {
            "id": f"example-{number}",
            "person": PERSON,
            "household": HOUSEHOLD,
            "type": event.type,
            "occurred_at": event.at,
            "attributes": event.attributes,
            **event.envelope,
        }


def _days(rules: RuleSet, plan: Plan, lines: list[Line]) -> tuple[date, ...]:
    """Days of the matches that stand when every window is over; the feeds began long before the example."""
    events = [event_of(line, number, rules.calendar) for number, line in enumerate(lines, start=1)]
    replay = Replay(rules)
    whole = plan.horizon_ms + plan.settles_ms + DAY_MS
    replay.advance(min((event.occurred_at for event in events), default=0) - whole)
    for event in events:
        replay.event(event)
    replay.advance(max((event.recorded_at for event in events), default=0) + whole)
    found = sorted(replay.standing(plan), key=lambda each: each.order)
    return tuple(local_date(each.completed_at - each.ends_day, rules.calendar) for each in found)


def check_examples(rules: RuleSet) -> list[Problem]:
    """A problem for every example that does not hold."""
    return [_problem(result) for result in run_examples(rules) if not result.is_holding]


def _problem(result: Result) -> Problem:
    expected = says(result.example.expect)
    got = result.problem or f"the rule says `{says(result.days)}`"
    problem = f"example `{result.example.name}` expects `{expected}`, {got}"
    return Problem(result.rule.file, result.example.line, problem, "correct the rule or the example")


def says(days: tuple[date, ...]) -> str:
    """Days of matches as an example writes them."""
    return " ".join(["matched", *(day.isoformat() for day in days)]) if days else "nothing"
