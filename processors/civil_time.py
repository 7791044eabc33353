"""Durations and civil days: the one place where days, months and working days become milliseconds.

Windows are inclusive ("within 60 days" counts all of day 60) and end at the first instant of the
next local day; hours and smaller are exact. Reads no clock and knows no rule.
"""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import MINYEAR, UTC, date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from zoneinfo import ZoneInfo

DAY_MS = 86_400_000


class Unit(StrEnum):
    """Units of a duration, smallest first."""

    SECONDS = "seconds"
    MINUTES = "minutes"
    HOURS = "hours"
    DAYS = "days"
    WORKING_DAYS = "working days"
    WEEKS = "weeks"
    MONTHS = "months"
    YEARS = "years"


_EXACT_MS = {Unit.SECONDS: 1_000, Unit.MINUTES: 60_000, Unit.HOURS: 3_600_000}
_LONGEST_DAYS = {Unit.DAYS: 1, Unit.WORKING_DAYS: 3, Unit.WEEKS: 7, Unit.MONTHS: 31, Unit.YEARS: 366}
_SHORTEST_DAYS = {Unit.DAYS: 1, Unit.WORKING_DAYS: 1, Unit.WEEKS: 7, Unit.MONTHS: 28, Unit.YEARS: 365}
_PATTERN = re.compile(
    r"\s*(?P<less>less\s+than\s+)?(?P<amount>\d{1,6})\s+"
    r"(?P<unit>second|minute|hour|day|working\s+day|week|month|year)s?\s*"
)


@dataclass(frozen=True, slots=True)
class Duration:
    """A length of time as a rule says it.

    Attributes:
        amount: how many units, not negative.
        unit: what is counted.
        is_less: the edge is excluded ("less than 60 days" ends with day 59).
    """

    amount: int
    unit: Unit
    is_less: bool = False

    @property
    def is_exact(self) -> bool:
        """Whether it is counted in hours or smaller, not in civil days."""
        return self.unit in _EXACT_MS

    @property
    def at_most_ms(self) -> int:
        """Upper bound of its length in any calendar, ms; used for horizons."""
        if self.unit in _EXACT_MS:
            return self.amount * _EXACT_MS[self.unit]
        spare = 21 if self.unit is Unit.WORKING_DAYS else 2
        return (self.amount * _LONGEST_DAYS[self.unit] + spare) * DAY_MS

    @property
    def at_least_ms(self) -> int:
        """Lower bound of its length in any calendar, ms; what is nearer is surely within it."""
        if self.unit in _EXACT_MS:
            return max(0, self.amount * _EXACT_MS[self.unit] - 1)
        return max(0, self.amount * _SHORTEST_DAYS[self.unit] - 2) * DAY_MS

    def __str__(self) -> str:
        unit = self.unit.value[:-1] if self.amount == 1 else self.unit.value
        return f"{'less than ' if self.is_less else ''}{self.amount} {unit}"


@dataclass(frozen=True, slots=True)
class Calendar:
    """Whose days are counted.

    Attributes:
        zone: IANA time zone.
        holidays: dates that are no working days besides Saturdays and Sundays.
    """

    zone: str = "Europe/Brussels"
    holidays: frozenset[date] = frozenset()


def parse_duration(text: str) -> Duration | None:
    """Reads a duration; None if the text is none.

    >>> parse_duration("less than 60 days")
    Duration(amount=60, unit=<Unit.DAYS: 'days'>, is_less=True)
    >>> str(parse_duration("1 working day"))
    '1 working day'
    """
    found = _PATTERN.fullmatch(text)
    if found is None:
        return None
    unit = Unit(" ".join(found["unit"].split()) + "s")
    return Duration(int(found["amount"]), unit, found["less"] is not None)


def window_end(start_ms: int, duration: Duration, calendar: Calendar) -> int:
    """First instant after the inclusive window that begins at `start_ms`.

    Args:
        start_ms: event time, ms.
        duration: length; civil units count whole local days, smaller ones are exact.
        calendar: zone and holidays.

    Returns:
        ms, exclusive: `t` lies in the window when `start_ms <= t < window_end(...)`.
    """
    if duration.is_exact:
        end = start_ms + duration.amount * _EXACT_MS[duration.unit]
        return end if duration.is_less else end + 1
    edge = _shift(local_date(start_ms, calendar), duration, calendar)
    return day_start(edge if duration.is_less else edge + timedelta(days=1), calendar)


def deadline(start_ms: int, duration: Duration, calendar: Calendar) -> int:
    """The instant at which the window that begins at `start_ms` is over, ms.

    For civil units the first instant of the next local day; for exact ones the last instant that
    still counts ("an event exactly at the deadline is read before the timer").
    """
    end = window_end(start_ms, duration, calendar)
    return end - 1 if duration.is_exact and not duration.is_less else end


