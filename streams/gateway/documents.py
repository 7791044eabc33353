"""Bytes of strangers to one JSON value, strictly: what two readers could read differently is refused.

Refused are other encodings than UTF-8, names that stand twice in an object, NaN and infinities,
halves of surrogate pairs, numbers no reader keeps, and nesting without end.

Source: RFC 8259, sections 4, 6 and 8; RFC 7493 (I-JSON).
"""

from __future__ import annotations

import json
import math
from typing import Any

import orjson

from processors.civil_time import Calendar, parse_instant
from streams.gateway.problems import Problem, ProblemType

_MOST_DIGITS = 400


class _Refused(ValueError):
    """Well-formed JSON that is refused all the same; the message is for the answer."""


def read_document(body: bytes) -> Any:  # noqa: ANN401 - JSON
    """Reads a body.

    Raises:
        Problem: it is no such JSON value; the detail says where, and quotes nothing.
    """
    _check_form(body)
    try:
        return json.loads(
            body.decode(), object_pairs_hook=_object, parse_int=_whole, parse_float=_real, parse_constant=_real
        )
    except _Refused as refused:
        raise Problem(ProblemType.NOT_JSON, str(refused)) from None
    except RecursionError:
        raise Problem(ProblemType.NOT_JSON, "the body is nested too deeply") from None


def read_instant(text: str) -> int | None:
    """A time as RFC 3339 writes it, in ms; None when the text is none.

    >>> read_instant("1970-01-01T01:00:01+01:00"), read_instant("1970-01-01")
    (1000, None)
    """
    if len(text) <= len("1970-01-01"):
        return None
    return parse_instant(text, Calendar("UTC"))


def _check_form(body: bytes) -> None:
    """Everything but names that stand twice and the size of numbers; orjson is the stricter reader."""
    try:
        body.decode()
    except UnicodeDecodeError as error:
        raise Problem(ProblemType.NOT_JSON, f"the body is not UTF-8 at byte {error.start}") from None
    try:
        orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Problem(
            ProblemType.NOT_JSON,
            f"the body is not valid JSON, or nested too deeply, at line {error.lineno}, column {error.colno}",
            more={"line": error.lineno, "column": error.colno},
        ) from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise _Refused("a name stands twice in one object")
    return made


def _whole(text: str) -> int:
    if len(text) > _MOST_DIGITS:
        raise _Refused(f"a number has more than {_MOST_DIGITS} digits")
    return int(text)


def _real(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise _Refused("a number is too large or none at all")
    return number
