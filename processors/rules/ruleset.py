"""A checked set of rules, ready to decide with.

Loading reads texts, not files; what refuses a rule is in `document` and `check`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from processors.civil_time import Calendar
from processors.rules.checking.check import Deployment, check
from processors.rules.conditions import AttributeDecoder
from processors.rules.matching.compiling import plan_of
from processors.rules.matching.plan import Plan
from processors.rules.model import ANY_TYPE, Problem, Rule, Subject
from processors.rules.reading.document import parse

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
        delay_ms: per rule, how long after any event it binds a match is complete at the earliest, ms.
    """

    deployment: Deployment
    plans: Mapping[str, tuple[Plan, ...]]
    decode: AttributeDecoder
    types: frozenset[str]
    horizon_ms: int
    on_time_ms: int
    delay_ms: Mapping[str, int]
    _touched: dict[tuple[frozenset[str] | None, str], tuple[str, ...]] = field(
        default_factory=dict, compare=False, repr=False
    )
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
            delay_ms={name: min(plan.delay_ms for plan in versions) for name, versions in plans.items()},
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

    def touched(self, present: frozenset[str] | None, event_type: str) -> tuple[str, ...]:
        """Names of the rules that a new event of this type can concern.

        Args:
            present: types that are there, with the new one: only rules that could match; None: all.
            event_type: of the new event.
        """
        found = self._touched.get((present, event_type))
        if found is None:
            names = self.plans if present is None else self.possible(present)
            found = tuple(n for n in names if any(plan.can_concern(event_type) for plan in self.plans[n]))
            if len(self._touched) >= _MOST_REMEMBERED:
                self._touched.clear()
            self._touched[present, event_type] = found
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
        """Feeds whose silence could matter to any rule."""
        return frozenset(feed for versions in self.plans.values() for plan in versions for feed in plan.feeds)

    def of_subject(self, subject: Subject) -> RuleSet:
        """The rules that read the timeline of that kind of subject."""
        plans = {
            name: mine
            for name, versions in self.plans.items()
            if (mine := tuple(plan for plan in versions if plan.rule.per is subject))
        }
        return RuleSet.of(self.deployment, plans, self.decode)

    def reading(self, decode: AttributeDecoder) -> RuleSet:
        """The same rules over events whose attributes are encoded otherwise."""
        return RuleSet.of(self.deployment, self.plans, decode)


def _is_possible(plan: Plan, present: frozenset[str]) -> bool:
    return all(not types.isdisjoint(present) for types in plan.needs)
