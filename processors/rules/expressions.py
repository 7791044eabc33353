"""What a condition in CEL reads and calls, found by reading its text once.

Follows the grammar of CEL as far as conditions use it. Values are not computed here: `conditions`
runs the expression, `condition_types` tries it on generated values.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

Path = tuple[str, ...]
"""A field that is read: `("amount",)` of the event itself, `("x", "amount")` of the event named `x`,
`("n", ALL, "amount")` of the events of a list."""

ALL, FIRST_OF, LAST_OF, SOME = "[all]", "[first]", "[last]", "[some]"
"""Which events of a list a path means; `SOME` where only the run can tell."""
PLACES = frozenset({ALL, FIRST_OF, LAST_OF, SOME})
MACROS = frozenset({"map", "filter", "all", "exists", "exists_one"})
"""Calls on a list that name an element: `n.map(x, x.amount)`."""
SIZES = frozenset({"count", "size"})
"""Calls that need no more of a list than its length."""

_TOKEN = re.compile(
    r"""(?P<text>[rRbB]{0,2}(?:\"{3}.*?\"{3}|'{3}.*?'{3}|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'))"""
    r"""|(?P<number>0x[0-9a-fA-F]+u?|(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?u?)"""
    r"""|(?P<word>[A-Za-z_]\w*)|(?P<space>\s+|//[^\n]*)|(?P<sign>&&|\|\||[=!<>]=|.)""",
    re.DOTALL,
)
_ENDS = {"first": FIRST_OF, "last": LAST_OF}
_OPERATORS = frozenset({"||", "&&", "==", "!=", "<", "<=", ">", ">=", "in", "+", "-", "*", "/", "%", "?", ":"})
_DEEPEST = 60
_MOST_LISTS = 2
_MOST_VALUES = 100
_STRAY = "it ends too early or has a stray sign"


class NotRead(ValueError):
    """The text is no expression; says why."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What an expression reads.

    Attributes:
        paths: every field it reads.
        guarded: those that `has()` protects.
        needs: first words of what it reads: names of events, or fields of the event itself; with each the fields
            of the named event, or of the events of a list, that are read. None: all of them.
        calls: functions it calls, macros left out.
        patterns: constant texts given to `matches`, as written, quotes included.
        with_doubles: the text with whole numbers written as doubles (but for an index) and `has(x)`
            written as `has(PRESENT.x)`.
    """

    paths: frozenset[Path]
    guarded: frozenset[Path]
    needs: Mapping[str, frozenset[str] | None]
    calls: frozenset[str]
    patterns: frozenset[str]
    with_doubles: str


PRESENT = "_present"
"""Map in which `has(x)` looks for a bare `x`."""


def read(source: str) -> Reading:
    """Reads an expression.

    Raises:
        NotRead: it is none.

    >>> sorted(read("sum(n.map(x, x.amount)) < limit").paths)
    [('limit',), ('n', '[all]', 'amount')]
    """
    reader = _Reader([found for found in _TOKEN.finditer(source) if found.lastgroup != "space"])
    reader.record(reader.expression())
    if reader.place != len(reader.tokens):
        raise NotRead(_STRAY)
    found = reader.found
    return Reading(
        frozenset(found.paths),
        frozenset(found.guarded),
        found.needs(),
        frozenset(found.calls),
        frozenset(found.patterns),
        _rewritten(source, reader.indices, reader.bare_has),
    )


def _rewritten(source: str, indices: set[int], bare_has: set[int]) -> str:
    return "".join(_token(found, indices, bare_has) for found in _TOKEN.finditer(source))


def _token(found: re.Match[str], indices: set[int], bare_has: set[int]) -> str:
    text = found.group()
    if found["number"] and text.isdigit() and found.start() not in indices:
        return f"{text}.0"
    return f"{PRESENT}.{text}" if found.start() in bare_has else text


@dataclass(slots=True)
class _Found:
    paths: set[Path] = field(default_factory=set)
    guarded: set[Path] = field(default_factory=set)
    containers: set[str] = field(default_factory=set)
    calls: set[str] = field(default_factory=set)
    patterns: set[str] = field(default_factory=set)

    def needs(self) -> dict[str, frozenset[str] | None]:
        found: dict[str, frozenset[str] | None] = dict.fromkeys(self.containers, frozenset())
        for path in self.paths:
            fields = [word for word in path[1:] if word not in PLACES]
            before = found.get(path[0], frozenset())
            found[path[0]] = None if before is None or not fields else before | {fields[0]}
        return found


@dataclass(slots=True)
class _Reader:
    """Goes through the tokens; an operand's value is the path it stands for, None if it is computed."""

    tokens: list[re.Match[str]]
    place: int = 0
    depth: int = 0
    local: dict[str, Path | None] = field(default_factory=dict)
    found: _Found = field(default_factory=_Found)
    indices: set[int] = field(default_factory=set)
    bare_has: set[int] = field(default_factory=set)

    def peek(self, ahead: int = 0) -> str:
        place = self.place + ahead
        return self.tokens[place].group() if place < len(self.tokens) else ""

    def take(self, *wanted: str) -> re.Match[str]:
        if self.place >= len(self.tokens) or (wanted and self.peek() not in wanted):
            raise NotRead(_STRAY)
        self.place += 1
        return self.tokens[self.place - 1]

    def expression(self) -> Path | None:
        """Operands and operators in turn; the path if it is a single operand."""
        self.depth += 1
        if self.depth > _DEEPEST:
            raise NotRead("it is nested too deeply")
        path, is_single = self.operand(), True
        while self.peek() in _OPERATORS:
            self.take()
            self.record(path)
            self.record(self.operand())
            path, is_single = None, False
        self.depth -= 1
        return path if is_single else None

    def operand(self) -> Path | None:
        while self.peek() in ("!", "-"):
            self.take()
        return self.followed(self.primary())

    def primary(self) -> Path | None:
        token = self.take()
        if token["text"] or token["number"] or token.group() in ("true", "false", "null"):
            return None
        if token["word"]:
            return self.called(token.group()) if self.peek() == "(" else self.root(token.group())
        if token.group() == "(":
            path = self.expression()
            self.take(")")
            return path
        if token.group() in ("[", "{"):
            self.literal("]" if token.group() == "[" else "}")
            return None
        raise NotRead(_STRAY)

    def root(self, word: str) -> Path | None:
        if word in _OPERATORS:
            raise NotRead(_STRAY)
        return self.local.get(word, (word,))

    def literal(self, closing: str) -> None:
        values = 0
        while self.peek() != closing:
            self.record(self.expression())
            values += 1
            if values > _MOST_VALUES:
                raise NotRead(f"a list in it holds more than {_MOST_VALUES} values")
            if self.peek() != closing:
                self.take(",")
        self.take(closing)

    def followed(self, path: Path | None) -> Path | None:
        """A value and what follows it: `.field`, `.call(..)`, `[index]`."""
        while self.peek() in (".", "["):
            if self.take().group() == "[":
                path = self.indexed(path)
                continue
            word = self.take()
            if not word["word"]:
                raise NotRead(_STRAY)
            if self.peek() == "(":
                path = self.method(path, word.group())
            else:
                path = None if path is None else (*path, word.group())
        return path

    def indexed(self, path: Path | None) -> Path | None:
        token = self.tokens[self.place] if self.place < len(self.tokens) else None
        if token is not None and token["text"] and self.peek(1) == "]":
            self.place += 2
            return None if path is None else (*path, token.group().strip("\"'"))
        if token is not None and token["number"]:
            self.indices.add(token.start())
        self.record(self.expression())
        self.take("]")
        return self.element(path, SOME)

    def element(self, path: Path | None, place: str) -> Path | None:
        """The path of an element of what `path` stands for; None if that is no list of events."""
        if path is None:
            return None
        if len(path) == 1:
            self.found.containers.add(path[0])
            return (path[0], place)
        if path[-1] in PLACES:
            return (path[0], SOME)
        self.record(path)
        return None

    def called(self, function: str) -> Path | None:
        if function == "has":
            self.guard()
            return None
        self.found.calls.add(function)
        return self.applied(function, self.arguments(function))

    def applied(self, function: str, values: list[Path | None]) -> Path | None:
        """The value of a call: a path for `first` and `last`, whose fields are read on."""
        if len(values) == 1 and function in _ENDS:
            return self.element(values[0], _ENDS[function])
        if len(values) == 1 and function in SIZES:
            self.element(values[0], ALL)
            return None
        for value in values:
            self.record(value)
        return None

    def arguments(self, function: str) -> list[Path | None]:
        self.take("(")
        values: list[Path | None] = []
        while self.peek() != ")":
            if function == "matches" and self.peek(1) == ")":
                self.pattern()
            values.append(self.expression())
            if self.peek() != ")":
                self.take(",")
        self.take(")")
        return values

    def pattern(self) -> None:
        """Notes the text that is the last argument, if it is a constant one."""
        token = self.tokens[self.place]
        if token["text"]:
            self.found.patterns.add(token.group())

    def guard(self) -> None:
        self.take("(")
        start = self.tokens[self.place].start() if self.place < len(self.tokens) else 0
        path = self.expression()
        self.take(")")
        if path is None:
            return
        if len(path) == 1:
            self.bare_has.add(start)
        self.found.guarded.add(path)
        self.found.paths.add(path)

    def method(self, path: Path | None, function: str) -> Path | None:
        if function in MACROS:
            return self.macro(path, function)
        self.found.calls.add(function)
        return self.applied(function, [path, *self.arguments(function)])

    def macro(self, path: Path | None, function: str) -> Path | None:
        """`list.macro(x, expression)`: `x` stands for the elements."""
        self.take("(")
        variable = self.take()
        if not variable["word"]:
            raise NotRead(_STRAY)
        self.take(",")
        if len(self.local) >= _MOST_LISTS:
            raise NotRead("it goes through lists within lists within lists")
        outer = dict(self.local)
        element = self.element(path, ALL)
        self.local[variable.group()] = element
        values = [self.expression()]
        while self.peek() == ",":
            self.take()
            values.append(self.expression())
        self.take(")")
        self.local = outer
        for value in values:
            self.record(value)
        return (element[0], SOME) if function == "filter" and element is not None else None

    def record(self, path: Path | None) -> None:
        if path is not None:
            self.found.paths.add(path)
