"""Which names stand at which step of a rule, and what they can hold."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from processors.rules.conditions import ENVELOPE, FUNCTIONS
from processors.rules.model import (
    FIRST,
    NEXT_EVENT,
    PREVIOUS,
    AbsenceStep,
    Binding,
    EventStep,
    GroupStep,
    Problem,
    Rule,
    Step,
    walk,
)
from processors.rules.reading.document import RESERVED_NAMES

_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Name:
    """What a name can hold.

    Attributes:
        types: of its events.
        is_list: it holds several events, in conditions always a list.
        is_always: a match always has it, where the step it is used in is reached.
    """

    types: frozenset[str]
    is_list: bool
    is_always: bool


Scope = Mapping[str, Name]


@dataclass(frozen=True, slots=True)
class Placed:
    """A step, the names bound before it, and its own."""

    step: Step
    before: Scope
    own: Scope
    is_repeated: bool


def own_names(step: Binding) -> list[str]:
    """Names a step gives, as written; a name given twice stands twice."""
    return [name for name in (step.name, *(member.name for member in step.members)) if name is not None]


def placed(rule: Rule) -> list[Placed]:
    """Every step in the order of the document, with the names at it."""
    return list(_placed(rule.steps, {}, is_repeated=False))


def names_at_the_end(rule: Rule) -> Scope:
    """Every name of a rule, as a match has it."""
    known: dict[str, Name] = {}
    for _ in _placed(rule.steps, known, is_repeated=False):
        pass
    return known


def _placed(steps: Iterable[Step], known: dict[str, Name], *, is_repeated: bool) -> Iterator[Placed]:
    """Goes through steps, adding to `known` what each binds."""
    for step in steps:
        before = dict(known)
        if isinstance(step, GroupStep):
            inner = list(_placed(step.steps, known, is_repeated=is_repeated or step.repetition.most != 1))
            own = {name: replace(known[name], is_list=True) for name in known.keys() - before.keys()}
            yield Placed(step, before, own, is_repeated)
            yield from inner
            if step.is_optional:
                known |= {name: replace(known[name], is_always=False) for name in own}
            continue
        own = _own(step, is_repeated) if isinstance(step, Binding) else {}
        yield Placed(step, before, own, is_repeated)
        known |= own


def _own(step: Binding, is_repeated: bool) -> dict[str, Name]:
    is_always = not step.is_optional and not (isinstance(step, EventStep) and step.silences)
    is_list = is_repeated or step.is_many
    found = {} if step.name is None else {step.name: Name(step.types, is_list, is_always)}
    is_sure = len(step.members) == 1 or (isinstance(step, EventStep) and step.is_all)
    for member in step.members:
        if member.name is not None:
            found[member.name] = Name(frozenset({member.type}), is_list, is_always and is_sure)
    return found


def check_names(rule: Rule, *, is_experiment: bool) -> Iterator[Problem]:
    """Names are new, not reserved, and exist before their use (`until` excepted).

    Args:
        rule: any rule.
        is_experiment: a window may count from a name that is not always there.
    """
    taken: set[str] = set()
    for place in placed(rule):
        step = place.step
        for name in own_names(step) if isinstance(step, Binding) else ():
            if name in taken:
                remedy = "choose another name, or give the step one name with `as`"
                yield Problem(rule.file, step.line, f"the name `{name}` is given twice", remedy)
            taken.add(name)
            if name in RESERVED_NAMES | ENVELOPE | FUNCTIONS.keys() or not _NAME.fullmatch(name):
                yield Problem(rule.file, step.line, f"`{name}` cannot be a name", "choose another word, letters only")
        yield from _anchors(rule, place, is_experiment)
    yield from _untils(rule)


def _anchors(rule: Rule, place: Placed, is_experiment: bool) -> Iterator[Problem]:
    step, before = place.step, place.before
    for anchor, fixed in _used(step):
        if anchor in fixed:
            continue
        if anchor not in before:
            remedy = f"use one of: {', '.join([*fixed, *before])}"
            yield Problem(rule.file, step.line, f"`{anchor}` is not the name of an earlier step", remedy)
        elif not before[anchor].is_always and not is_experiment:
            problem = f"a window counts from `{anchor}`, which a match may lack"
            yield Problem(rule.file, step.line, problem, "count from a step that is always there, such as `first`")


def _used(step: Step) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Names that windows of a step count from, each with the words allowed besides names."""
    if isinstance(step, AbsenceStep):
        if step.anchor is not None:
            yield step.anchor, (FIRST,)
        return
    if step.within is not None:
        yield step.within.anchor, (FIRST, PREVIOUS)
    if isinstance(step, EventStep):
        yield from ((silence.after, (FIRST,)) for silence in step.silences)


def _untils(rule: Rule) -> Iterator[Problem]:
    """`until` names a later step."""
    steps = list(walk(rule.steps))
    for number, step in enumerate(steps):
        if not isinstance(step, AbsenceStep) or step.until in (None, NEXT_EVENT):
            continue
        later = [name for each in steps[number + 1 :] if isinstance(each, Binding) for name in own_names(each)]
        if step.until not in later:
            problem = f"`until: {step.until}` is not the name of a later step"
            yield Problem(rule.file, step.line, problem, "name the step it holds until with `as`")
