"""What a rule refers to and promises, checked when it is loaded (`rules.md`, Checked when loaded).

Form is checked by `document`, examples by `examples`. Every problem carries line and remedy.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

from processors.civil_time import Calendar
from processors.events import EventType
from processors.rules.checking.condition_types import check_conditions
from processors.rules.checking.limits import check_limits, check_size
from processors.rules.checking.scope import check_names, names_at_the_end
from processors.rules.conditions import ENVELOPE
from processors.rules.model import (
    ANY_TYPE,
    AbsenceStep,
    EventStep,
    GroupStep,
    Overlap,
    Problem,
    ReportKind,
    Rule,
    Runs,
    walk,
)

EXPLAINED = ("occurred_at", "recorded_at", "type", "agency")
"""Fields of a bound event an explanation may name: a decision carries no attributes."""
PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True)
class Deployment:
    """What a place decides, as far as rules need it.

    Attributes:
        catalogue: event types by name; None for experiments (`--catalogue none`): any type name,
            and the checks of purpose, service, recipient, example and time limit are skipped.
        purposes: purpose -> types granted to it; None: not checked.
        teams: names of the teams that may lead; None: not checked.
        services: names from the service directory; None: not checked.
        enforcement: names of teams and services that belong to an enforcement body; no rule may send them anything.
        calendar: zone and holidays.
    """

    catalogue: Mapping[str, EventType] | None = None
    purposes: Mapping[str, frozenset[str]] | None = None
    teams: Collection[str] | None = None
    services: Collection[str] | None = None
    enforcement: Collection[str] = frozenset()
    calendar: Calendar = field(default_factory=Calendar)


def check(rules: Sequence[Rule], deployment: Deployment) -> list[Problem]:
    """Every problem of these rules, each alone and together; all of them refuse."""
    problems = list(_versions(rules))
    catalogue = deployment.catalogue
    for rule in rules:
        problems += check_names(rule, is_experiment=catalogue is None)
        problems += check_conditions(rule, catalogue, _visible(rule, deployment))
        problems += _explanation(rule)
        problems += _among(rule)
        if catalogue is not None:
            problems += check_limits(rule)
            problems += check_size(rule, catalogue)
            problems += _types(rule, deployment)
            problems += _repeats(rule, deployment)
            problems += _no_harm(rule, catalogue)
            problems += _recipients(rule, deployment)
            problems += _examples(rule)
    return sorted(dict.fromkeys(problems), key=lambda problem: (problem.file, problem.line))


def warnings(rules: Sequence[Rule]) -> list[Problem]:
    """What is worth a second look in rules that pass every check."""
    return [problem for rule in rules for problem in _overlap(rule)]


def _overlap(rule: Rule) -> Iterator[Problem]:
    """`overlap` is left to its default where two runs can be open at once."""
    if "overlap" in rule.lines or rule.overlap is not Overlap.START_AFTER or not _can_two_be_open(rule):
        return
    remedy = "add `overlap: start after`, `keep` or `longest`"
    problem = "two runs can be open at once, and `overlap` is left to its default"
    yield Problem(rule.file, rule.lines.get("steps", 1), problem, remedy, is_warning=True)


def _can_two_be_open(rule: Rule) -> bool:
    """Whether another event can open a run before the first run is over."""
    if rule.runs is Runs.FIRST_ONLY or rule.report.kind is ReportKind.ONCE or not rule.steps:
        return False
    first, *later = rule.steps
    is_over_at_once = isinstance(first, EventStep) and first.repetition.most == 1 and not first.is_all
    return not is_over_at_once or any(not isinstance(s, AbsenceStep) or not s.is_looking_back for s in later)


def _visible(rule: Rule, deployment: Deployment) -> frozenset[str]:
    """Types the rule's timeline can hold."""
    if rule.among is not None:
        return rule.among
    if deployment.purposes is not None:
        return deployment.purposes.get(rule.purpose, frozenset())
    return frozenset(deployment.catalogue or ()) | rule.types - {ANY_TYPE}


def _versions(rules: Sequence[Rule]) -> Iterator[Problem]:
    for one, other in combinations(rules, 2):
        if one.name != other.name:
            continue
        later = max(one, other, key=lambda rule: rule.version)
        if one.version == other.version:
            problem = f"version {one.version} of `{one.name}` is also in {one.file}"
            yield _problem(other, "version", problem, "number it anew")
        elif one.valid.start <= other.valid.end and other.valid.start <= one.valid.end:
            problem = f"versions {one.version} and {other.version} of `{one.name}` are valid at once"
            yield _problem(later, "valid", problem, "end the older version the day before the newer begins")


def _problem(rule: Rule, key: str, problem: str, remedy: str) -> Problem:
    return Problem(rule.file, rule.lines.get(key, 1), problem, remedy)


