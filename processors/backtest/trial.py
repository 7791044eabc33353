"""Rules put to the test on the past, and what they find of one subject."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from processors.decisions import Decision, DecisionKind
from processors.events import LifeEvent
from processors.rules.deciding.decide import decide
from processors.rules.deciding.heard import Heard
from processors.rules.ledger import EMPTY
from processors.rules.matching.plan import FOREVER
from processors.rules.model import ANY_TYPE, Subject
from processors.rules.ruleset import RuleSet
from processors.timeline import MOST_LINES, Timeline, apply, position, timeline_of


def on_trial(rules: RuleSet) -> RuleSet:
    """The newest version of each rule, as if it had always been valid.

    A back-test asks what a rule would have found, so the days on which it is valid do not count; neither
    do older versions, which would stand in its way.
    """
    newest = {name: versions[-1] for name, versions in rules.plans.items()}
    always = {name: (replace(plan, valid_from=-FOREVER, valid_until=FOREVER),) for name, plan in newest.items()}
    return RuleSet.of(rules.deployment, always, rules.decode)


def used_types(rules: RuleSet) -> frozenset[str] | None:
    """Types that can make a difference to some rule; None: any type can."""
    used: set[str] = set()
    for versions in rules.plans.values():
        for plan in versions:
            seen = plan.sees if plan.is_narrow else plan.rule.types
            if seen is None or ANY_TYPE in seen:
                return None
            used |= seen
    return frozenset(used)


def crises_of(rules: RuleSet, types: frozenset[str]) -> dict[str, frozenset[str]]:
    """For each rule (`name/version`) the types that are a crisis for it: those its purpose is granted.

    Args:
        rules: on trial.
        types: every type that is a crisis.
    """
    purposes = rules.deployment.purposes
    found = {}
    for rule in rules.rules:
        granted = None if purposes is None else purposes.get(rule.purpose, frozenset())
        crises = types if granted is None else types & granted
        if crises:
            found[rule.key] = crises
    return found


@dataclass(frozen=True, slots=True)
class Standing:
    """What rules find of one subject at the end of a history."""

    matches: tuple[Decision, ...]
    condition_errors: int


def standing(rules: RuleSet | None, timeline: Timeline, heard: Heard) -> Standing:
    """The matches that stand at the end of a history, as if every line had come in time to be decided.

    Args:
        rules: on trial; None: none.
        timeline: of the subject, whole.
        heard: `every` is the end of the history.
    """
    if rules is None:
        return Standing((), 0)
    outcome = decide(rules, timeline, EMPTY, heard, heard.every or 0)
    matches = tuple(each for each in outcome.decisions if each.kind is DecisionKind.MATCHED)
    return Standing(matches, outcome.condition_errors)


def whole_timeline(lines: Iterable[LifeEvent], household: str | None = None) -> Timeline:
    """The timeline that `apply` builds from these lines one by one, in order of their arrival.

    Args:
        lines: all lines of one subject, in any order.
        household: for the timeline of a household.
    """
    arrived = sorted(lines, key=lambda line: line.arrival)
    by_id: dict[str, LifeEvent] = {}
    for line in arrived:
        by_id.setdefault(line.id, line)
    if len(by_id) <= MOST_LINES:
        return timeline_of(sorted(by_id.values(), key=position), household=household)
    timeline = timeline_of((), household=household)
    for line in arrived:
        timeline, _ = apply(timeline, line)
    return timeline


def by_subject(rules: RuleSet) -> Mapping[Subject, RuleSet]:
    """The rules of each kind of subject that has any."""
    found = {subject: rules.of_subject(subject) for subject in Subject}
    return {subject: mine for subject, mine in found.items() if mine.plans}


def leads_of(rules: RuleSet) -> dict[str, str]:
    """For each rule (`name/version`) with an offer the team in the lead."""
    return {rule.key: rule.offer.lead for rule in rules.rules if rule.offer is not None}


def types_of(sets: Iterable[RuleSet], crises: frozenset[str]) -> frozenset[str] | None:
    """Types of the rows a back-test has to keep; None: all."""
    found = [used_types(rules) for rules in sets]
    return None if None in found else frozenset().union(crises, *(types for types in found if types is not None))
