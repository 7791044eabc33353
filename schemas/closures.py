"""Small closures a mapping is compiled to: the first value that is there, a value map, an id as text.

A value that is not there is None; one that is there and cannot be read is `MISSING`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import cel

from schemas.paths import Path
from schemas.problems import Node
from schemas.values import Misdated

MAX_TEXT = 4_096
"""Longest text an id or attribute may have, characters."""
MISSING = object()
Reader = Callable[[Any], Any]


def nothing(_: Any) -> None:  # noqa: ANN401
    """Stands for a part the mapping does not have."""
    return


def no_ids(_: Any) -> tuple[tuple[str, str], ...]:  # noqa: ANN401
    """Stands for ids the mapping does not have."""
    return ()


def joined(parts: Callable[[Any], tuple[str, ...]]) -> Callable[[Any], str]:
    """The parts of an id as one text."""
    return lambda record: "/".join(parts(record))


def id_text(value: Any) -> str:  # noqa: ANN401
    """An id as text; what cannot be one (no text or whole number, too long, control characters) counts as missing."""
    if type(value) is not str:
        return str(value) if type(value) is int else ""
    text = value.strip()
    return text if len(text) <= MAX_TEXT and text.isprintable() else ""


def first_present(readers: tuple[Reader, ...]) -> Reader:
    """The first reader that finds something."""
    if len(readers) == 1:
        return readers[0]

    def read(record: Any) -> Any:  # noqa: ANN401
        for one in readers:
            value = one(record)
            if value is not None:
                return value
        return None

    return read


def without_prefix(read: Reader, prefix: str) -> Reader:
    """Takes a prefix off texts that have it."""

    def stripped(record: Any) -> Any:  # noqa: ANN401
        value = read(record)
        return value.removeprefix(prefix) if type(value) is str else value

    return stripped


def looked_up(read: Reader, table: Mapping[str, Any], otherwise: Node | None) -> Reader:
    """Applies a value map; what it does not know is `otherwise`, else `MISSING`."""
    unknown = MISSING if otherwise is None else otherwise.value

    def look_up(record: Any) -> Any:  # noqa: ANN401
        value = read(record)
        return None if value is None else table.get(str(value), unknown)

    return look_up


def evaluated(program: cel.Program, paths: Mapping[str, Path]) -> Reader:
    """Evaluates CEL over named paths; nothing when an input is not there, `MISSING` when it fails."""

    def read(record: Any) -> Any:  # noqa: ANN401
        values = {name: path.first(record) for name, path in paths.items()}
        if None in values.values():
            return None
        numbers = {name: float(one) if type(one) is int else one for name, one in values.items()}
        try:
            return program.execute(numbers)
        except (ValueError, RuntimeError, TypeError, LookupError, ArithmeticError):
            return MISSING

    return read


def checker(kind: str) -> Reader:
    """Checks what a value map, a constant or a flag gave."""
    if kind == "number":
        return _number_or_missing
    legal = bool if kind == "boolean" else str

    def check(value: Any) -> Any:  # noqa: ANN401
        return legal(value) if isinstance(value, legal) else MISSING

    return check


def _number_or_missing(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return MISSING
    return float(value)


def or_missing(value: Any) -> Any:  # noqa: ANN401
    """A number, or that there is none."""
    return MISSING if value is None else value


def text_or_missing(value: Any) -> Any:  # noqa: ANN401
    """Text of a text or number."""
    if type(value) is str and len(value) <= MAX_TEXT:
        return value
    return str(value) if type(value) in (int, float) else MISSING


def day_text(day: Any) -> Any:  # noqa: ANN401
    """A civil day as ISO 8601 text."""
    return MISSING if isinstance(day, Misdated) else day.isoformat()
