"""The form of what a step names: a type, `{type, as, where}`, `{any_of: [..]}` or `{all_of: [..]}`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ruamel.yaml.comments import CommentedMap

from processors.rules.model import Member, Silence, Where
from processors.rules.reading.reader import Reader, line_of
from processors.rules.reading.span_text import read_for

MEMBER_KEYS = ("type", "as", "where")
"""Keywords of a member."""
SILENCE_KEYS = ("absent", "where", "for")
"""Keywords of a member of `any_of` that is an absence."""
COMBINATIONS = ("any_of", "all_of")
"""Ways to combine members."""

_UNKNOWN = Member("unknown")


@dataclass(frozen=True, slots=True)
class Target:
    """What a step names: its members, and how they are combined."""

    members: tuple[Member, ...]
    silences: tuple[Silence, ...] = ()
    is_all: bool = False


def read_where(node: Mapping[str, object], reader: Reader) -> Where | None:
    """The condition of a step or member."""
    if "where" not in node:
        return None
    line = line_of(node, "where")
    return Where(reader.text(node["where"], line, "where"), line)


def read_target(node: CommentedMap, key: str, line: int, reader: Reader) -> Target:
    """What stands behind `when`, `then`, `right_after` or `absent`."""
    target, line = node[key], line_of(node, key, line)
    combination = next((each for each in COMBINATIONS if isinstance(target, CommentedMap) and each in target), None)
    if combination is None:
        return Target((read_member(target, line, reader, key=key, is_named=key != "absent"),))
    listed = target[combination]
    if len(target) != 1 or not isinstance(listed, list) or not listed:
        reader.refuse(line, f"`{key}` needs a type or a list", f"write `{key}: {{{combination}: [one, other]}}`")
        return Target((_UNKNOWN,))
    members: list[Member] = []
    silences: list[Silence] = []
    for place, item in enumerate(listed):
        own = line_of(listed, place, line)
        if isinstance(item, CommentedMap) and "absent" in item:
            silences += _silence(item, f"{key}: {combination}", own, reader)
        else:
            members.append(read_member(item, own, reader, key=combination, is_named=key != "absent"))
    if silences and not members:
        reader.refuse(line, "an absence alone is no choice", "write it as a step of its own: `- absent: some_event`")
    if combination == "any_of" and key != "absent":
        _check_differ(members, line, reader)
    return Target(tuple(members), tuple(silences), combination == "all_of")


def _check_differ(members: list[Member], line: int, reader: Reader) -> None:
    """In a choice a member that says the same as an earlier one can never be taken."""
    seen: set[tuple[str, str | None]] = set()
    for member in members:
        said = (member.type, member.where.source if member.where else None)
        if said in seen and member != _UNKNOWN:
            problem = f"`any_of` names `{member.type}` twice under the same condition"
            reader.refuse(member.where.line if member.where else line, problem, "take one of them out")
        seen.add(said)


def read_member(item: object, line: int, reader: Reader, *, key: str, is_named: bool) -> Member:
    """One member: a type, or `{type: T, as: name, where: condition}`.

    Args:
        item: what is written.
        line: where.
        reader: takes the problems.
        key: keyword it stands behind.
        is_named: whether it may have a name.
    """
    if isinstance(item, str) and item.strip():
        return Member(item.strip())
    if not isinstance(item, CommentedMap) or not isinstance(item.get("type"), str):
        remedy = f"write `{key}: some_event`, or `{{type: some_event, where: condition}}`"
        reader.refuse(line, f"`{key}` names no event type", remedy)
        return _UNKNOWN
    reader.keys(item, MEMBER_KEYS if is_named else ("type", "where"), line)
    name = reader.text(item["as"], line_of(item, "as"), "as") if "as" in item and is_named else None
    return Member(item["type"], name, read_where(item, reader))


def _silence(item: CommentedMap, key: str, line: int, reader: Reader) -> list[Silence]:
    """`{absent: T, where: condition, for: D after NAME}`, allowed in `then: {any_of: ..}` only."""
    if key != "then: any_of":
        remedy = "use it in `then: {any_of: [..]}`, or write a step `- absent: some_event`"
        reader.refuse(line, f"`absent` is no member of `{key}`", remedy)
        return []
    reader.keys(item, SILENCE_KEYS, line)
    member = read_member(item["absent"], line, reader, key="absent", is_named=False)
    span = read_for(item, line, reader)
    if span is None or span.is_looking_back:
        reader.refuse(line_of(item, "for", line), "an `absent` member needs a time", "add `for: 28 days after NAME`")
        return []
    if member.where is not None:
        reader.refuse(
            line, "the condition of an `absent` member stands beside it", "write `{absent: T, where: .., for: ..}`"
        )
    return [Silence(member.type, read_where(item, reader), span.duration, span.name)]
