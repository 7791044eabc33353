"""YAML of a rule document read with line numbers, and the values its keywords take.

Notes every problem and goes on, so that all of them are reported at once. Knows no keyword.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from processors.civil_time import DAY_MS, Duration, Unit, parse_duration
from processors.rules.model import Problem

LONGEST_YEARS = 100
"""No duration is longer: beyond it the calendar itself comes to its end."""
LARGEST_KB = 64
"""No document is larger: YAML and the checks of long lists take their time."""

_MOST_DIGITS = 4_000
"""Python reads no whole number that is much longer."""
_LONG_NUMBER = re.compile(rf"\b[\d_]{{{_MOST_DIGITS},}}\b")
_DATE = re.compile(r"\b\d{4}-\d{2}-\d{2}\b")


@dataclass
class Reader:
    """Collects problems while a document is read; every reading method returns a usable value."""

    file: str
    problems: list[Problem] = field(default_factory=list)

    def refuse(self, line: int, problem: str, remedy: str) -> None:
        """Notes a problem, once."""
        found = Problem(self.file, line, problem, remedy)
        if found not in self.problems:
            self.problems.append(found)

    def duration(self, value: object, line: int, key: str) -> Duration:
        """A number and a unit."""
        found = parse_duration(value) if isinstance(value, str) else None
        if found is None:
            self.refuse(line, f"`{key}: {value}` is no duration", "write a number and a unit, such as `28 days`")
        elif found.is_less and found.amount == 0:
            self.refuse(line, f"`{key}: {value}` holds nothing", "write a number from 1")
        elif found.at_most_ms > LONGEST_YEARS * 367 * DAY_MS:
            self.refuse(line, f"`{key}: {value}` is too long", f"stay below {LONGEST_YEARS} years")
        else:
            return found
        return Duration(1, Unit.DAYS)

    def text(self, value: object, line: int, key: str) -> str:
        """A text that is not empty."""
        if isinstance(value, str) and value.strip():
            return value.strip()
        self.refuse(line, f"`{key}` needs a text", f"write `{key}:` followed by text")
        return ""

    def flag(self, node: CommentedMap, key: str) -> bool:
        """`true` or `false`; false if it is left out."""
        value = node.get(key, False)
        if not isinstance(value, bool):
            self.refuse(line_of(node, key), f"`{key}: {value}` is neither true nor false", f"write `{key}: true`")
        return value is True

    def one_of(self, value: object, allowed: Sequence[str], line: int, key: str) -> str:
        """Text out of a closed list."""
        if not isinstance(value, str) or value not in allowed:
            self.refuse(line, f"`{key}: {value}` is not known", f"use one of: {', '.join(allowed)}")
            return allowed[0]
        return value

    def day(self, value: object, line: int) -> date:
        """A date."""
        if isinstance(value, date) and not isinstance(value, datetime):
            return date(value.year, value.month, value.day)
        try:
            return date.fromisoformat(str(value))
        except ValueError:
            self.refuse(line, f"`{value}` is no date", "write it as 2026-01-31")
            return date.min

    def keys(self, node: CommentedMap, known: Collection[str], line: int = 1) -> None:
        """Every key of a block is one of `known`."""
        for key in node:
            if key not in known:
                remedy = f"use one of: {', '.join(known)}"
                self.refuse(line_of(node, key, line), f"`{key}` is no keyword here", remedy)

    def document(self, text: str) -> CommentedMap | None:
        """The block a document is; None, and a problem, if it is none."""
        if len(text.encode()) > LARGEST_KB * 1024:
            self.refuse(
                1, f"the document is larger than {LARGEST_KB} kB", "write one rule a document, and a shorter one"
            )
            return None
        try:
            found = YAML(typ="rt", pure=True).load(text)
        except (YAMLError, ValueError, RecursionError) as error:
            self._unreadable(error, text)
            return None
        if not isinstance(found, CommentedMap):
            self.refuse(1, "not a rule document", "begin with `rule: name`")
            return None
        return None if self._has_alias(found) else found

    def _unreadable(self, error: Exception, text: str) -> None:
        match error:
            case DuplicateKeyError():
                self.refuse(_mark(error), _first_line(error), "keep one of the two")
            case MarkedYAMLError():
                remedy = "correct the line; quote texts that contain `: ` or `{`"
                self.refuse(_mark(error), f"not YAML: {_first_line(error)}", remedy)
            case ValueError() if (line := _line_of_long_number(text)) is not None:
                self.refuse(line, "a number is too long", f"write at most {_MOST_DIGITS} digits")
            case ValueError():
                self.refuse(_line_of_bad_date(text), f"not YAML: {error}", "write dates as 2026-01-31")
            case RecursionError():
                self.refuse(1, "not YAML: nested too deeply", "take brackets away")
            case _:
                self.refuse(1, f"not YAML: {str(error).splitlines()[0]}", "correct the document")

    def _has_alias(self, document: CommentedMap) -> bool:
        """Whether a block or list stands in two places: what is not written there has no line of its own."""
        seen: set[int] = set()
        waiting: list[tuple[object, int]] = [(document, 1)]
        while waiting:
            node, line = waiting.pop()
            if id(node) in seen:
                self.refuse(line, "`*` repeats another part of the document", "write the part out where it is needed")
                return True
            seen.add(id(node))
            places = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
            waiting += [(each, line_of(node, key, line)) for key, each in places if isinstance(each, dict | list)]
        return False


def line_of(node: Any, key: object = None, default: int = 1) -> int:  # noqa: ANN401 - ruamel's nodes are untyped
    """Line of a block's key or a list's item, from 1; of the block or list itself if `key` is None."""
    try:
        place = node.lc.line if key is None else node.lc.data[key][0]
    except (AttributeError, KeyError, TypeError):
        return default
    return int(place) + 1


def _mark(error: MarkedYAMLError) -> int:
    return int(error.problem_mark.line) + 1 if error.problem_mark is not None else 1


def _first_line(error: MarkedYAMLError) -> str:
    return str(error.problem or error.context or "unreadable").splitlines()[0]


def _line_of_long_number(text: str) -> int | None:
    lines = enumerate(text.splitlines(), start=1)
    return next((number for number, line in lines if _LONG_NUMBER.search(line)), None)


def _line_of_bad_date(text: str) -> int:
    for number, line in enumerate(text.splitlines(), start=1):
        for written in _DATE.findall(line):
            try:
                date.fromisoformat(written)
            except ValueError:
                return number
    return 1
