"""Conditions: CEL compiled once, evaluated over the fields of events.

Numbers are doubles, so whole numbers in a condition are read as doubles too. A missing field makes
the whole condition false unless `has()` guards it; any other error is no match and is reported.
Does not decide what a false condition means for a rule.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean
from typing import Any

import cel

from processors.civil_time import Calendar, format_instant
from processors.events import Attribute
from processors.timeline import LiveEvent

AttributeDecoder = Callable[[bytes], Mapping[str, Attribute]]
"""Turns the encoded attributes of an event into a mapping; called only when a condition needs them."""

ENVELOPE = frozenset({"id", "type", "agency", "area", "household", "person", "occurred_at", "recorded_at", "ended_at"})
"""Fields every event has; an attribute of the same name is reached as `attributes.name`."""

FUNCTIONS: Mapping[str, Callable[[list[Any]], Any]] = {
    "sum": lambda values: float(sum(values)),
    "count": lambda values: float(len(values)),
    "min": min,
    "max": max,
    "avg": fmean,
    "first": lambda values: values[0],
    "last": lambda values: values[-1],
}
_CORE_FUNCTIONS = frozenset(
    {"has", "size", "startsWith", "endsWith", "contains", "matches", "double", "string", "int", "map", "filter"}
    | {"all", "exists", "exists_one"}
)
_TOKEN = re.compile(
    r"""(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?u?)"""
    r"""|(?P<word>[A-Za-z_]\w*)|(?P<space>\s+)|(?P<sign>.)""",
    re.DOTALL,
)
_LITERALS = frozenset({"true", "false", "null", "in"})
_MACROS = frozenset({"map", "filter", "all", "exists", "exists_one"})

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a condition.

    Attributes:
        holds: whether it is true.
        missing: fields that were not there.
        error: any other error, in the library's words.
    """

    holds: bool
    missing: tuple[str, ...] = ()
    error: str | None = None


TRUE, FALSE = Verdict(True), Verdict(False)


@dataclass(frozen=True, slots=True, eq=False)
class Condition:
    """A compiled condition.

    Attributes:
        source: as written.
        paths: every field it reads, dotted, as tuples.
        guarded: those of them that `has()` protects.
        functions: list functions it calls.
    """

    source: str
    program: cel.Program
    paths: frozenset[Path]
    guarded: frozenset[Path]
    functions: tuple[str, ...]

    @property
    def roots(self) -> frozenset[str]:
        """First names of the paths: fields of the event, or names of earlier steps."""
        return frozenset(path[0] for path in self.paths)


class Fields:
    """Fields of events, decoded at most once each; lives as long as one decision takes."""

    def __init__(self, decode: AttributeDecoder, calendar: Calendar) -> None:
        self._decode = decode
        self._calendar = calendar
        self._attributes: dict[str, dict[str, Any]] = {}
        self.errors = 0

    def attributes(self, event: LiveEvent) -> dict[str, Any]:
        """Attributes that have a value."""
        found = self._attributes.get(event.line.id)
        if found is None:
            decoded = self._decode(event.line.attributes) if event.line.attributes else {}
            found = {name: _number(value) for name, value in decoded.items() if value is not None}
            self._attributes[event.line.id] = found
        return found

    def envelope(self, event: LiveEvent, name: str) -> str | None:
        """An envelope field; times as RFC 3339 in the calendar's zone."""
        if not name.endswith("_at"):
            return str(getattr(event.line, name))
        moment: int | None = event.ended_at if name == "ended_at" else getattr(event.line, name)
        return None if moment is None else format_instant(moment, self._calendar)

    def whole(self, event: LiveEvent) -> dict[str, Any]:
        """An event as a condition sees it under a name: attributes and envelope in one map."""
        fields = dict(self.attributes(event))
        fields["attributes"] = self.attributes(event)
        fields |= {name: value for name in ENVELOPE if (value := self.envelope(event, name)) is not None}
        return fields


def _number(value: Attribute) -> Attribute:
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def compile_condition(source: str) -> Condition | str:
    """Compiles a condition; a text says why it cannot be.

    >>> compile_condition("amount >")
    'not a condition: it ends too early or has a stray sign'
    """
    tokens = [found for found in _TOKEN.finditer(source) if found.lastgroup != "space"]
    paths, guarded = _paths(tokens)
    try:
        program = cel.compile(_in_doubles(source))
    except ValueError:
        return "not a condition: it ends too early or has a stray sign"
    called = _called(tokens)
    unknown = sorted(called - FUNCTIONS.keys() - _CORE_FUNCTIONS)
    if unknown:
        return f"`{unknown[0]}` is no function of conditions"
    return Condition(source, program, paths, guarded, tuple(sorted(called & FUNCTIONS.keys())))


