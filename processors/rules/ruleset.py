"""A checked set of rules, ready to decide with.

Loading reads texts, not files; what refuses a rule is in `document` and `check`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

from processors.civil_time import Calendar, Duration, day_start
from processors.events import EventType
from processors.rules.check import Deployment, check
from processors.rules.conditions import AttributeDecoder, Condition, compile_condition
from processors.rules.document import parse
from processors.rules.match import FOREVER, Plan
from processors.rules.model import ANY_TYPE, AbsenceStep, EventStep, Problem, Rule, Step
from processors.timeline import lateness_of

__all__ = ["AttributeDecoder", "Deployment", "RuleSet"]

_MOST_REMEMBERED = 65_536


@dataclass(frozen=True)
class RuleSet:
    """Rules that passed every check.

    Attributes:
        deployment: catalogue, purposes, teams, services, calendar they were checked against.
        plans: per rule name its versions, oldest first.
        decode: decodes the attributes of an event.
        types: every type any rule speaks of; `"*"` if one speaks of any.
        horizon_ms: how far back a timeline must reach for all of them, ms.
        on_time_ms: a line no later than this is late for no rule.
    """

    deployment: Deployment
    plans: Mapping[str, tuple[Plan, ...]]
    decode: AttributeDecoder
    types: frozenset[str]
    horizon_ms: int
    on_time_ms: int
    _possible: dict[frozenset[str], tuple[str, ...]] = field(default_factory=dict, compare=False, repr=False)
    _users: dict[str, tuple[tuple[Plan, ...], ...]] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def load(
        cls, documents: Mapping[str, str], deployment: Deployment, decode: AttributeDecoder
    ) -> RuleSet | list[Problem]:
        """Reads, checks and compiles rule documents.

        Args:
            documents: file name -> YAML text, one rule each.
            deployment: what they are checked against.
            decode: turns the encoded attributes of an event into a mapping.

        Returns:
            The set, or every problem found in any document.
        """
        rules: list[Rule] = []
        problems: list[Problem] = []
        for file, text in documents.items():
            parsed = parse(file, text, is_experiment=deployment.catalogue is None)
            if isinstance(parsed, Rule):
                rules.append(parsed)
            else:
                problems.extend(parsed)
        problems.extend(check(rules, deployment))
        return problems or cls._compiled(rules, deployment, decode)

    @classmethod
    def _compiled(cls, rules: Iterable[Rule], deployment: Deployment, decode: AttributeDecoder) -> RuleSet:
        plans: dict[str, tuple[Plan, ...]] = {}
        for rule in sorted(rules, key=lambda rule: (rule.name, rule.version)):
            plans[rule.name] = (*plans.get(rule.name, ()), plan_of(rule, deployment))
        return cls.of(deployment, plans, decode)

    @classmethod
    def of(cls, deployment: Deployment, plans: Mapping[str, tuple[Plan, ...]], decode: AttributeDecoder) -> RuleSet:
        """A set of compiled rules, by name, versions oldest first."""
        flat = [plan for versions in plans.values() for plan in versions]
        return cls(
            deployment=deployment,
            plans=plans,
            decode=decode,
            types=frozenset().union(*(plan.rule.types for plan in flat)),
            horizon_ms=max((plan.horizon_ms for plan in flat), default=0),
            on_time_ms=min((plan.rule.late_accept.at_least_ms for plan in flat), default=0),
        )

    @property
    def calendar(self) -> Calendar:
        """Zone and holidays of the deployment."""
        return self.deployment.calendar

    @property
    def rules(self) -> tuple[Rule, ...]:
        """Every rule and version, by name and version."""
        return tuple(plan.rule for versions in self.plans.values() for plan in versions)

    def rule(self, name: str, version: int) -> Rule | None:
        """That version of a rule: its offer, title, explanation; None if it is not in the set."""
        return next((plan.rule for plan in self.plans.get(name, ()) if plan.rule.version == version), None)

    def possible(self, present: frozenset[str]) -> tuple[str, ...]:
        """Names of the rules that could match where only these types are present.

        Remembered per combination of types: a person whose events no rule can use costs one look-up.
        """
        found = self._possible.get(present)
        if found is None:
            found = tuple(name for name, plans in self.plans.items() if any(_is_possible(p, present) for p in plans))
            if len(self._possible) >= _MOST_REMEMBERED:
                self._possible.clear()
            self._possible[present] = found
        return found

    def users(self, event_type: str) -> tuple[tuple[Plan, ...], ...]:
        """The rules, all versions each, that speak of this type."""
        found = self._users.get(event_type)
        if found is None:
            wanted = {event_type, ANY_TYPE}
            found = tuple(v for v in self.plans.values() if any(not wanted.isdisjoint(plan.rule.types) for plan in v))
            self._users[event_type] = found
        return found

    def feeds(self) -> frozenset[str]:
        """Feeds whose silence could matter to any absence."""
        return frozenset(
            feed
            for versions in self.plans.values()
            for plan in versions
            for feeds in plan.feeds.values()
            for feed in feeds
        )

    def reading(self, decode: AttributeDecoder) -> RuleSet:
        """The same rules over events whose attributes are encoded otherwise."""
        return RuleSet.of(self.deployment, self.plans, decode)


def _is_possible(plan: Plan, present: frozenset[str]) -> bool:
    return all(ANY_TYPE in step.types or not step.types.isdisjoint(present) for step in plan.event_steps)


def plan_of(rule: Rule, deployment: Deployment) -> Plan:
    """Compiles a checked rule."""
    catalogue = deployment.catalogue or {}
    granted = None if deployment.purposes is None else deployment.purposes.get(rule.purpose)
    contradicting = {step.position: list(_entries(step, catalogue, granted)) for step in rule.absence_steps}
    return Plan(
        rule=rule,
        calendar=deployment.calendar,
        conditions=_conditions(rule),
        never_bound=frozenset(t.name for t in catalogue.values() if t.is_help_seeking or t.is_benefit_receipt),
        granted=granted,
        feeds={
            place: tuple(sorted({feed for entry in entries for feed in entry.feeds}))
            for place, entries in contradicting.items()
        },
        settles_ms={
            place: max((entry.settles_within_ms for entry in entries), default=0)
            for place, entries in contradicting.items()
        },
        lateness=lateness_of(rule.late_accept, deployment.calendar),
        horizon_ms=sum(window.at_most_ms for window in windows(rule)) + rule.late_accept.at_most_ms,
        valid_from=_start(rule.valid.start, deployment.calendar),
        valid_until=_end(rule.valid.end, deployment.calendar),
        event_steps=rule.event_steps,
        absence_steps=rule.absence_steps,
    )


def _entries(
    step: AbsenceStep, catalogue: Mapping[str, EventType], granted: frozenset[str] | None
) -> Iterable[EventType]:
    if ANY_TYPE in step.types:
        return (entry for name, entry in catalogue.items() if granted is None or name in granted)
    return (catalogue[name] for name in step.types if name in catalogue)


def windows(rule: Rule) -> list[Duration]:
    """Every window of a rule."""
    found = [rule.within]
    for step in rule.steps:
        if isinstance(step, EventStep):
            found += [step.in_any, step.within.duration if step.within else None]
        else:
            found.append(step.duration)
    return [duration for duration in found if duration is not None]


def _conditions(rule: Rule) -> dict[str, Condition]:
    compiled: dict[str, Condition] = {}
    for step in rule.steps:
        for source in sources(step):
            condition = compile_condition(source)
            assert isinstance(condition, Condition), "checked before"
            compiled[source] = condition
    return compiled


def sources(step: Step) -> list[str]:
    """Conditions of a step, as written."""
    return [where.source for where in (step.where, *(member.where for member in step.members)) if where is not None]


def _start(day: date, calendar: Calendar) -> int:
    return -FOREVER if day == date.min else day_start(day, calendar)


def _end(day: date, calendar: Calendar) -> int:
    return FOREVER if day == date.max else day_start(day + timedelta(days=1), calendar)
