"""The steps of a rule in plain English words, each as a headline and what else it says.

The words of the rule language itself, read aloud; what a place calls its event types comes from its catalogue.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from processors.rules.model import (
    ANY_TYPE,
    FIRST,
    NEXT_EVENT,
    ONCE,
    PREVIOUS,
    AbsenceStep,
    CountStep,
    EventStep,
    GroupStep,
    How,
    Member,
    Repetition,
    Step,
    Where,
    Window,
)

Titled = Callable[[str], str]
"""What a type is called."""


class Kind(StrEnum):
    """How a step is drawn."""

    EVENT = "event"
    ABSENCE = "absence"
    GROUP = "group"


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time that a step speaks of: how long, and the name of the step it counts from."""

    length: str
    anchor: str


@dataclass(frozen=True, slots=True)
class Told:
    """A step in words.

    Attributes:
        position: in the document, `2` or `2.1`.
        headline: what has to happen, or not to.
        details: everything else, a phrase each.
        names: under which other steps speak of it.
        span: its window or how long an absence lasts.
        steps: of a group.
    """

    kind: Kind
    position: str
    headline: str
    details: tuple[str, ...]
    names: tuple[str, ...] = ()
    span: Span | None = None
    steps: tuple[Told, ...] = ()


def tell(step: Step, titled: Titled) -> Told:
    """A step in words.

    Args:
        step: any.
        titled: what a type is called.
    """
    match step:
        case EventStep():
            return _event(step, titled)
        case CountStep():
            return _count(step, titled)
        case AbsenceStep():
            return _absence(step, titled)
        case GroupStep():
            return _group(step, titled)


def _event(step: EventStep, titled: Titled) -> Told:
    word = "First" if step.is_opening else "Right after that" if step.is_right_after else "Then"
    joint = " and " if step.is_all else " or "
    events = joint.join(_called(member, titled) for member in step.members)
    details = ["all of them, in any order"] if step.is_all else []
    details += [*_name(step.name), *_conditions(step.members, titled), *_condition(step.where)]
    details += _times(step.repetition, titled)
    for silence in step.silences:
        quiet = f"or no {_titled(silence.type, titled)} for {silence.duration} after {silence.after}"
        details.append(quiet + "".join(f" where {silence.where.source}" for _ in [0] if silence.where))
    if step.is_each:
        details.append("each later one makes a match of its own")
    return Told(
        Kind.EVENT,
        step.position,
        f"{word}: {events}",
        (*details, *_within(step.within), *_optional(step.is_optional)),
        _names(step),
        _window(step.within),
    )


def _count(step: CountStep, titled: Titled) -> Told:
    events = _titled(step.members[0].type, titled)
    details = [
        f"within any {step.in_any}",
        *_name(step.name),
        *_conditions(step.members, titled),
        *_condition(step.where),
    ]
    if step.distinct:
        details.append(f"each with another {step.distinct}")
    return Told(
        Kind.EVENT,
        step.position,
        f"At least {step.count} times: {events}",
        (*details, *_within(step.within), *_optional(step.is_optional)),
        _names(step),
        _window(step.within),
    )


def _absence(step: AbsenceStep, titled: Titled) -> Told:
    joint, word = (" and ", "Not all of") if step.is_all else (" or ", "No")
    events = joint.join(_titled(member.type, titled) for member in step.members)
    details = [*_conditions(step.members, titled), *_condition(step.where)]
    span = None
    if step.duration is not None and step.anchor is not None:
        side = "before" if step.is_looking_back else "after"
        span = Span(str(step.duration), step.anchor)
        details.append(f"for {step.duration} {side} {_anchor(step.anchor)}")
    if step.until is not None:
        details.append("as the very next event" if step.until == NEXT_EVENT else f"until {step.until}")
    if step.is_again:
        details.append(f"and a match anew after each further {step.duration}")
    return Told(Kind.ABSENCE, step.position, f"{word}: {events}", tuple(details), (), span)


def _group(step: GroupStep, titled: Titled) -> Told:
    details = (*_times(step.repetition, titled), *_within(step.within), *_optional(step.is_optional))
    steps = tuple(tell(each, titled) for each in step.steps)
    return Told(Kind.GROUP, step.position, "Together", details, (), _window(step.within), steps)


def _titled(name: str, titled: Titled) -> str:
    return "any event" if name == ANY_TYPE else titled(name)


def _called(member: Member, titled: Titled) -> str:
    return _titled(member.type, titled) + (f" ({member.name})" if member.name else "")


def _name(name: str | None) -> Iterator[str]:
    if name is not None:
        yield f"called {name}"


def _names(step: EventStep | CountStep) -> tuple[str, ...]:
    return tuple(name for name in (step.name, *(member.name for member in step.members)) if name)


def _condition(where: Where | None) -> Iterator[str]:
    if where is not None:
        yield f"where {' '.join(where.source.split())}"


def _conditions(members: tuple[Member, ...], titled: Titled) -> Iterator[str]:
    for member in members:
        for condition in _condition(member.where):
            yield f"{_titled(member.type, titled)} {condition}"


def _times(times: Repetition, titled: Titled) -> Iterator[str]:
    if times == ONCE:
        return
    if times.most is None:
        yield f"at least {times.least} times"
    elif times.most != 1 or times.least != 1:
        yield f"{times.least} times" if times.least == times.most else f"{times.least} to {times.most} times"
    if times.how is How.SHORTEST:
        yield "as few as will do"
    elif times.how is How.EACH:
        yield "a match for each number of times"
    if times.max_gap is not None:
        yield f"at most {times.max_gap} apart"
    if times.is_unbroken:
        yield "with nothing in between"
    if times.stop_at is not None:
        stop = "".join(f" {condition}" for condition in _condition(times.stop_at.where))
        yield f"ends with {_titled(times.stop_at.type, titled)}{stop}"


def _within(window: Window | None) -> Iterator[str]:
    if window is not None:
        yield f"within {window.duration} of {_anchor(window.anchor)}"


def _anchor(name: str) -> str:
    return {FIRST: "the first event", PREVIOUS: "the event before"}.get(name, name)


def _window(window: Window | None) -> Span | None:
    return None if window is None else Span(str(window.duration), window.anchor)


def _optional(is_optional: bool) -> Iterator[str]:
    if is_optional:
        yield "may be missing"
