"""Events of one subject and the timeline a rule sees of them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from tests.brute.civil import Place, end_after, is_before_end, length

REPEATS = re.compile(r"ignore same (.+) in (.+)")


@dataclass(frozen=True)
class Event:
    """One live event; times in milliseconds."""

    id: str
    type: str
    occurred_at: int
    recorded_at: int
    arrival: int
    agency: str = "z"
    area: str = "z"
    household: str = ""
    attributes: dict[str, Any] = field(default_factory=dict, hash=False)
    ended_at: int | None = None

    def value(self, name: str) -> Any:
        """A field by its name.

        Raises:
            KeyError: The event has no such field.
        """
        if name in ("id", "type", "agency", "area"):
            return getattr(self, name)
        return self.attributes[name]


def timeline(rule: dict[str, Any], events: list[Event], place: Place) -> tuple[Event, ...]:
    """The events the rule sees, in their order: of the types of `among`, without repeats."""
    seen = [event for event in events if "among" not in rule or event.type in rule["among"]]
    seen.sort(key=lambda event: (event.occurred_at, event.recorded_at, event.arrival, event.id))
    if "repeats" not in rule:
        return tuple(seen)
    form = REPEATS.fullmatch(rule["repeats"])
    if not form:
        raise ValueError(rule["repeats"])
    fields, much = form[1].split(", "), length(form[2])
    kept: list[Event] = []
    for event in seen:
        earlier = [other for other in kept if _is_same(event, other, fields)]
        if not any(is_before_end(event.occurred_at, end_after(e.occurred_at, much, place)) for e in earlier):
            kept.append(event)
    return tuple(kept)


def _is_same(one: Event, other: Event, fields: list[str]) -> bool:
    try:
        return one.type == other.type and all(one.value(name) == other.value(name) for name in fields)
    except KeyError:
        return False
