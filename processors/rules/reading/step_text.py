"""The form of steps: which keywords go together, and what stands where.

Names and types a step refers to are looked at in `scope` and `check`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from ruamel.yaml.comments import CommentedMap, CommentedSeq

from processors.rules.model import (
    NEXT_EVENT,
    ONCE,
    AbsenceStep,
    CountStep,
    EventStep,
    GroupStep,
    How,
    Member,
    Step,
    walk,
)
from processors.rules.reading.member_text import COMBINATIONS, Target, read_member, read_target, read_where
from processors.rules.reading.reader import Reader, line_of
from processors.rules.reading.repetition_text import MOST_TIMES, REPETITION_KEYS, read_repetition
from processors.rules.reading.span_text import read_for, read_window

KINDS: Mapping[str, tuple[str, ...]] = {
    "when": ("as", "where", "within", *REPETITION_KEYS),
    "then": ("as", "where", "within", "optional", "each", *REPETITION_KEYS),
    "right_after": ("as", "where", "within", "optional", *REPETITION_KEYS),
    "at_least": ("in_any", "distinct", "as", "where", "within", "optional"),
    "absent": ("where", "for", "until", "again"),
    "group": ("within", "optional", *REPETITION_KEYS),
}
"""What a step can be -> the keywords that go with it."""
STEP_KEYS = (*KINDS, *dict.fromkeys(key for keys in KINDS.values() for key in keys))
"""Keywords of a step."""
DISTINCT = ("agency", "area", "household", "feed")
"""What `distinct` can count."""
DEEPEST = 5
"""How deep groups may stand in groups."""

MOST_GROUP_STEPS = 150
"""Most steps of all rounds of a group together; one without end stops there."""

_UNKNOWN = Member("unknown")


def read_steps(node: CommentedMap, key: str, reader: Reader, within: str = "") -> tuple[Step, ...]:
    """The steps below `key`: those of the document, or of a group.

    Args:
        node: what holds the list.
        key: `steps` or `group`.
        reader: takes the problems.
        within: position of the group, with a dot behind it.
    """
    listed = node[key]
    if not isinstance(listed, CommentedSeq) or not listed:
        reader.refuse(line_of(node, key), f"`{key}` is no list of steps", "begin with `- when: some_event`")
        return ()
    if within.count(".") > DEEPEST:
        reader.refuse(line_of(node, key), "groups stand too deep in groups", f"use no more than {DEEPEST}")
        return ()
    steps: list[Step] = []
    for place, item in enumerate(listed):
        line = line_of(listed, place, line_of(node, key))
        if isinstance(item, CommentedMap):
            steps += _step(item, f"{within}{place + 1}", line, reader)
        else:
            reader.refuse(line, "a step is no block of keywords", "write it as `- then: some_event`")
    return tuple(steps)


def check_order(steps: tuple[Step, ...], reader: Reader) -> None:
    """What may begin a rule or a group, and what may end it."""
    beginnings = list(_beginnings(steps))
    opening = beginnings[-1] if beginnings else None
    if opening is not None and not (isinstance(opening, CountStep) or _is_opening(opening)):
        problem = f"`{_kind(opening)}` cannot be step {opening.position}"
        reader.refuse(opening.line, problem, "begin with `when` or `at_least`")
    for first in beginnings:
        if not isinstance(first, AbsenceStep) and first.is_optional:
            remedy = "begin with a step that is always there, or leave out `optional`"
            reader.refuse(first.line, "the first step of a rule cannot be optional", remedy)
    for step in walk(steps):
        if _is_opening(step) and step is not opening:
            reader.refuse(step.line, f"`when` cannot be step {step.position}", "use `then` here")
        if isinstance(step, AbsenceStep) and step.is_again and step is not steps[-1]:
            remedy = "put the step last, outside any group, or leave out `again`"
            reader.refuse(step.line, "`again` stands in the last step only", remedy)
        if isinstance(step, GroupStep) and step.steps:
            _check_group(step, reader)
    if opening is not None:
        _check_first_window(opening, reader)


def _beginnings(steps: tuple[Step, ...]) -> Iterator[Step]:
    """The first step; if that is a group its first step too, and so on."""
    if steps:
        yield steps[0]
        if isinstance(steps[0], GroupStep):
            yield from _beginnings(steps[0].steps)


def _is_opening(step: Step) -> bool:
    return isinstance(step, EventStep) and step.is_opening


def _kind(step: Step) -> str:
    if isinstance(step, AbsenceStep):
        return "absent"
    return "right_after" if isinstance(step, EventStep) and step.is_right_after else "then"


def _check_group(group: GroupStep, reader: Reader) -> None:
    """A round of a group begins with an event, and cannot be empty."""
    first = group.steps[0]
    if isinstance(first, AbsenceStep) or (isinstance(first, EventStep) and first.silences):
        reader.refuse(first.line, "a group cannot begin with an absence", "begin with a step that binds an event")
    if all(isinstance(step, AbsenceStep) or step.is_optional for step in group.steps):
        remedy = "leave out `optional` in one of them; the group itself may be optional"
        reader.refuse(group.line, "a group cannot consist of optional steps alone", remedy)
    if group.repetition.most != 1:
        _check_rounds(group, reader)


def _check_rounds(group: GroupStep, reader: Reader) -> None:
    """All combinations inside a repetition are not in the language: their number grows without measure."""
    rounds = group.repetition.most or group.repetition.least
    if rounds * len(list(walk(group.steps))) > MOST_GROUP_STEPS:
        remedy = f"keep times and steps together at {MOST_GROUP_STEPS} or below"
        reader.refuse(group.line, "the group repeats too many steps", remedy)
    for step in walk(group.steps):
        if isinstance(step, GroupStep) and step.repetition.most != 1:
            problem = "a group that repeats cannot stand in a group that repeats"
            reader.refuse(step.line, problem, "repeat one of them, or write two rules")
        forks = isinstance(step, EventStep) and (step.is_each or step.repetition.how is How.EACH)
        if forks or (isinstance(step, GroupStep) and step.repetition.how is How.EACH):
            problem = "`each` cannot stand in a group that repeats"
            reader.refuse(step.line, problem, "put it behind the group, or let the group not repeat")


def _check_first_window(step: Step, reader: Reader) -> None:
    """A window of the opening step has a meaning only where it holds several events."""
    if isinstance(step, AbsenceStep | GroupStep) or step.within is None:
        return
    if isinstance(step, CountStep):
        reader.refuse(step.line, "the first step has no `within`", "its window is `in_any`; leave `within` out")
    elif step.repetition == ONCE and not step.is_all:
        remedy = "leave it out; the steps after it have windows"
        reader.refuse(step.line, "`within` stands in the first step only if that binds several events", remedy)


def _step(node: CommentedMap, position: str, line: int, reader: Reader) -> list[Step]:
    reader.keys(node, (*STEP_KEYS, *COMBINATIONS), line)
    for key in COMBINATIONS:
        if key in node:
            remedy = f"write `then: {{{key}: [one, other]}}`"
            reader.refuse(line_of(node, key, line), f"`{key}` stands behind another keyword", remedy)
    kinds = [key for key in KINDS if key in node]
    if len(kinds) != 1:
        reader.refuse(line, f"a step needs exactly one of {', '.join(KINDS)}", "split or complete the step")
        return []
    kind = kinds[0]
    for key in node:
        if key in STEP_KEYS and key != kind and key not in KINDS[kind]:
            remedy = _REMEDIES.get((kind, key), "move it to the step it belongs to, or leave it out")
            reader.refuse(line_of(node, key, line), f"`{key}` does not go with `{kind}`", remedy)
    return [_READERS.get(kind, _event)(node, position, line, reader)]


_REMEDIES: Mapping[tuple[str, str], str] = {
    ("group", "as"): "name the steps in the group",
    ("group", "where"): "put the condition in the steps of the group",
    ("group", "each"): "repeat the group with `times: at least 1` and `how: each`",
    ("when", "each"): "leave it out: every fitting event opens a run already",
    ("when", "optional"): "leave it out: a run opens with an event",
    ("right_after", "each"): "use `then`: only one event can be the very next",
    **{("at_least", key): "put the step in a group and repeat the group" for key in REPETITION_KEYS},
    ("at_least", "each"): "leave it out, and write `overlap: keep`",
}


def _event(node: CommentedMap, position: str, line: int, reader: Reader) -> EventStep:
    kind = next(key for key in ("when", "then", "right_after") if key in node)
    target = read_target(node, kind, line, reader)
    step = EventStep(
        position=position,
        line=line,
        members=target.members,
        name=_name(node, target, line, reader),
        where=read_where(node, reader),
        within=read_window(node, reader),
        is_opening=kind == "when",
        is_right_after=kind == "right_after",
        is_all=target.is_all,
        silences=target.silences,
        is_each=reader.flag(node, "each"),
        is_optional=reader.flag(node, "optional"),
        repetition=read_repetition(node, reader),
    )
    for key, problem, remedy in _clashes(step, node):
        reader.refuse(line_of(node, key, line), problem, remedy)
    return step


def _clashes(step: EventStep, node: CommentedMap) -> list[tuple[str, str, str]]:
    """Keywords of one step that contradict each other: keyword, problem, remedy."""
    found: list[tuple[str, str, str]] = []
    if step.is_each and "times" in node:
        found.append(("each", "`each: true` does not go with `times`", "use `how: each` with `times`"))
    if step.is_each and step.is_optional:
        problem = "`each: true` does not go with `optional`: a match is not told both with and without a step"
        found.append(("each", problem, "leave one of them out"))
    if step.is_each and step.is_all:
        found.append(("each", "`each: true` does not go with `all_of`", "leave it out, and write `overlap: keep`"))
    if step.silences and step.is_each:
        found.append(("each", "`each: true` does not go with an `absent` member", "give the absence a step of its own"))
    if step.silences and step.is_optional:
        problem = "`optional` does not go with an `absent` member: the absence takes the step already"
        found.append(("optional", problem, "leave out `optional`"))
    if step.silences and "times" in node:
        found.append(("times", "an `absent` member cannot be repeated", "leave out `times`"))
    return found


def _name(node: CommentedMap, target: Target, line: int, reader: Reader) -> str | None:
    if "as" not in node:
        return None
    if any(member.name for member in target.members):
        reader.refuse(line, "a step whose members are named has no name of its own", "keep either kind of names")
    return reader.text(node["as"], line_of(node, "as"), "as")


_COUNT = re.compile(r"\s*(\d{1,6})\s+(\S+)\s*")


def _count(node: CommentedMap, position: str, line: int, reader: Reader) -> CountStep:
    count, member = _counted(node, line, reader)
    if "in_any" not in node:
        reader.refuse(line, "`at_least` has no time limit", "add `in_any: 6 months`")
    distinct = None
    if "distinct" in node:
        distinct = reader.one_of(node["distinct"], DISTINCT, line_of(node, "distinct"), "distinct")
    return CountStep(
        position=position,
        line=line,
        members=(member,),
        count=count,
        in_any=reader.duration(node.get("in_any", "1 day"), line_of(node, "in_any", line), "in_any"),
        name=reader.text(node["as"], line_of(node, "as"), "as") if "as" in node else None,
        where=read_where(node, reader),
        within=read_window(node, reader),
        distinct=distinct,
        is_optional=reader.flag(node, "optional"),
    )


def _counted(node: CommentedMap, line: int, reader: Reader) -> tuple[int, Member]:
    found = _COUNT.fullmatch(str(node["at_least"]))
    if found is None or not 1 <= int(found[1]) <= MOST_TIMES:
        remedy = f"write `at_least: 2 some_event`, from 1 to {MOST_TIMES:,}"
        reader.refuse(line_of(node, "at_least", line), f"`at_least: {node['at_least']}` is no count of a type", remedy)
        return 1, _UNKNOWN
    return int(found[1]), read_member(found[2], line, reader, key="at_least", is_named=False)


def _absence(node: CommentedMap, position: str, line: int, reader: Reader) -> AbsenceStep:
    target = read_target(node, "absent", line, reader)
    span = read_for(node, line, reader)
    until = reader.text(node["until"], line_of(node, "until"), "until") if "until" in node else None
    if "for" not in node and until is None:
        reader.refuse(line, "`absent` has no time limit", "add `for: 28 days after NAME` or `until: NAME`")
    step = AbsenceStep(
        position=position,
        line=line,
        members=target.members,
        where=read_where(node, reader),
        duration=span.duration if span else None,
        anchor=span.name if span else None,
        is_looking_back=span is not None and span.is_looking_back,
        until=NEXT_EVENT if until is not None and until.split() == NEXT_EVENT.split() else until,
        is_all=target.is_all,
        is_again=reader.flag(node, "again"),
    )
    if step.is_looking_back and until is not None:
        remedy = "write two steps, one with `for: D before NAME`, one with `until`"
        reader.refuse(line_of(node, "until"), "`until` does not go with `for: D before NAME`", remedy)
    if step.is_again:
        _check_again(step, line_of(node, "again"), reader)
    return step


def _check_again(step: AbsenceStep, line: int, reader: Reader) -> None:
    if step.is_looking_back or step.until is not None or step.duration is None:
        reader.refuse(line, "`again` goes with `for: D after NAME` only", "add it, and leave out `until`")
    elif step.duration.amount == 0:
        reader.refuse(line, "`again` would never end: its time is nothing", "write a longer time")


def _group(node: CommentedMap, position: str, line: int, reader: Reader) -> GroupStep:
    return GroupStep(
        position=position,
        line=line,
        steps=read_steps(node, "group", reader, f"{position}."),
        within=read_window(node, reader),
        is_optional=reader.flag(node, "optional"),
        repetition=read_repetition(node, reader),
    )


_READERS: Mapping[str, Callable[[CommentedMap, str, int, Reader], Step]] = {
    "at_least": _count,
    "absent": _absence,
    "group": _group,
}
