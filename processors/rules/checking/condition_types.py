"""Type check of conditions: what they read exists, and they do not fail on values as the contracts have them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, product

from processors.civil_time import Calendar
from processors.events import Attribute, EventType, LifeEvent
from processors.rules.checking.scope import Name, Placed, Scope, placed
from processors.rules.conditions import (
    ATTRIBUTES,
    BEFORE,
    ENVELOPE,
    FUNCTIONS,
    AttributeDecoder,
    Condition,
    Fields,
    Names,
    Verdict,
    compile_condition,
    evaluate,
    shown_path,
)
from processors.rules.expressions import PLACES, Path
from processors.rules.model import (
    ANY_TYPE,
    AbsenceStep,
    Binding,
    EventStep,
    GroupStep,
    Member,
    Problem,
    Rule,
    Where,
)
from processors.timeline import LiveEvent, position

_VALUES: Sequence[Mapping[str, Attribute]] = (
    {"string": "", "number": 0.0, "boolean": False, "date": "2026-01-01"},
    {"string": "x", "number": 1e6, "boolean": True, "date": "2026-12-31"},
    {"string": "x", "number": 1.0, "boolean": False, "date": "2026-06-30"},
)
"""Values an attribute is tried with, by its type; with the first, lists hold one event, then two, then three."""
_MOST_TRIED = 500


@dataclass(frozen=True, slots=True)
class _Asked:
    """A condition at its place: the types its own event can have, and the names it may use."""

    where: Where
    types: frozenset[str]
    names: Scope


def check_conditions(
    rule: Rule, catalogue: Mapping[str, EventType] | None, visible: frozenset[str]
) -> Iterator[Problem]:
    """Every condition of a rule that cannot be used.

    Args:
        rule: any rule.
        catalogue: event types by name; None: only the form and the names are looked at.
        visible: types the rule's timeline can hold.
    """
    for place in placed(rule):
        for asked in _asked(place):
            condition = compile_condition(asked.where.source)
            if isinstance(condition, str):
                problem = f"`where: {asked.where.source}` is {condition}"
                yield Problem(rule.file, asked.where.line, problem, "correct the condition")
            else:
                yield from _Check(rule, asked, condition, catalogue, visible).problems()


def _asked(place: Placed) -> Iterator[_Asked]:
    step = place.step
    if isinstance(step, EventStep | GroupStep) and step.repetition.stop_at is not None:
        yield from _of_member(step.repetition.stop_at, {**place.before, **place.own})
    if isinstance(step, GroupStep):
        return
    for member in step.members:
        yield from _of_member(member, {**place.before, **_own(place, step, member)})
    if isinstance(step, EventStep):
        for silence in step.silences:
            yield from _of_member(Member(silence.type, None, silence.where), place.before)
    if step.where is not None:
        for member in step.members:
            yield _Asked(step.where, frozenset({member.type}), {**place.before, **_own(place, step, member)})


def _of_member(member: Member, names: Scope) -> Iterator[_Asked]:
    if member.where is not None:
        yield _Asked(member.where, frozenset({member.type}), names)


def _own(place: Placed, step: Binding | AbsenceStep, member: Member) -> Scope:
    """The names a step gives that its own conditions may use: in a repetition all, else the member's."""
    if isinstance(step, AbsenceStep):
        return {}
    return {name: each for name, each in place.own.items() if each.is_list or name in (step.name, member.name)}


