"""The steps of a rule document (plain dicts) as parts with a place, a kind and their members."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

KINDS = ("when", "then", "right_after")


@dataclass(frozen=True)
class Member:
    """One type that may take an event, the conditions on it, and the name it is bound under."""

    type: str
    wheres: tuple[str, ...]
    name: str


@dataclass(frozen=True, eq=False)
class Part:
    """One step. `low` and `high` say how often it stands; `high` None is no limit."""

    path: tuple[int, ...]
    kind: str
    raw: dict[str, Any]
    members: tuple[Member, ...] = ()
    silences: tuple[dict[str, Any], ...] = ()
    steps: tuple[Part, ...] = ()
    low: int = 1
    high: int | None = 1
    is_repetition: bool = False
    is_optional: bool = False

    def names(self) -> set[str]:
        """Every name bound in here."""
        return {member.name for member in self.members}.union(*(step.names() for step in self.steps))

    def once(self) -> Part:
        """One round of it by itself; its window and its repetition are the repetition's affair."""
        kept = {key: value for key, value in self.raw.items() if key != "within"}
        return replace(self, raw=kept, low=1, high=1, is_repetition=False, is_optional=False)


def parts(steps: list[dict[str, Any]], above: tuple[int, ...] = ()) -> tuple[Part, ...]:
    """The steps of a rule or group, in their order."""
    return tuple(_part(raw, (*above, number)) for number, raw in enumerate(steps, 1))


def _part(raw: dict[str, Any], path: tuple[int, ...]) -> Part:
    if "absent" in raw:
        return Part(path, "absent", raw)
    if "group" in raw:
        return _repeated(Part(path, "group", raw, steps=parts(raw["group"], path)))
    if "at_least" in raw:
        return _repeated(Part(path, "at_least", raw, members=(_member(raw["at_least"].split(" ")[1], raw, path),)))
    what = next(raw[key] for key in KINDS if key in raw)
    if isinstance(what, str):
        return _repeated(Part(path, "event", raw, members=(_member(what, raw, path),)))
    word = next(iter(what))
    found = [one for one in what[word] if isinstance(one, str) or "absent" not in one]
    members = tuple(_member(one, raw, path) for one in found)
    silences = tuple(one for one in what[word] if not isinstance(one, str) and "absent" in one)
    return _repeated(Part(path, "all_of" if word == "all_of" else "event", raw, members, silences))


def _member(one: str | dict[str, Any], raw: dict[str, Any], path: tuple[int, ...]) -> Member:
    own: dict[str, Any] = {"type": one} if isinstance(one, str) else one
    name = own.get("as") or raw.get("as") or "step" + ".".join(map(str, path))
    return Member(own["type"], tuple(where for where in (own.get("where"), raw.get("where")) if where), name)


def _repeated(part: Part) -> Part:
    """With how often it stands: `optional` is a repetition with none, a group one of a single round."""
    low, high = counts(part.raw["times"]) if "times" in part.raw else (1, 1)
    if part.raw.get("how") == "shortest":
        high = low
    is_optional = part.raw.get("optional", False)
    is_repetition = "times" in part.raw or is_optional or part.kind == "group"
    return replace(part, low=low, high=high, is_repetition=is_repetition, is_optional=is_optional)


def counts(times: int | str) -> tuple[int, int | None]:
    """`3`, `2..5`, `at least 2` as least and most.

    Raises:
        ValueError: The text is none of them.
    """
    found = re.fullmatch(r"(?:(\d+)|(\d+)\.\.(\d+)|at least (\d+))", str(times))
    if not found:
        raise ValueError(times)
    exact, low, high, least = found.groups()
    if exact:
        return int(exact), int(exact)
    return (int(low), int(high)) if low else (int(least), None)


def lists(some: tuple[Part, ...], is_repeated: bool = False) -> set[str]:
    """The names that are lists in conditions, whatever they bind."""
    found: set[str] = set()
    for part in some:
        again = is_repeated or "times" in part.raw
        own = {member.name for member in part.members}
        is_shared = part.kind == "all_of" and len(own) < len(part.members)
        if again or is_shared or part.kind == "at_least":
            found |= own
        found |= lists(part.steps, again)
    return found


def paths(some: tuple[Part, ...]) -> dict[str, tuple[int, ...]]:
    """Where each name is bound."""
    found: dict[str, tuple[int, ...]] = {}
    for part in some:
        found |= {member.name: part.path for member in part.members} | paths(part.steps)
    return found