def _called(tokens: Sequence[re.Match[str]]) -> set[str]:
    return {
        one.group() for one, after in pairwise(tokens) if one["word"] and after.group() == "(" and one.group() != "in"
    }


def _in_doubles(source: str) -> str:
    """Whole numbers become doubles (except an index), `has(x)` becomes `has(attributes.x)`."""
    out: list[str] = []
    before = ""
    for found in _TOKEN.finditer(source):
        token = found.group()
        if found["number"] and token.isdigit() and not (before == "[" and _is_index(out)):
            token += ".0"
        if found["space"] is None:
            before = token
        out.append(token)
    return re.sub(r"\bhas\s*\(\s*([A-Za-z_]\w*)\s*\)", r"has(attributes.\1)", "".join(out))


def _is_index(written: list[str]) -> bool:
    """Whether the bracket just written follows a value, so that it indexes."""
    solid = [token for token in written if not token.isspace()]
    return len(solid) > 1 and (solid[-2][-1].isalnum() or solid[-2][-1] in "_)]")


def _paths(tokens: Sequence[re.Match[str]]) -> tuple[frozenset[Path], frozenset[Path]]:
    paths: set[Path] = set()
    guarded: set[Path] = set()
    local = _macro_variables(tokens)
    place = 0
    while place < len(tokens):
        after = place + 1
        if tokens[place]["word"] and (place == 0 or tokens[place - 1].group() != "."):
            path, after = _path_from(tokens, place)
            if path and path[0] not in local | _LITERALS:
                paths.add(path)
                if place >= 2 and tokens[place - 2].group() == "has":
                    guarded.add(path)
        place = after
    return frozenset(paths), frozenset(guarded)


def _path_from(tokens: Sequence[re.Match[str]], place: int) -> tuple[Path, int]:
    words = [tokens[place].group()]
    place += 1
    while place + 1 < len(tokens) and tokens[place].group() == "." and tokens[place + 1]["word"]:
        words.append(tokens[place + 1].group())
        place += 2
    if place < len(tokens) and tokens[place].group() == "(":
        words.pop()
    return tuple(words), place


def _macro_variables(tokens: Sequence[re.Match[str]]) -> set[str]:
    return {
        tokens[place + 2].group()
        for place in range(len(tokens) - 3)
        if tokens[place].group() in _MACROS and tokens[place + 1].group() == "(" and tokens[place + 3].group() == ","
    }


def evaluate(
    condition: Condition, event: LiveEvent, names: Mapping[str, Sequence[LiveEvent]], fields: Fields
) -> Verdict:
    """Evaluates a condition on an event.

    Args:
        condition: compiled.
        event: the event the step would bind; its fields are read by their bare names.
        names: events bound so far; one event is read as a map, several as a list of maps.
        fields: decodes attributes on demand and counts errors.
    """
    context = _context(condition, event, names, fields)
    missing = tuple(sorted(".".join(path) for path in condition.paths if _is_missing(path, condition, context)))
    if missing:
        return Verdict(False, missing)
    for name in condition.functions:
        context[name] = FUNCTIONS[name]
    return _execute(condition, context, fields)


def _execute(condition: Condition, context: dict[str, Any], fields: Fields) -> Verdict:
    try:
        result = condition.program.execute(context)
    except KeyError as error:
        return Verdict(False, (str(error.args[0]),))
    except (RuntimeError, TypeError, ValueError, ArithmeticError, IndexError) as error:
        fields.errors += 1
        return Verdict(False, (), str(error).split(".")[0])
    if isinstance(result, bool):
        return TRUE if result else FALSE
    fields.errors += 1
    return Verdict(False, (), f"gives {result!r}, not true or false")


def _context(
    condition: Condition, event: LiveEvent, names: Mapping[str, Sequence[LiveEvent]], fields: Fields
) -> dict[str, Any]:
    own = fields.attributes(event)
    context: dict[str, Any] = {}
    if condition.guarded:
        context["attributes"] = own
    for root in condition.roots:
        if root in names:
            bound = names[root]
            context[root] = fields.whole(bound[0]) if len(bound) == 1 else [fields.whole(each) for each in bound]
        elif root == "attributes":
            context[root] = own
        elif root in ENVELOPE:
            if (value := fields.envelope(event, root)) is not None:
                context[root] = value
        elif root in own:
            context[root] = own[root]
    return context


def _is_missing(path: Path, condition: Condition, context: Mapping[str, Any]) -> bool:
    if path in condition.guarded:
        return False
    value: Any = context
    for word in path:
        if not isinstance(value, Mapping):
            return False
        if word not in value:
            return True
        value = value[word]
    return False