def _among(rule: Rule) -> Iterator[Problem]:
    """`among` holds every type the rule speaks of."""
    if rule.among is None:
        return
    for name in sorted(rule.types - rule.among - {ANY_TYPE}):
        problem = f"the rule uses `{name}`, which `among` leaves out"
        yield _problem(rule, "among", problem, f"add `{name}` to `among`")


def _repeats(rule: Rule, deployment: Deployment) -> Iterator[Problem]:
    """Fields that make a repeat are in the envelope or in a contract the rule sees."""
    if rule.repeats is None:
        return
    catalogue = deployment.catalogue or {}
    seen = {name for each in _visible(rule, deployment) & catalogue.keys() for name in catalogue[each].attributes}
    for name in rule.repeats.fields:
        if name not in seen | ENVELOPE:
            problem = f"no event of the rule has a field `{name}`"
            yield _problem(rule, "repeats", problem, f"use one of: {_listed(seen | ENVELOPE)}")


def _types(rule: Rule, deployment: Deployment) -> Iterator[Problem]:
    purposes = deployment.purposes
    if purposes is not None and rule.purpose not in purposes:
        problem = f"the purpose `{rule.purpose}` is not known"
        yield _problem(rule, "purpose", problem, f"use one of: {_listed(purposes)}")
    for name in sorted(rule.among or ()):
        yield from _type(rule, rule.lines.get("among", 1), name, deployment)
    for step in walk(rule.steps):
        for name in sorted(step.all_types - {ANY_TYPE}) if not isinstance(step, GroupStep) else ():
            yield from _type(rule, step.line, name, deployment)
        if isinstance(step, GroupStep) and step.repetition.stop_at is not None:
            yield from _type(rule, step.line, step.repetition.stop_at.type, deployment)


def _type(rule: Rule, line: int, name: str, deployment: Deployment) -> Iterator[Problem]:
    """One type a rule names: known, and granted to its purpose."""
    catalogue, purposes = deployment.catalogue or {}, deployment.purposes
    if name not in catalogue and name != ANY_TYPE:
        problem = f"the event type `{name}` is not in the catalogue"
        yield Problem(rule.file, line, problem, f"use one of: {_listed(catalogue)}")
    elif purposes is not None and name not in purposes.get(rule.purpose, {name}) and name != ANY_TYPE:
        problem = f"`{name}` is not granted to the purpose `{rule.purpose}`"
        yield Problem(rule.file, line, problem, "have it granted in purposes.yaml, or leave it out")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


def _no_harm(rule: Rule, catalogue: Mapping[str, EventType]) -> Iterator[Problem]:
    """Seeking help and receiving benefits may only spare a person an offer, never bring one."""
    for step in rule.bindings:
        for name in sorted(step.types & catalogue.keys()):
            if catalogue[name].is_help_seeking or catalogue[name].is_benefit_receipt:
                what = "help seeking" if catalogue[name].is_help_seeking else "benefit receipt"
                problem = f"`{name}` is {what} and may not stand as a positive step"
                yield Problem(rule.file, step.line, problem, "use it in `absent` or `stop_at` only")


def _recipients(rule: Rule, deployment: Deployment) -> Iterator[Problem]:
    """The lead team and every service exist, and none of them belongs to an enforcement body."""
    if rule.offer is None:
        return
    lead, teams, services = rule.offer.lead, deployment.teams, deployment.services
    remedy = "choose a body that helps: what is known for help is never sent to enforcement"
    if teams is not None and lead not in teams:
        yield _problem(rule, "offer", f"the lead team `{lead}` is not known", f"use one of: {_listed(teams)}")
    elif lead in deployment.enforcement:
        yield _problem(rule, "offer", f"the lead team `{lead}` is an enforcement body", remedy)
    for service in rule.offer.services:
        if services is not None and service not in services:
            problem = f"the service `{service}` is not in the directory"
            yield _problem(rule, "offer", problem, f"use one of: {_listed(services)}")
        elif service in deployment.enforcement:
            yield _problem(rule, "offer", f"the service `{service}` is given by an enforcement body", remedy)


def _examples(rule: Rule) -> Iterator[Problem]:
    if not any(example.expect for example in rule.examples):
        yield _problem(rule, "examples", "no example matches", "add one with `expect: matched DATE`")
    if all(example.expect for example in rule.examples):
        yield _problem(rule, "examples", "no example shows what does not match", "add one with `expect: nothing`")


def _explanation(rule: Rule) -> Iterator[Problem]:
    """The explanation names only what is always bound."""
    always = {name for name, each in names_at_the_end(rule).items() if each.is_always}
    for text in rule.explain.values():
        for placeholder in PLACEHOLDER.findall(text):
            name, _, field = placeholder.partition(".")
            if placeholder == "person" or (name in always and field in EXPLAINED):
                continue
            problem = f"the explanation uses `{{{placeholder}}}`, which no step always binds"
            remedy = f"use {{person}} or {{NAME.field}}, field one of {_listed(EXPLAINED)}"
            yield _problem(rule, "explain", problem, remedy)