class Window:
    """A duration in a calendar, with the ends of windows already worked out: get one from `window_of`.

    Events mostly occur on days, without a time, so the same beginnings come again and again.
    """

    __slots__ = ("_ends", "calendar", "duration")

    def __init__(self, duration: Duration, calendar: Calendar) -> None:
        self.duration, self.calendar = duration, calendar
        self._ends: dict[int, tuple[int, int]] = {}

    def ends(self, start_ms: int) -> tuple[int, int]:
        """`window_end` and `deadline` of the window that begins at `start_ms`, ms."""
        found = self._ends.get(start_ms)
        if found is None:
            if len(self._ends) >= _MOST_REMEMBERED:
                self._ends.clear()
            found = self._ends[start_ms] = (
                window_end(start_ms, self.duration, self.calendar),
                deadline(start_ms, self.duration, self.calendar),
            )
        return found


_MOST_REMEMBERED = 16_384


@lru_cache(maxsize=4_096)
def window_of(duration: Duration, calendar: Calendar) -> Window:
    """The window of that length; always the same object."""
    return Window(duration, calendar)


def window_start(end_ms: int, duration: Duration, calendar: Calendar) -> int:
    """First instant of the inclusive window that looks back from `end_ms`, ms."""
    if duration.is_exact:
        start = end_ms - duration.amount * _EXACT_MS[duration.unit]
        return start + 1 if duration.is_less else start
    back = Duration(-duration.amount, duration.unit)
    edge = _shift(local_date(end_ms, calendar), back, calendar)
    return day_start(edge + timedelta(days=1) if duration.is_less else edge, calendar)


@lru_cache(maxsize=16)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


@lru_cache(maxsize=65_536)
def _local_date(ms: int, zone: str) -> date:
    return datetime.fromtimestamp(ms / 1000, _zone(zone)).date()


@lru_cache(maxsize=65_536)
def _day_start(day: date, zone: str) -> int:
    return round(datetime(day.year, day.month, day.day, tzinfo=_zone(zone)).timestamp() * 1000)


def local_date(ms: int, calendar: Calendar) -> date:
    """Local day on which the instant `ms` lies."""
    return _local_date(ms, calendar.zone)


def day_start(day: date, calendar: Calendar) -> int:
    """First instant of a local day, ms."""
    return _day_start(day, calendar.zone)


def is_working_day(day: date, calendar: Calendar) -> bool:
    """Whether the day is Monday to Friday and no holiday."""
    return day.weekday() < 5 and day not in calendar.holidays


_FIRST_YEAR, _LAST_YEAR = 200, 9_800
"""Beyond these years nothing is counted: a register's "for ever" (9999-12-31) has no days after it."""


def _shift(day: date, duration: Duration, calendar: Calendar) -> date:
    if not _FIRST_YEAR <= day.year <= _LAST_YEAR:
        return min(day, date.max - timedelta(days=2))
    if duration.unit is Unit.WORKING_DAYS:
        return _shift_working_days(day, duration.amount, calendar)
    if duration.unit in (Unit.MONTHS, Unit.YEARS):
        return add_months(day, duration.amount * (12 if duration.unit is Unit.YEARS else 1))
    return day + timedelta(days=duration.amount * (7 if duration.unit is Unit.WEEKS else 1))


def add_months(day: date, months: int) -> date:
    """The same day of the month, clamped to the month's end.

    >>> add_months(date(2026, 1, 31), 1)
    datetime.date(2026, 2, 28)
    """
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def _shift_working_days(day: date, amount: int, calendar: Calendar) -> date:
    step = timedelta(days=1 if amount >= 0 else -1)
    left = abs(amount)
    while left:
        day += step
        left -= is_working_day(day, calendar)
    return day


def parse_instant(text: str, calendar: Calendar) -> int | None:
    """Reads an RFC 3339 time or a bare date (00:00 local); ms, or None if the text is neither.

    >>> parse_instant("2026-01-05", Calendar("UTC")) == parse_instant("2026-01-05T00:00:00Z", Calendar())
    True
    """
    try:
        if len(text) == 10:
            day = date.fromisoformat(text)
            return None if day.year == MINYEAR else day_start(day, calendar)
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None or moment.year == MINYEAR:
        return None
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)  # not by way of UTC: the first day of year 1 may have no UTC
    return since // timedelta(milliseconds=1)


def format_instant(ms: int, calendar: Calendar) -> str:
    """RFC 3339 in the calendar's zone; milliseconds only where there are any.

    >>> format_instant(0, Calendar("UTC"))
    '1970-01-01T00:00:00+00:00'
    """
    moment = datetime.fromtimestamp(ms // 1000, _zone(calendar.zone))
    moment = moment.replace(microsecond=ms % 1000 * 1000)  # not added: that forgets which of two equal hours it is
    return moment.isoformat(timespec="milliseconds" if ms % 1000 else "seconds")
