"""Civil time by its definition: windows of local days, working days, months that clamp.

It knows no feeds and no clock.
"""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

EXACT_MS = {"second": 1_000, "minute": 60_000, "hour": 3_600_000}
FORM = re.compile(r"(less than )?(\d+) (second|minute|hour|day|working day|week|month|year)s?")


@dataclass(frozen=True)
class Place:
    """Where civil days are counted: a time zone and its holidays."""

    zone: str = "Europe/Brussels"
    holidays: frozenset[date] = frozenset()

    def day(self, at: int) -> date:
        """The local day of an instant in milliseconds."""
        return datetime.fromtimestamp(at / 1000, ZoneInfo(self.zone)).date()

    def midnight(self, day: date) -> int:
        """The first instant of a local day, in milliseconds."""
        local = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(self.zone))
        return round(local.astimezone(UTC).timestamp() * 1000)

    def is_working(self, day: date) -> bool:
        """Monday to Friday less the holidays."""
        return day.weekday() < 5 and day not in self.holidays


@dataclass(frozen=True)
class Length:
    """A length of time as a rule states it."""

    number: int
    unit: str
    is_less: bool = False

    @property
    def is_exact(self) -> bool:
        """Hours and smaller are exact."""
        return self.unit in EXACT_MS

    def times(self, count: int) -> Length:
        """So many times this length."""
        return Length(self.number * count, self.unit, self.is_less)


@dataclass(frozen=True)
class Edge:
    """One side of a window: an instant that may or may not belong to it."""

    at: int
    is_inside: bool


def length(text: str) -> Length:
    """`less than 3 working days` and the like.

    Raises:
        ValueError: The text is no length of time.
    """
    found = FORM.fullmatch(text.strip())
    if not found:
        raise ValueError(f"no length of time: {text!r}")
    return Length(int(found[2]), found[3], bool(found[1]))


def end_after(at: int, much: Length, place: Place) -> Edge:
    """Where the window after an instant ends: civil days with the next midnight, hours with their instant."""
    if much.is_exact:
        return Edge(at + much.number * EXACT_MS[much.unit], not much.is_less)
    last = moved(place.day(at), much, place, 1)
    return Edge(place.midnight(last if much.is_less else last + timedelta(days=1)), is_inside=False)


def start_before(at: int, much: Length, place: Place) -> Edge:
    """Where the window of this length that ends with an instant begins."""
    if much.is_exact:
        return Edge(at - much.number * EXACT_MS[much.unit], not much.is_less)
    first = moved(place.day(at), much, place, -1)
    return Edge(place.midnight(first + timedelta(days=1) if much.is_less else first), is_inside=True)


def moved(day: date, much: Length, place: Place, way: int) -> date:
    """A day so much later (`way` 1) or earlier (-1)."""
    match much.unit:
        case "day":
            return day + timedelta(days=way * much.number)
        case "week":
            return day + timedelta(days=way * 7 * much.number)
        case "working day":
            for _ in range(much.number):
                day += timedelta(days=way)
                while not place.is_working(day):
                    day += timedelta(days=way)
            return day
    months = day.year * 12 + day.month - 1 + way * much.number * (12 if much.unit == "year" else 1)
    year, month = months // 12, months % 12 + 1
    return date(year, month, min(day.day, monthrange(year, month)[1]))


def is_before_end(at: int, end: Edge) -> bool:
    """Whether an instant lies in a window that ends there."""
    return at < end.at or (end.is_inside and at == end.at)


def is_after_start(at: int, start: Edge) -> bool:
    """Whether an instant lies in a window that begins there."""
    return at > start.at or (start.is_inside and at == start.at)
