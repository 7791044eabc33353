"""Rules out, from types, times and attributes, that a rule can match a subject: most never come to be decided.

A sieve is allowed to let through what does not match; it never stops what does. What it checks: the opening
event is there and holds its conditions on attributes, each later step that must be bound finds such an event in
its window, counts are reached, and no event that surely stands breaks an absence after the opening event.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from processors.events import LifeEvent
from processors.rules.conditions import AttributeDecoder, Fields, evaluate
from processors.rules.matching.plan import (
    FOREVER,
    AllPlan,
    Alternative,
    Choice,
    CountPlan,
    Guard,
    NodePlan,
    OnePlan,
    Plan,
    RepeatPlan,
)
from processors.rules.model import ANY_TYPE, FIRST, PREVIOUS, AbsenceStep, CountStep, EventStep, Step, Window
from processors.rules.ruleset import RuleSet
from processors.timeline import LiveEvent, position

_MOST_REMEMBERED = 65_536


@dataclass(frozen=True, slots=True)
class Sketch:
    """The lines of one subject as far as a sieve looks at them.

    Attributes:
        types: of its lines.
        times: by type, when its lines say something occurred, ms, in order.
        attributes: by type, of the same lines, as encoded.
        sure: as `times`, of those lines alone that surely stand as they are: no other line speaks of
            their fact, and they came in time for every rule.
    """

    types: frozenset[str]
    times: Mapping[str, Sequence[int]]
    attributes: Mapping[str, Sequence[bytes]]
    sure: Mapping[str, Sequence[int]]


class _Fitting:
    """Which events a step can bind by their own attributes, remembered for each combination of them."""

    def __init__(self, plan: Plan, choice: Choice, types: Iterable[str], decode: AttributeDecoder) -> None:
        self.types = tuple(sorted(types))
        self._decode, self._calendar = decode, plan.calendar
        self._guards = {kind: _own_guards(choice.of(kind)) for kind in self.types}
        self._known: dict[tuple[str, bytes], bool] = {}

    def times(self, sketch: Sketch, kind: str) -> Sequence[int]:
        """When events of that type occurred that it can bind, ms, in order."""
        times = sketch.times.get(kind, ())
        if not times or not self._guards[kind]:
            return times
        given = zip(times, sketch.attributes[kind], strict=True)
        return [at for at, attributes in given if self._fits(kind, attributes)]

    def _fits(self, kind: str, attributes: bytes) -> bool:
        found = self._known.get((kind, attributes))
        if found is None:
            if len(self._known) >= _MOST_REMEMBERED:
                self._known.clear()
            found = self._known[kind, attributes] = self._evaluated(kind, attributes)
        return found

    def _evaluated(self, kind: str, attributes: bytes) -> bool:
        line = LifeEvent("", kind, "", "", "", "", "", 0, 0, 0, attributes=attributes)
        event, fields = LiveEvent("", line, position(line)), Fields(self._decode, self._calendar)
        return any(
            all(evaluate(guard.condition, event, {}, fields).holds for guard in guards) for guards in self._guards[kind]
        )


def _own_guards(alternatives: Iterable[Alternative]) -> list[tuple[Guard, ...]]:
    """Of each alternative the conditions on attributes alone; empty when one has none: anything fits it."""
    found = [
        tuple(guard for guard in one.guards if guard.is_own and not guard.condition.enveloped) for one in alternatives
    ]
    return found if all(found) else []


@dataclass(frozen=True, slots=True)
class _Need:
    """An event that fits, no later than `reach_ms` after the opening."""

    fitting: _Fitting
    reach_ms: int

    def is_met(self, at: int, sketch: Sketch) -> bool:
        for kind in self.fitting.types:
            found = self.fitting.times(sketch, kind)
            place = bisect_left(found, at)
            if place < len(found) and found[place] - at <= self.reach_ms:
                return True
        return False


@dataclass(frozen=True, slots=True)
class _Silence:
    """No event of these types for so long after the opening, ms at the least."""

    types: tuple[str, ...]
    lasts_ms: int

    def is_broken(self, at: int, sketch: Sketch) -> bool:
        for kind in self.types:
            found = sketch.sure.get(kind, ())
            place = bisect_right(found, at)
            if place < len(found) and found[place] - at < self.lasts_ms:
                return True
        return False


@dataclass(frozen=True, slots=True)
class _Sieve:
    """What one rule needs; `count` events that fit the opening within `count_ms`."""

    opening: _Fitting
    count: int
    count_ms: int
    needs: tuple[_Need, ...]
    silences: tuple[_Silence, ...]

    def passes(self, sketch: Sketch) -> bool:
        """Whether some event can have opened a match."""
        openings = sorted(at for kind in self.opening.types for at in self.opening.times(sketch, kind))
        return any(self._can_open(openings, place, sketch) for place in range(len(openings)))

    def _can_open(self, openings: Sequence[int], place: int, sketch: Sketch) -> bool:
        at, last = openings[place], place + self.count - 1
        if last >= len(openings) or openings[last] - at > self.count_ms:
            return False
        if not all(need.is_met(at, sketch) for need in self.needs):
            return False
        return not any(silence.is_broken(at, sketch) for silence in self.silences)


class Sieves:
    """The sieves of a rule set with one version of each rule."""

    def __init__(self, rules: RuleSet) -> None:
        self._rules = rules
        self._sieves = {name: _sieve(versions[0], rules.decode) for name, versions in rules.plans.items()}
        self._sets: dict[tuple[str, ...], RuleSet] = {}

    def passing(self, sketch: Sketch) -> RuleSet | None:
        """The rules that may match a subject; None when there is none."""
        kept = tuple(name for name in self._rules.possible(sketch.types) if self._passes(name, sketch))
        if not kept:
            return None
        found = self._sets.get(kept)
        if found is None:
            plans = {name: self._rules.plans[name] for name in kept}
            found = self._sets[kept] = RuleSet.of(self._rules.deployment, plans, self._rules.decode)
        return found

    def _passes(self, name: str, sketch: Sketch) -> bool:
        sieve = self._sieves[name]
        return sieve is None or sieve.passes(sketch)


def _sieve(plan: Plan, decode: AttributeDecoder) -> _Sieve | None:
    """None for a rule that opens in a way that types, times and attributes say nothing of."""
    first, *others = plan.rule.steps
    opening = _fittings(plan, plan.nodes[0], decode)
    if not isinstance(first, EventStep | CountStep) or len(opening) != 1:
        return None
    count, count_ms = (first.count, first.in_any.at_most_ms) if isinstance(first, CountStep) else (1, FOREVER)
    if isinstance(first, EventStep):
        count = max(1, first.repetition.least)
    return _Sieve(
        opening=opening[0],
        count=count,
        count_ms=count_ms,
        needs=tuple(_needs(plan, first, decode)),
        silences=tuple(_silences(plan, first, others)) if count == 1 else (),
    )


def _fittings(plan: Plan, node: NodePlan, decode: AttributeDecoder) -> list[_Fitting]:
    """For each event a step must bind, what fits; none where it need not bind one, or any type will do."""
    step = node.step
    if not isinstance(step, EventStep | CountStep) or step.is_optional or ANY_TYPE in step.types:
        return []
    if isinstance(step, EventStep) and (step.silences or not step.repetition.least):
        return []
    unit = node.unit if isinstance(node, RepeatPlan) else node
    assert isinstance(unit, OnePlan | AllPlan | CountPlan)
    groups = [[kind] for kind in step.types] if isinstance(unit, AllPlan) else [list(step.types)]
    return [_Fitting(plan, unit.choice, kinds, decode) for kinds in groups]


def _needs(plan: Plan, first: EventStep | CountStep, decode: AttributeDecoder) -> list[_Need]:
    whole = plan.rule.within.at_most_ms if plan.rule.within is not None else FOREVER
    reaches = {FIRST: 0, PREVIOUS: 0 if _is_single(first) else whole}
    if first.name is not None and _is_single(first):
        reaches[first.name] = 0
    needs = []
    for node in plan.nodes[1:]:
        step = node.step
        if isinstance(step, AbsenceStep):
            continue
        reach = reaches[PREVIOUS] = min(whole, _reach(reaches, step.within))
        if isinstance(step, EventStep | CountStep):
            reaches |= {name: reach for name in (step.name, *(each.name for each in step.members)) if name}
        needs += [_Need(fitting, reach) for fitting in _fittings(plan, node, decode)]
    return needs


def _is_single(step: EventStep | CountStep) -> bool:
    return isinstance(step, EventStep) and not step.is_many


def _reach(reaches: Mapping[str, int], window: Window | None) -> int:
    """How long after the opening a step can bind its last event, ms at the most."""
    if window is None:
        return FOREVER
    return min(FOREVER, reaches.get(window.anchor, FOREVER) + window.duration.at_most_ms)


def _silences(plan: Plan, first: EventStep | CountStep, others: Sequence[Step]) -> list[_Silence]:
    """Absences that begin with the opening event, hold whatever else happens, and have no condition."""
    if plan.rule.repeats is not None or not _is_single(first):
        return []
    names = {FIRST, *(name for name in (first.name, *(each.name for each in first.members)) if name)}
    return [
        _Silence(tuple(sorted(step.types)), step.duration.at_least_ms)
        for step in others
        if isinstance(step, AbsenceStep)
        and step.duration is not None
        and step.anchor in names
        and _is_simple(step, plan)
    ]


def _is_simple(step: AbsenceStep, plan: Plan) -> bool:
    is_conditional = step.where is not None or any(member.where is not None for member in step.members)
    is_seen = plan.sees is None or step.types <= plan.sees
    is_bare = step.until is None and not step.is_all and not step.is_looking_back and not step.is_again
    return is_bare and is_seen and not is_conditional and ANY_TYPE not in step.types