@dataclass(frozen=True, slots=True)
class _Check:
    rule: Rule
    asked: _Asked
    condition: Condition
    catalogue: Mapping[str, EventType] | None
    visible: frozenset[str]

    def problems(self) -> Iterator[Problem]:
        found = [self.of_path(path) for path in sorted(self.paths())]
        problems = [problem for problem in found if problem is not None]
        yield from problems
        if not problems and self.catalogue is not None:
            yield from self.tried()

    def paths(self) -> set[Path]:
        """Every field that is read, and every list that is gone through."""
        read = set(self.condition.paths)
        return read | {(root,) for root in self.condition.needs.keys() - {path[0] for path in read}}

    def of_path(self, path: Path) -> Problem | None:
        """What is wrong with one field that is read."""
        root, names = path[0], self.names()
        if root in names:
            if root != BEFORE and self.is_own_field(root):
                problem = f"`{root}` is both a name and a field of `{self.own_type}`"
                return self.problem(problem, f"write `{ATTRIBUTES}.{root}` for the field, or choose another name")
            is_known = self.is_field([word for word in path[1:] if word not in PLACES], names[root].types)
        elif root in FUNCTIONS:
            return self.problem(f"`{root}` is a function", f"write `{ATTRIBUTES}.{root}` for the field")
        else:
            is_known = self.is_field(path, self.asked.types)
        if is_known:
            return None
        fields = sorted({field for each in self.types(self.asked.types) for field in each.attributes})
        remedy = f"use a field of the contract: {', '.join(fields)}" if fields else "name an earlier step with `as`"
        return self.problem(f"`{shown_path(path)}` is no field of `{self.own_type}` nor an earlier name", remedy)

    def is_field(self, path: Sequence[str], types: Iterable[str]) -> bool:
        """Whether any of the types has the field; where the catalogue does not say, whether there can be one."""
        known = self.types(types)
        if not path or known:
            return not path or any(_is_field(path, each) for each in known)
        return self.catalogue is not None or len(path) == 1 or path[0] == ATTRIBUTES

    @property
    def own_type(self) -> str:
        return next(iter(self.asked.types))

    def problem(self, problem: str, remedy: str) -> Problem:
        return Problem(self.rule.file, self.asked.where.line, problem, remedy)

    def names(self) -> Scope:
        return {**self.asked.names, BEFORE: Name(self.visible, is_list=False, is_always=False)}

    def types(self, names: Iterable[str]) -> list[EventType]:
        """The catalogue's entries; for `"*"` all that the rule can see."""
        wanted = set(names)
        if ANY_TYPE in wanted:
            wanted |= self.visible
        return [(self.catalogue or {})[name] for name in sorted(wanted) if name in (self.catalogue or {})]

    def is_own_field(self, name: str) -> bool:
        return any(name in each.attributes for each in self.types(self.asked.types))

    def tried(self) -> Iterator[Problem]:
        """Runs the condition on generated values: it must not fail, and not always lack a field."""
        verdicts = list(islice(self.verdicts(), _MOST_TRIED))
        error = next((verdict.error for verdict in verdicts if verdict.error is not None), None)
        if error is not None:
            problem = f"`where: {self.asked.where.source}` fails on fields as the contract has them: it {error}"
            yield self.problem(problem, "compare numbers with numbers and texts with texts")
        elif verdicts and len(verdicts) < _MOST_TRIED and all(verdict.missing for verdict in verdicts):
            problem = f"`where: {self.asked.where.source}` reads `{verdicts[0].missing[0]}`, which is never there"
            yield self.problem(problem, "use a field of the contract")

    def verdicts(self) -> Iterator[Verdict]:
        used = {root: name for root, name in self.names().items() if root in self.condition.needs}
        choices = [self.types(self.asked.types), *(self.types(name.types) for name in used.values())]
        for values in _VALUES:
            fields = Fields(_decoder(self.catalogue or {}, values), Calendar("UTC"))
            for own, *others in product(*choices):
                count = _VALUES.index(values) + 1
                names: Names = {
                    root: (_sample(each),) * count if name.is_list else _sample(each)
                    for (root, name), each in zip(used.items(), others, strict=True)
                }
                yield evaluate(self.condition, _sample(own), names, fields)


def _is_field(path: Sequence[str], own: EventType) -> bool:
    if path[0] == ATTRIBUTES:
        return len(path) == 1 or path[1] in own.attributes
    return path[0] in ENVELOPE or path[0] in own.attributes


def _sample(own: EventType) -> LiveEvent:
    line = LifeEvent(own.name, own.name, "", "", "", "agency", "feed", 0, 0, 0, attributes=own.name.encode())
    return LiveEvent(line.id, line, position(line), ended_at=0)


def _decoder(catalogue: Mapping[str, EventType], values: Mapping[str, Attribute]) -> AttributeDecoder:
    """Reads the name of a type as its attributes, each with the value of its kind."""
    return lambda name: {field: values[kind] for field, kind in catalogue[name.decode()].attributes.items()}
