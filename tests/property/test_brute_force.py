"""The engine and the brute-force matcher agree on random rules of the whole language.

`HEADWATER_CASES` says how many cases each test tries, 1,000 unless told:
`HEADWATER_CASES=50000 .venv/bin/pytest tests/property/test_brute_force.py`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from random import Random

import pytest

from processors.civil_time import Calendar
from processors.rules.checking.check import Deployment
from processors.rules.lines import json_attributes, run
from processors.rules.model import Problem
from processors.rules.ruleset import RuleSet
from tests.brute.events import Event
from tests.brute.matcher import standing
from tests.brute.strategies import DAY_MS, PLACE, Case, case_of, smallest

SEEDS = range(int(os.environ.get("HEADWATER_CASES", "1000")))
"""The same cases for everybody; with many, as many more."""
DEPLOYMENT = Deployment(calendar=Calendar(PLACE.zone, PLACE.holidays))
LATE = "late: {accept: 500 days, else: review}\n"

Stands = list[tuple[tuple[tuple[str, tuple[str, ...]], ...], int]]
"""The events of each match by step and its completion, sorted; the firings of an `again` differ in completion only."""


def load(case: Case) -> RuleSet | list[Problem]:
    return RuleSet.load({"r.yaml": case.text + LATE}, DEPLOYMENT, json_attributes)


def engine(case: Case) -> Stands:
    """What stands after `rules run` has read the events in their order and the clock is past everything."""
    rules = load(case)
    assert isinstance(rules, RuleSet), rules
    far = max([case.began, *(event.recorded_at for event in case.events)]) + 400 * DAY_MS
    lines: list[Mapping[str, object]] = [{"advance_to": instant(case.began)}]
    lines += [line(event) for event in case.events] + [{"advance_to": instant(far)}]
    found: dict[str, tuple[tuple[tuple[str, tuple[str, ...]], ...], int]] = {}
    for decision in run(rules, lines):
        assert decision["decision"] in ("matched", "withdrawn"), decision
        match, steps = str(decision["match"]), decision["steps"]
        assert isinstance(steps, dict)
        if decision["decision"] == "withdrawn":
            del found[match]
            continue
        assert match not in found, "told twice"
        completed_at = round(datetime.fromisoformat(str(decision["completed_at"])).timestamp() * 1000)
        found[match] = tuple(sorted((name, tuple(ids)) for name, ids in steps.items() if ids)), completed_at
    return sorted(found.values())


def instant(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).isoformat()


def line(event: Event) -> Mapping[str, object]:
    times = {"occurred_at": instant(event.occurred_at), "recorded_at": instant(event.recorded_at)}
    place = {"person": "p", "agency": event.agency, "area": event.area}
    return {"id": event.id, "type": event.type, **times, **place, "attributes": event.attributes}


def brute_force(case: Case) -> Stands:
    return sorted((match.steps, match.completed_at) for match in standing(case.rule, case.events, case.began, PLACE))


def agree(case: Case, compared: Callable[[Stands], object]) -> None:
    """Fails with the smallest case on which they do not."""

    def differs(one: Case) -> bool:
        return compared(engine(one)) != compared(brute_force(one))

    if differs(case):
        less = smallest(case, lambda one: isinstance(load(one), RuleSet) and differs(one))
        pytest.fail(f"{less}\nengine: {engine(less)}\nbrute force: {brute_force(less)}", pytrace=False)


def test_agrees_when_events_arrive_in_order() -> None:
    for seed in SEEDS:
        agree(case_of(Random(seed)), lambda stands: stands)


def test_agrees_whatever_the_order_of_arrival() -> None:
    """Everything is recorded after it all occurred, each event at a time of its own, and arrives in any order.

    Without completion: a match that still holds with another one is not told again (Meaning 6).
    """
    for seed in SEEDS:
        dice = Random(-1 - seed)
        case = case_of(dice)
        last = max((event.occurred_at for event in case.events), default=0)
        recorded = [replace(event, recorded_at=last + number) for number, event in enumerate(case.events, 1)]
        dice.shuffle(recorded)
        arrived = replace(case, events=[replace(event, arrival=number) for number, event in enumerate(recorded)])
        agree(arrived, lambda stands: sorted(steps for steps, _ in stands))
