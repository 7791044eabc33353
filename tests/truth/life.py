"""What the truth reads: true life events, and the rules' names for what to do about a situation."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.truth.days import DAY

LATE_AFTER = 30 * DAY
"""An event recorded longer than this after it occurred goes to review; no rule sees it."""


@dataclass(frozen=True, slots=True)
class Event:
    """One true life event of one person.

    Attributes:
        occurred_at, recorded_at: ms. annulled_at: ms from when the agency says it never was.
        agency: who sent it.
    """

    id: str
    person: str
    household: str
    type: str
    occurred_at: int
    recorded_at: int
    attributes: Mapping[str, object] = field(default_factory=dict)
    annulled_at: int | None = None
    agency: str = ""

    @property
    def is_late(self) -> bool:
        """Whether it was recorded too late for any rule."""
        return self.recorded_at - self.occurred_at > LATE_AFTER

    def is_known(self, now: int) -> bool:
        """Whether the world takes it for true at `now`."""
        return self.recorded_at <= now and (self.annulled_at is None or now < self.annulled_at)

    def is_from(self, **wanted: object) -> bool:
        """Whether its attributes are as wanted."""
        return all(self.attributes.get(name) == value for name, value in wanted.items())


@dataclass(frozen=True, slots=True)
class OptOut:
    """A person wants no proactive contact from `at` (ms) on."""

    person: str
    household: str
    at: int


def read_events(path: Path) -> list[Event]:
    """Reads `truth/events.jsonl`."""
    return [event_from(json.loads(line)) for line in _lines(path)]


def event_from(line: Mapping[str, object]) -> Event:
    """One line of `truth/events.jsonl` as an event; fields the truth has no use for are left out."""
    wanted = Event.__slots__
    return Event(**{name: value for name, value in line.items() if name in wanted})  # type: ignore[arg-type]


def read_opt_outs(path: Path) -> list[OptOut]:
    """Reads `controls.jsonl`."""
    rows = [json.loads(line) for line in _lines(path)]
    return [OptOut(row["person"], row["household"], row["at"]) for row in rows if row["kind"] == "opt-out"]


def _lines(path: Path) -> Iterable[str]:
    with path.open(encoding="utf-8") as lines:
        yield from lines
