"""What a story is: what happens, how long it takes, and what must come of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from streams.simulation.scenes import Scene

Telling = Callable[[Scene], None]


@dataclass(frozen=True)
class Story:
    """A story and what must come of it by the end of a long enough span.

    Attributes:
        kind: its name. lasts: days from the base until all of it is told and decided.
        expect: `rules` of the situations offered, number of `offers`, `suppressed` reasons,
            `withdrawn` reasons of offers, `review` for events that come too late.
    """

    kind: str
    lasts: int
    tell: Telling
    expect: dict[str, Any]


def offered(*rules: str) -> dict[str, Any]:
    """One offer on situations of these rules, in the order in which they join it."""
    return {"offers": 1, "rules": list(rules)}
