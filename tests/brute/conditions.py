"""The family of conditions that random rules use, each with its meaning in Python.

No language of expressions: a text that is not in the family is refused.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.brute.events import Event

OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq, "!=": operator.ne,
}  # fmt: skip
SIGN = r" (<=|>=|<|>|==|!=) "
NUMBER = r"(\d+)"


class UnknownError(Exception):
    """A field or a name is missing: the whole condition is false."""


@dataclass(frozen=True)
class Scope:
    """What a condition may speak of.

    `names` holds one event for a name that binds at most one and a tuple for a name that may bind
    several; a name that binds one and has not is left out.
    """

    event: Event
    before: Event | None
    names: Mapping[str, Event | tuple[Event, ...]]

    def one(self, name: str) -> Event:
        """The event of a name that binds one."""
        found = self.before if name == "before" else self.names.get(name)
        if not isinstance(found, Event):
            raise UnknownError
        return found

    def several(self, name: str) -> tuple[Event, ...]:
        """The events of a name that may bind several."""
        found = self.names.get(name)
        if not isinstance(found, tuple):
            raise UnknownError
        return found


def value(event: Event, field: str) -> Any:
    """A field that must be there."""
    try:
        return event.value(field)
    except KeyError:
        raise UnknownError from None


def end_of_list(some: tuple[Event, ...], which: int) -> Event:
    """The first (0) or last (-1) event of a list that must not be empty."""
    if not some:
        raise UnknownError
    return some[which]


FAMILY: list[tuple[str, Callable[..., bool]]] = [
    (rf"n{SIGN}{NUMBER}", lambda s, sign, number: OPERATORS[sign](value(s.event, "n"), int(number))),
    (r'agency == "(\w)"', lambda s, agency: s.event.agency == agency),
    (r"has\(n\)", lambda s: "n" in s.event.attributes),
    (rf"!has\(n\) \|\| n > {NUMBER}", lambda s, number: s.event.attributes.get("n", 99) > int(number)),
    (r'before\.type == "(\w)"', lambda s, kind: s.one("before").type == kind),
    (r'before\.type != "(\w)"', lambda s, kind: s.one("before").type != kind),
    (rf"(\w+)\.n{SIGN}n", lambda s, name, sign: OPERATORS[sign](value(s.one(name), "n"), value(s.event, "n"))),
    (r"(\w+)\.agency == agency", lambda s, name: s.one(name).agency == s.event.agency),
    (rf"sum\((\w+)\.map\(e, e\.n\)\){SIGN}{NUMBER}",
        lambda s, name, sign, number: OPERATORS[sign](sum(value(e, "n") for e in s.several(name)), int(number))),
    (rf"count\((\w+)\){SIGN}{NUMBER}",
        lambda s, name, sign, number: OPERATORS[sign](len(s.several(name)), int(number))),
    (rf"first\((\w+)\)\.n{SIGN}n",
        lambda s, name, sign: OPERATORS[sign](value(end_of_list(s.several(name), 0), "n"), value(s.event, "n"))),
    (rf"last\((\w+)\)\.n{SIGN}n",
        lambda s, name, sign: OPERATORS[sign](value(end_of_list(s.several(name), -1), "n"), value(s.event, "n"))),
]  # fmt: skip


def is_true(text: str | None, scope: Scope) -> bool:
    """Whether a condition holds; none always does.

    Raises:
        ValueError: The text is not of the family.
    """
    if text is None:
        return True
    for form, meaning in FAMILY:
        found = re.fullmatch(form, text)
        if found:
            try:
                return meaning(scope, *found.groups())
            except UnknownError:
                return False
    raise ValueError(f"no such condition here: {text!r}")
