"""Random rules with timelines on which they often match, for hypothesis.

Cases come from a seed, not from hypothesis' own draws: those take ten times as long as deciding
does. `smallest` therefore takes the place of hypothesis' shrinking.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from random import Random
from typing import Any

from hypothesis import strategies as st

from tests.brute.civil import Place
from tests.brute.events import Event
from tests.brute.random_rules import chance, rules
from tests.brute.reading import KINDS, counts

DAY_MS = 86_400_000
PLACE = Place("Europe/Brussels", frozenset({date(2026, 1, 30), date(2026, 3, 30), date(2026, 10, 26)}))
STARTS = [PLACE.midnight(day) for day in (date(2026, 1, 24), date(2026, 3, 21), date(2026, 10, 17), date(2028, 2, 22))]
BEGAN_DAYS_BEFORE = [400, 400, 2, 0]
NEEDED = {"rule", "version", "steps", "within", "when", "then", "right_after", "absent", "group", "at_least", "in_any"}


@dataclass(frozen=True)
class Case:
    """A rule, the events of one subject in order of arrival, and when every feed began."""

    rule: dict[str, Any]
    events: list[Event]
    began: int

    @property
    def text(self) -> str:
        """The rule as its YAML document; JSON values are YAML."""
        steps = "".join(f"  - {json.dumps(step)}\n" for step in self.rule["steps"])
        head = "".join(f"{key}: {json.dumps(value)}\n" for key, value in self.rule.items() if key != "steps")
        return f"{head}steps:\n{steps}"

    def __repr__(self) -> str:
        """Readable when a case fails: the document, and the timeline by local time."""
        lines = [
            f"{datetime.fromtimestamp(event.occurred_at / 1000, UTC):%m-%d %H:%M}Z {event.id} {event.type}"
            f" {event.attributes} {event.agency}"
            for event in self.events
        ]
        return f"Case, feeds since {datetime.fromtimestamp(self.began / 1000, UTC)}\n{self.text}" + "\n".join(lines)


def case_of(dice: Random) -> Case:
    """A rule and a timeline of up to 14 events with ties: what its steps ask for in their order, and noise."""
    rule = rules(dice)
    start = dice.choice(STARTS)
    gaps, hours = [0, 0, 0, 1, 1, 2], [0, 0, 0, 12, 12, 23]
    kinds = wished(dice, rule["steps"])
    kinds += wished(dice, rule["steps"]) if dice.random() < 0.5 else []
    found: list[tuple[int, str]] = []
    day = 0
    for kind in kinds[: dice.choice([*range(14), *[14] * 14])]:
        day += dice.choice(gaps) if not chance(dice, 12) else dice.randint(3, 8)
        noise = [dice.choice("abcde")] if chance(dice, 5) else []
        found += [(start + day * DAY_MS + dice.choice(hours) * 3_600_000, one) for one in [*noise, kind]]
    found = sorted(found[:14], key=lambda one: one[0])
    events = [events_at(dice, number, *one) for number, one in enumerate(found)]
    return Case(rule, events, start - dice.choice(BEGAN_DAYS_BEFORE) * DAY_MS)


def wished(dice: Random, steps: list[dict[str, Any]]) -> list[str]:
    """Types of events that could bind these steps."""
    found: list[str] = []
    for step in steps:
        if "absent" in step or (step.get("optional") and dice.random() < 0.5):
            continue
        low, high = counts(step.get("times", 1))
        for _ in range(dice.randint(low, low + 2 if high is None else high)):
            found += wished(dice, step["group"]) if "group" in step else wished_types(dice, step)
    return found


def wished_types(dice: Random, step: dict[str, Any]) -> list[str]:
    """Types of events that could bind a step that is no group once."""
    if "at_least" in step:
        number, kind = step["at_least"].split(" ")
        return [kind] * int(number)
    what = next(step[word] for word in KINDS if word in step)
    word = "any_of" if isinstance(what, str) else next(iter(what))
    members = [what] if isinstance(what, str) else what[word]
    types = [one if isinstance(one, str) else one.get("type", "e") for one in members]
    types = [dice.choice("abcde") if one == "*" else one for one in types]
    return dice.sample(types, len(types)) if word == "all_of" else [dice.choice(types)]


def events_at(dice: Random, number: int, at: int, kind: str) -> Event:
    """An event with attributes of chance; its number is the order of arrival and its id."""
    attributes = {} if chance(dice, 6) else {"n": dice.randint(1, 4)}
    agency, area = dice.choice("mn"), dice.choice("st")
    return Event(f"e{number}", kind, at, at, number, agency, area, attributes=attributes)


def cases() -> st.SearchStrategy[Case]:
    """Random cases."""
    return st.integers(0, 1 << 32).map(lambda seed: case_of(Random(seed)))


def smallest(case: Case, fails: Callable[[Case], bool]) -> Case:
    """A case that still fails and from which nothing more can be left out."""
    for less in _smaller(case):
        if fails(less):
            return smallest(less, fails)
    return case


def _smaller(case: Case) -> Iterator[Case]:
    for number in range(len(case.events)):
        yield replace(case, events=case.events[:number] + case.events[number + 1 :])
    for key in case.rule.keys() - NEEDED:
        yield replace(case, rule={name: value for name, value in case.rule.items() if name != key})
    for steps in _fewer(case.rule["steps"]):
        yield replace(case, rule=case.rule | {"steps": steps})


def _fewer(steps: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """The steps less one, or less one of their keywords."""
    for number, step in enumerate(steps):
        before, after = steps[:number], steps[number + 1 :]
        if before or after:
            yield [*before, *after]
        for key in step.keys() - NEEDED:
            yield [*before, {name: value for name, value in step.items() if name != key}, *after]
        for inner in _fewer(step.get("group", [])):
            yield [*before, step | {"group": inner}, *after]
