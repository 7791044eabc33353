"""Compiles a checked rule to a plan: steps to nodes, conditions to programs, types to look-ups.

Everything that depends on the rule and the deployment alone is worked out here, once. What refuses a
rule is in `document` and `check`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta

from processors.civil_time import Calendar, day_start
from processors.events import EventType
from processors.rules.checking.check import Deployment
from processors.rules.checking.limits import span_ms, step_ms
from processors.rules.checking.scope import own_names
from processors.rules.conditions import BEFORE, Condition, compile_condition
from processors.rules.matching.plan import (
    FOREVER,
    AbsencePlan,
    AllPlan,
    Alternative,
    Choice,
    CountPlan,
    GroupPlan,
    Guard,
    NodePlan,
    OnePlan,
    Plan,
    RepeatPlan,
    SilencePlan,
    Source,
)
from processors.rules.model import (
    ANY_TYPE,
    NEXT_EVENT,
    AbsenceStep,
    Binding,
    CountStep,
    EventStep,
    GroupStep,
    How,
    Member,
    Repetition,
    Rule,
    Silence,
    Step,
    Where,
    Window,
    name_of,
    walk,
)
from processors.timeline import lateness_of


def plan_of(rule: Rule, deployment: Deployment) -> Plan:
    """Compiles a checked rule."""
    return _Compiler(rule, deployment).plan()


@dataclass
class _Compiler:
    """Compiles one rule; knows its names and what types it may see."""

    rule: Rule
    deployment: Deployment
    order: int = 0
    orders: dict[str, int] = field(default_factory=dict)
    windows: dict[int, Window | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.catalogue = self.deployment.catalogue or {}
        purposes = self.deployment.purposes
        granted = None if purposes is None else purposes.get(self.rule.purpose)
        self.sees = granted if self.rule.among is None else self.rule.among
        self.never = frozenset(t.name for t in self.catalogue.values() if t.is_help_seeking or t.is_benefit_receipt)
        self.names = {name for step in self.rule.bindings for name in own_names(step)}
        for number, step in enumerate(walk(self.rule.steps), start=1):
            if isinstance(step, Binding):
                self.orders |= dict.fromkeys(own_names(step), number)

    def plan(self) -> Plan:
        rule, calendar = self.rule, self.deployment.calendar
        nodes = tuple(self._node(step) for step in rule.steps)
        span = span_ms(rule)
        everything = self._source(rule.types, self.order)
        return Plan(
            rule=rule,
            calendar=calendar,
            nodes=nodes,
            windows=self.windows,
            sees=self.sees,
            is_forking=any(_forks(step) for step in walk(rule.steps)),
            never=self.never,
            lists=frozenset(_lists(rule.steps)),
            is_narrow=rule.repeats is not None or _is_narrow(rule),
            needs=tuple(frozenset(types) for node in nodes for types in _needs(node)),
            feeds=everything.feeds,
            settles_ms=everything.settles_ms,
            lateness=lateness_of(rule.late_accept, calendar),
            spans={},
            opening=_opening(nodes[0]),
            delay_ms=self._delay(),
            span_ms=span,
            horizon_ms=span + rule.late_accept.at_most_ms,
            valid_from=_start(rule.valid.start, calendar),
            valid_until=_end(rule.valid.end, calendar),
        )

    def _node(self, step: Step, *, is_inside: bool = False) -> NodePlan:  # `is_inside` a repeated group
        self.order += 1
        order = self.order
        match step:
            case AbsenceStep():
                until = self.orders.get(step.until) if step.until is not None else None
                return AbsencePlan(order, step, self._choice(step), until, self._source(step.types, order))
            case GroupStep():
                is_inside = is_inside or step.repetition.most != 1
                inner = tuple(self._node(each, is_inside=is_inside) for each in step.steps)
                group = GroupPlan(order, step, inner, self._source(step.all_types, order))
                return self._repeated(step, group, is_right_after=False)
            case CountStep():
                return self._count(step, order, is_inside)
            case EventStep():
                return self._event(step, order, is_inside)

    def _count(self, step: CountStep, order: int, is_inside: bool) -> CountPlan | RepeatPlan:
        source = self._source(step.types, order)
        unit = CountPlan(order, step, self._choice(step, is_list=is_inside), step.within, source)
        self.windows[order] = step.within
        return self._repeated(step, unit, is_right_after=False) if step.is_optional else unit

    def _event(self, step: EventStep, order: int, is_inside: bool) -> OnePlan | AllPlan | RepeatPlan:
        source = self._source(step.all_types, order)
        is_plain = step.repetition == Repetition() and not step.is_optional
        choice = self._choice(step, is_list=is_inside or step.is_many)
        window = step.within if is_plain else None
        is_right_after = step.is_right_after and is_plain
        self.windows[order] = step.within
        unit: OnePlan | AllPlan
        if step.is_all:
            unit = AllPlan(order, step, choice, window, is_right_after, source)
        else:
            silences = tuple(SilencePlan(self._silence(each), each.duration, each.after) for each in step.silences)
            unit = OnePlan(order, step, choice, window, is_right_after, step.is_each, source, silences)
        return unit if is_plain else self._repeated(step, unit, is_right_after=step.is_right_after)

    def _repeated(
        self,
        step: EventStep | CountStep | GroupStep,
        unit: OnePlan | AllPlan | CountPlan | GroupPlan,
        *,
        is_right_after: bool,
    ) -> RepeatPlan:
        times = Repetition() if isinstance(step, CountStep) else step.repetition
        stop = None
        if times.stop_at is not None:
            stop = self._members((times.stop_at,), None, "", is_list=False, is_positive=False)
        source = unit.source
        return RepeatPlan(unit.order, step, unit, times, step.within, is_right_after, step.is_optional, stop, source)

    def _choice(self, step: Binding | AbsenceStep, *, is_list: bool = False) -> Choice:
        if isinstance(step, AbsenceStep):
            return self._members(step.members, step.where, "", is_list=False, is_positive=False)
        return self._members(step.members, step.where, step, is_list=is_list, is_positive=True)

    def _silence(self, silence: Silence) -> Choice:
        member = Member(silence.type, None, silence.where)
        return self._members((member,), None, "", is_list=False, is_positive=False)

    def _members(
        self, members: tuple[Member, ...], where: Where | None, step: Binding | str, *, is_list: bool, is_positive: bool
    ) -> Choice:
        listed: list[tuple[str, Alternative]] = []
        never = self.never if is_positive else frozenset[str]()
        for place, member in enumerate(members):
            name = step if isinstance(step, str) else name_of(step, member)
            own = name if not isinstance(step, str) and (member.name or step.name) else None
            wheres = [each for each in (member.where, where) if each is not None]
            guards = tuple(self._guard(each, own, is_list, never) for each in wheres)
            listed.append((member.type, Alternative(place, name, guards)))
        types = {wanted for wanted, _ in listed} - {ANY_TYPE}
        return Choice(
            {each: tuple(a for wanted, a in listed if _speaks_for(wanted, each, never)) for each in types},
            tuple(a for wanted, a in listed if wanted == ANY_TYPE),
            never,
            len(members),
        )

    def _guard(self, where: Where, own: str | None, is_list: bool, hidden: frozenset[str]) -> Guard:
        condition = compile_condition(where.source)
        assert isinstance(condition, Condition), "checked before"
        read = condition.roots & (self.names | {BEFORE})
        return Guard(condition, not read, own if own in read else None, is_list, BEFORE in read, hidden)

    def _source(self, types: Iterable[str], order: int) -> Source:
        entries = list(self._entries(frozenset(types)))
        return Source(
            tuple(sorted({feed for entry in entries for feed in entry.feeds})),
            max((entry.settles_within_ms for entry in entries), default=0),
            self._later(order),
        )

    def _delay(self) -> int:
        """The longest absence after the last thing bound: until it is over no match is complete.

        Only where news can do nothing but open a run, be bound last, or contradict.
        """
        last = self.rule.bindings[-1]
        is_simple = not any(isinstance(step, GroupStep) or _repeats(step) for step in self.rule.steps)
        if last.is_optional or not is_simple or _is_narrow(self.rule):
            return 0
        if isinstance(last, EventStep) and last.is_all and last.name is None:
            return 0  # a member's name counts from its own event, which need not be the last
        bindings = self.rule.bindings
        names = {*own_names(last), *({"first"} if len(bindings) == 1 and not last.is_many else ())}
        return max(
            (
                step.duration.at_least_ms
                for step in self.rule.absences
                if step.duration is not None and not step.is_looking_back and step.anchor in names
            ),
            default=0,
        )

    def _later(self, order: int) -> int:
        """Sum of the windows of the steps after this one; of all of them where steps repeat."""
        if any(_repeats(step) for step in walk(self.rule.steps)):
            return span_ms(self.rule)
        later = (step for number, step in enumerate(walk(self.rule.steps), start=1) if number > order)
        return sum(step_ms(step, is_held=False) for step in later if not isinstance(step, GroupStep))

    def _entries(self, types: frozenset[str]) -> Iterable[EventType]:
        if ANY_TYPE in types:
            return (entry for name, entry in self.catalogue.items() if self.sees is None or name in self.sees)
        return (self.catalogue[name] for name in types if name in self.catalogue)


def _speaks_for(wanted: str, actual: str, never: frozenset[str]) -> bool:
    return wanted == actual or (wanted == ANY_TYPE and actual not in never)


def _lists(steps: Iterable[Step], *, is_inside: bool = False) -> Iterable[str]:
    """Names that can hold several events."""
    for step in steps:
        if isinstance(step, GroupStep):
            yield from _lists(step.steps, is_inside=is_inside or step.repetition.most != 1)
        elif isinstance(step, Binding) and (is_inside or step.is_many):
            yield from own_names(step)


def _forks(step: Step) -> bool:
    is_each = isinstance(step, EventStep) and step.is_each
    return is_each or (isinstance(step, EventStep | GroupStep) and step.repetition.how is How.EACH)


def _repeats(step: Step) -> bool:
    return isinstance(step, EventStep | GroupStep) and step.repetition.most != 1


def _is_narrow(rule: Rule) -> bool:
    """Whether events it does not speak of can matter: neighbours, `"*"`."""
    if ANY_TYPE in rule.types:
        return True
    for step in walk(rule.steps):
        if isinstance(step, AbsenceStep) and step.until == NEXT_EVENT:
            return True
        if isinstance(step, EventStep) and step.is_right_after:
            return True
        if isinstance(step, EventStep | GroupStep) and step.repetition.is_unbroken:
            return True
    return any("before" in source for step in walk(rule.steps) for source in sources(step))


def _needs(node: NodePlan) -> Iterable[set[str]]:
    """Types of which one must be there, for each event that must be bound."""
    match node:
        case RepeatPlan():
            if not node.is_optional:
                yield from _needs(node.unit)
        case GroupPlan():
            for each in node.nodes:
                yield from _needs(each)
        case AllPlan():
            yield from ({member.type} for member in node.step.members if member.type != ANY_TYPE)
        case OnePlan() | CountPlan():
            if not node.choice.others and not getattr(node, "silences", ()):
                yield set(node.choice.by_type)


def _opening(node: NodePlan) -> frozenset[str] | None:
    match node:
        case RepeatPlan():
            return _opening(node.unit)
        case GroupPlan():
            return _opening(node.nodes[0])
        case _:
            return None if node.choice.others else frozenset(node.choice.by_type)


def sources(step: Step) -> list[str]:
    """Conditions of a step itself, as written."""
    if isinstance(step, GroupStep):
        wheres: list[Where | None] = []
    else:
        wheres = [step.where, *(each.where for each in step.members)]
    if isinstance(step, EventStep):
        wheres += [each.where for each in step.silences]
    if isinstance(step, EventStep | GroupStep) and step.repetition.stop_at is not None:
        wheres.append(step.repetition.stop_at.where)
    return [where.source for where in wheres if where is not None]


def _start(day: date, calendar: Calendar) -> int:
    return -FOREVER if day == date.min else day_start(day, calendar)


def _end(day: date, calendar: Calendar) -> int:
    return FOREVER if day == date.max else day_start(day + timedelta(days=1), calendar)
