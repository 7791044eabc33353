"""Faults of configuration files, each with its place and remedy, and YAML read with line numbers.

A loader walks a `Node`, never raises for what a file's author did, and notes every fault in one
list, so that all of them are reported at once. Does not know what any file means.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

_UNIT_MS = {
    "second": 1_000,
    "minute": 60_000,
    "hour": 3_600_000,
    "day": 86_400_000,
    "week": 7 * 86_400_000,
}
_DURATION = re.compile(r"([0-9]{1,6}) (second|minute|hour|day|week)s?")


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """A fault in a file; prints as `file:line: problem; remedy`."""

    file: str
    line: int
    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.problem}; {self.remedy}"


@dataclass(slots=True)
class Problems:
    """Collects the faults found while files are read."""

    found: list[Problem] = field(default_factory=list)

    def note(self, file: str, line: int, problem: str, remedy: str) -> None:
        """Adds one fault, once; lines count from 1."""
        fault = Problem(file, line, problem, remedy)
        if fault not in self.found:
            self.found.append(fault)


@dataclass(frozen=True, slots=True)
class Node:
    """A value of a YAML file that knows where it stands.

    Every reading method returns a usable value of the asked type and notes a fault when the file
    holds something else, so that callers need no branches.
    """

    value: object
    file: str
    line: int
    problems: Problems
    name: str = "document"

    def wrong(self, problem: str, remedy: str) -> None:
        """Notes a fault at this place."""
        self.problems.note(self.file, self.line, problem, remedy)

    def fields(self, required: Collection[str] = (), optional: Collection[str] = ()) -> dict[str, Node]:
        """The entries of a mapping with a closed set of keys."""
        entries = self.entries()
        for key, node in entries.items():
            if key not in required and key not in optional:
                known = ", ".join([*required, *optional])
                node.wrong(f"`{self.name}` has no field `{key}`", f"use one of: {known}")
        for key in required:
            if key not in entries:
                self.wrong(f"`{self.name}` lacks `{key}`", f"add `{key}:`")
        return entries

    def entries(self) -> dict[str, Node]:
        """The entries of a mapping with free keys."""
        if not isinstance(self.value, Mapping):
            self.wrong(f"`{self.name}` is not a mapping", "write `key: value` lines below it")
            return {}
        return {str(key): self._child(key, value, str(key)) for key, value in self.value.items()}

    def items(self) -> list[Node]:
        """The items of a list; a single value counts as a list of one."""
        if isinstance(self.value, list):
            return [self._child(index, value, self.name) for index, value in enumerate(self.value)]
        return [self]

    def _child(self, key: object, value: object, name: str) -> Node:
        return Node(value, self.file, _line_of(self.value, key, self.line), self.problems, name)

    def text(self) -> str:
        """A scalar as text; numbers and dates are taken as written."""
        if isinstance(self.value, str | int | float | date) and not isinstance(self.value, bool):
            return str(self.value)
        self.wrong(f"`{self.name}` is not text", "write text, in quotes if need be")
        return ""

    def whole(self) -> int:
        """A whole number, zero or more."""
        if isinstance(self.value, int) and not isinstance(self.value, bool) and self.value >= 0:
            return int(self.value)
        self.wrong(f"`{self.name}` is not a whole number", "write a number without decimals")
        return 0

    def number(self) -> float:
        """Any number."""
        if isinstance(self.value, int | float) and not isinstance(self.value, bool):
            return float(self.value)
        self.wrong(f"`{self.name}` is not a number", "write a number")
        return 0.0

    def flag(self) -> bool:
        """`true` or `false`."""
        if isinstance(self.value, bool):
            return self.value
        self.wrong(f"`{self.name}` is neither true nor false", "write `true` or `false`")
        return False

    def day(self) -> date:
        """A date, `2026-01-31`."""
        if isinstance(self.value, date) and not isinstance(self.value, datetime):
            return date(self.value.year, self.value.month, self.value.day)
        self.wrong(f"`{self.name}` is not a date", "write it as 2026-01-31")
        return date.min

    def duration_ms(self) -> int:
        """A duration such as `3 days`, ms."""
        found = _DURATION.fullmatch(self.value) if isinstance(self.value, str) else None
        if found:
            return int(found[1]) * _UNIT_MS[found[2]]
        self.wrong(f"`{self.name}` is not a duration", "write a number and seconds, minutes, hours, days or weeks")
        return 0

    def one_of(self, legal: Iterable[str]) -> str:
        """Text out of a closed set."""
        allowed = sorted(legal)
        text = self.text()
        if text not in allowed:
            self.wrong(f"`{self.name}` is `{text}`", f"use one of: {', '.join(allowed)}")
        return text


def _line_of(parent: object, key: object, otherwise: int) -> int:
    places = getattr(parent, "lc", None)
    if places is None or not places.data or key not in places.data:
        return otherwise
    return int(places.data[key][0]) + 1


def load_yaml(path: Path, shown: str, problems: Problems) -> Node | None:
    """Reads one YAML file (duplicate keys are refused).

    Args:
        path: where it is.
        shown: how the file is named in problems.
        problems: where faults go.

    Returns:
        The document, or None when there is none to walk (the fault is noted).
    """
    try:
        value = YAML(typ="rt").load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        problems.note(shown, 1, f"cannot be read ({type(error).__name__})", "check the file and its encoding (UTF-8)")
        return None
    except YAMLError as error:
        problems.note(shown, _error_line(error), _error_text(error), "correct the YAML")
        return None
    return Node(value, shown, 1, problems, name=path.name)


def _error_line(error: YAMLError) -> int:
    mark = error.problem_mark if isinstance(error, MarkedYAMLError) else None
    return mark.line + 1 if mark is not None else 1


def _error_text(error: YAMLError) -> str:
    text = getattr(error, "problem", None) or str(error)
    return "not valid YAML: " + str(text).strip().splitlines()[0]
