"""The stretch of time a town is simulated for: local days as numbers from 0, and their instants."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Europe/Brussels")
HOUR_MS = 3_600_000
EPOCH_DAY = date(1970, 1, 1).toordinal()


def midnight(day: date) -> int:
    """First instant of a local day, ms."""
    return int(datetime(day.year, day.month, day.day, tzinfo=ZONE).astimezone(UTC).timestamp()) * 1000


def add_months(day: date, months: int) -> date:
    """The same day of the month, later; only for days every month has (1 to 28)."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, day.day)


@dataclass(frozen=True)
class Span:
    """From local midnight of `start` to local midnight `months` later.

    Attributes:
        start: first day; its day of the month is at most 28. months: length, at least 1.
    """

    start: date
    months: int

    @cached_property
    def days(self) -> int:
        """How many local days it has."""
        return (add_months(self.start, self.months) - self.start).days

    @cached_property
    def midnights(self) -> tuple[int, ...]:
        """First instant of each day and of the three days after the last one, ms."""
        return tuple(midnight(self.start + timedelta(days=day)) for day in range(self.days + 4))

    def midnight_of(self, day: int) -> int:
        """First instant of a day number, also of one before the start, ms."""
        return self.midnights[day] if day >= 0 else midnight(self.date_of(day))

    @property
    def end(self) -> int:
        """END: the first instant that is no longer part of it, ms."""
        return self.midnights[self.days]

    def date_of(self, day: int) -> date:
        """The date of a day number."""
        return self.start + timedelta(days=day)

    def day_number(self, day: date) -> int:
        """The number of a date; negative before the start."""
        return (day - self.start).days


def local(instant: int) -> datetime:
    """The instant on the clock in Brussels."""
    return datetime.fromtimestamp(instant / 1000, ZONE)


def local_day(instant: int) -> date:
    """The local date an instant falls on."""
    return local(instant).date()
