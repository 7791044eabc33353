"""What a rule refers to and promises, checked when it is loaded (`rules.md`, Checked when loaded).

Form is checked by `document`, examples by `examples`. Every problem carries line and remedy.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

from processors.civil_time import Calendar
from processors.events import Attribute, EventType, LifeEvent
from processors.rules.conditions import ENVELOPE, FUNCTIONS, Condition, Fields, Path, compile_condition, evaluate
from processors.rules.document import RESERVED_NAMES
from processors.rules.model import (
    ANY_TYPE,
    FIRST,
    PREVIOUS,
    AbsenceStep,
    EventStep,
    Member,
    Problem,
    Rule,
    Step,
    Where,
)
from processors.timeline import LiveEvent, position

EXPLAINED = ("occurred_at", "recorded_at", "type", "agency")
"""Fields of a bound event an explanation may name: a decision carries no attributes."""
PLACEHOLDER = re.compile(r"\{([^{}]*)\}")

_SAMPLES: Sequence[Mapping[str, Attribute]] = (
    {"string": "", "number": 0.0, "boolean": False, "date": "2026-01-01"},
    {"string": "x", "number": 1e6, "boolean": True, "date": "2026-12-31"},
    {"string": "x", "number": 1.0, "boolean": False, "date": "2026-06-30"},
)


@dataclass(frozen=True)
class Deployment:
    """What a place decides, as far as rules need it.

    Attributes:
        catalogue: event types by name; None for experiments (`--catalogue none`): any type name,
            and the checks of purpose, service, recipient, example and time limit are skipped.
        purposes: purpose -> types granted to it; None: not checked.
        teams: names of the teams that may lead; None: not checked.
        services: names from the service directory; None: not checked.
        calendar: zone and holidays.
    """

    catalogue: Mapping[str, EventType] | None = None
    purposes: Mapping[str, frozenset[str]] | None = None
    teams: Collection[str] | None = None
    services: Collection[str] | None = None
    calendar: Calendar = field(default_factory=Calendar)


def check(rules: Sequence[Rule], deployment: Deployment) -> list[Problem]:
    """Every problem of these rules, each alone and together."""
    problems = list(_versions(rules))
    for rule in rules:
        for found in (_names(rule), _conditions(rule, deployment), _explanation(rule)):
            problems.extend(found)
        if deployment.catalogue is not None:
            for found in (_limits(rule), _types(rule, deployment), _no_harm(rule, deployment.catalogue)):
                problems.extend(found)
            problems.extend(_recipients(rule, deployment))
            problems.extend(_examples(rule))
    return sorted(problems, key=lambda problem: (problem.file, problem.line))


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


def _names(rule: Rule) -> Iterator[Problem]:
    """Names are new, not reserved, and exist before their use (`until` excepted)."""
    known: set[str] = set()
    for step in rule.steps:
        yield from _uses(rule, step, known)
        if isinstance(step, EventStep):
            for name in _own_names(step):
                if name in known:
                    yield Problem(rule.file, step.line, f"the name `{name}` is given twice", "choose another name")
                if name in RESERVED_NAMES | ENVELOPE | FUNCTIONS.keys() or not re.fullmatch(r"[A-Za-z_]\w*", name):
                    problem = f"`{name}` cannot be a name"
                    yield Problem(rule.file, step.line, problem, "choose another word, letters only")
                known.add(name)


def _own_names(step: EventStep) -> list[str]:
    return [name for name in (step.name, *(member.name for member in step.members)) if name is not None]


def _uses(rule: Rule, step: Step, known: Collection[str]) -> Iterator[Problem]:
    if isinstance(step, EventStep):
        used = step.within.anchor if step.within else None
        allowed = [FIRST, PREVIOUS, *known]
    else:
        used, allowed = step.after, [FIRST, *known]
    if used is not None and used not in allowed:
        problem = f"`{used}` is not the name of an earlier step"
        yield Problem(rule.file, step.line, problem, f"use one of: {', '.join(allowed)}")
    if isinstance(step, AbsenceStep) and step.until is not None:
        later = [name for each in rule.event_steps if each.position > step.position for name in _own_names(each)]
        if step.until not in later:
            problem = f"`until: {step.until}` is not the name of a later step"
            yield Problem(rule.file, step.line, problem, "name the step it holds until with `as`")


def _limits(rule: Rule) -> Iterator[Problem]:
    """Every open end has a time limit."""
    for step in rule.event_steps[1:]:
        if step.within is None and rule.within is None:
            yield Problem(rule.file, step.line, "the step has no time limit", "add `within: 60 days of previous`")


def _types(rule: Rule, deployment: Deployment) -> Iterator[Problem]:
    catalogue = deployment.catalogue or {}
    purposes = deployment.purposes
    if purposes is not None and rule.purpose not in purposes:
        problem = f"the purpose `{rule.purpose}` is not known"
        yield _problem(rule, "purpose", problem, f"use one of: {_listed(purposes)}")
    for step in rule.steps:
        for name in sorted(step.types - {ANY_TYPE}):
            if name not in catalogue:
                problem = f"the event type `{name}` is not in the catalogue"
                yield Problem(rule.file, step.line, problem, f"use one of: {_listed(catalogue)}")
            elif purposes is not None and name not in purposes.get(rule.purpose, {name}):
                problem = f"`{name}` is not granted to the purpose `{rule.purpose}`"
                yield Problem(rule.file, step.line, problem, "have it granted in purposes.yaml, or leave it out")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


def _no_harm(rule: Rule, catalogue: Mapping[str, EventType]) -> Iterator[Problem]:
    """Seeking help and receiving benefits may only spare a person an offer, never bring one."""
    for step in rule.event_steps:
        for name in sorted(step.types & catalogue.keys()):
            if catalogue[name].is_help_seeking or catalogue[name].is_benefit_receipt:
                what = "help seeking" if catalogue[name].is_help_seeking else "benefit receipt"
                problem = f"`{name}` is {what} and may not stand as a positive step"
                yield Problem(rule.file, step.line, problem, "use it in `absent` only")


def _recipients(rule: Rule, deployment: Deployment) -> Iterator[Problem]:
    if rule.offer is None:
        return
    if deployment.teams is not None and rule.offer.lead not in deployment.teams:
        problem = f"the lead team `{rule.offer.lead}` is not known"
        yield _problem(rule, "offer", problem, f"use one of: {_listed(deployment.teams)}")
    for service in rule.offer.services:
        if deployment.services is not None and service not in deployment.services:
            problem = f"the service `{service}` is not in the directory"
            yield _problem(rule, "offer", problem, f"use one of: {_listed(deployment.services)}")


def _examples(rule: Rule) -> Iterator[Problem]:
    if not any(example.expect for example in rule.examples):
        yield _problem(rule, "examples", "no example matches", "add one with `expect: matched DATE`")
    if all(example.expect for example in rule.examples):
        yield _problem(rule, "examples", "every example matches", "add one with `expect: nothing`")


def _explanation(rule: Rule) -> Iterator[Problem]:
    """The explanation names only what is always bound."""
    always = {step.name for step in rule.event_steps} | {
        step.members[0].name for step in rule.event_steps if len(step.members) == 1
    }
    for text in rule.explain.values():
        for placeholder in PLACEHOLDER.findall(text):
            name, _, field = placeholder.partition(".")
            if placeholder == "person" or (name in always and field in EXPLAINED):
                continue
            problem = f"the explanation uses `{{{placeholder}}}`, which no step always binds"
            remedy = f"use {{person}} or {{NAME.field}}, field one of {_listed(EXPLAINED)}"
            yield _problem(rule, "explain", problem, remedy)


def _conditions(rule: Rule, deployment: Deployment) -> Iterator[Problem]:
    earlier: list[EventStep] = []
    for step in rule.steps:
        for member in step.members:
            for where in (member.where, step.where):
                if where is not None:
                    yield from _condition(rule, where, member, earlier, deployment)
        if isinstance(step, EventStep):
            earlier.append(step)


def _condition(
    rule: Rule, where: Where, member: Member, earlier: Sequence[EventStep], deployment: Deployment
) -> Iterator[Problem]:
    condition = compile_condition(where.source)
    if isinstance(condition, str):
        yield Problem(rule.file, where.line, f"`where: {where.source}` is {condition}", "correct the condition")
        return
    if deployment.catalogue is None or member.type not in deployment.catalogue:
        return
    types = _scope(earlier, deployment.catalogue)
    unknown = sorted(p for p in condition.paths if not _exists(p, deployment.catalogue[member.type], types))
    for path in unknown:
        problem = f"`{'.'.join(path)}` is no field of `{member.type}` nor an earlier name"
        fields = _listed(deployment.catalogue[member.type].attributes)
        yield Problem(rule.file, where.line, problem, f"use a field of the contract: {fields}")
    if not unknown:
        yield from _tried(rule, where, condition, deployment.catalogue[member.type], types)


_Scope = Mapping[str, tuple[Sequence[EventType], int]]


def _scope(earlier: Sequence[EventStep], catalogue: Mapping[str, EventType]) -> _Scope:
    """Earlier names: the types they can be, and how many events they hold."""
    scope: dict[str, tuple[Sequence[EventType], int]] = {}
    for step in earlier:
        for name in _own_names(step):
            members = [m for m in step.members if m.name == name] or step.members
            scope[name] = ([catalogue[m.type] for m in members if m.type in catalogue], step.count)
    return scope


def _exists(path: Path, own: EventType, scope: _Scope) -> bool:
    if path[0] in scope:
        types, _ = scope[path[0]]
        rest = path[1:]
        return not rest or not types or any(_is_field(rest, each) for each in types)
    return _is_field(path, own)


def _is_field(path: Path, own: EventType) -> bool:
    if path[0] == "attributes":
        return len(path) == 1 or path[1] in own.attributes
    return path[0] in ENVELOPE or path[0] in own.attributes


def _tried(rule: Rule, where: Where, condition: Condition, own: EventType, scope: _Scope) -> Iterator[Problem]:
    """Runs the condition on generated values: it must not fail."""
    for values in _SAMPLES:
        names = {
            name: tuple(_sample(each) for each in types[:1]) * count for name, (types, count) in scope.items() if types
        }
        verdict = evaluate(condition, _sample(own), names, Fields(_reader(own, scope, values), Calendar("UTC")))
        if verdict.error is not None:
            problem = f"`where: {where.source}` fails on fields as the contract has them: {verdict.error}"
            yield Problem(rule.file, where.line, problem, "compare numbers with numbers and texts with texts")
            return


def _sample(own: EventType) -> LiveEvent:
    line = LifeEvent(f"{own.name}", own.name, "", "", "", "agency", "feed", 0, 0, 0, attributes=own.name.encode())

    return LiveEvent(line.id, line, position(line), 0)


def _reader(
    own: EventType, scope: _Scope, values: Mapping[str, Attribute]
) -> Callable[[bytes], Mapping[str, Attribute]]:
    known = {own.name: own} | {each.name: each for types, _ in scope.values() for each in types}
    return lambda name: {field: values[kind] for field, kind in known[name.decode()].attributes.items()}
