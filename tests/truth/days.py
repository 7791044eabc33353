"""Civil days in Brussels: ends of windows, working days, Belgian public holidays.

All instants are integer milliseconds since the epoch.
"""

from __future__ import annotations

import calendar
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Europe/Brussels")
HOUR = 3_600_000
DAY = 24 * HOUR
"""Twenty-four hours; the planner's day. A rule's days are civil ones."""


def day_of(instant: int) -> date:
    """The local day an instant falls on.

    >>> day_of(midnight(date(2025, 3, 30))), day_of(midnight(date(2025, 3, 30)) - 1)
    (datetime.date(2025, 3, 30), datetime.date(2025, 3, 29))
    """
    return datetime.fromtimestamp(instant / 1000, ZONE).date()


@lru_cache(maxsize=4096)
def midnight(day: date) -> int:
    """The first instant of a local day."""
    local = datetime(day.year, day.month, day.day, tzinfo=ZONE)
    return int(local.astimezone(UTC).timestamp()) * 1000


def end_of_days(instant: int, days: int) -> int:
    """End of "within `days` days of": the first instant after the last day that still counts."""
    return midnight(day_of(instant) + timedelta(days=days + 1))


def days_before(instant: int, days: int) -> int:
    """Start of "in the `days` days before": the first instant of the first day that counts."""
    return midnight(day_of(instant) - timedelta(days=days))


def end_of_months(instant: int, months: int) -> int:
    """End of "within `months` months of"; month ends clamp.

    >>> day_of(end_of_months(midnight(date(2025, 10, 31)), 4))
    datetime.date(2026, 3, 1)
    """
    start = day_of(instant)
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return midnight(date(year, month + 1, min(start.day, last)) + timedelta(days=1))


def end_of_working_days(instant: int, days: int) -> int:
    """End of "within `days` working days of": the first instant after the last of them.

    >>> day_of(end_of_working_days(midnight(date(2025, 12, 24)), 1))  # Christmas is no working day
    datetime.date(2025, 12, 27)
    """
    day = day_of(instant)
    while days > 0:
        day += timedelta(days=1)
        if day.weekday() < 5 and day not in holidays(day.year):
            days -= 1
    return midnight(day + timedelta(days=1))


@lru_cache(maxsize=64)
def holidays(year: int) -> frozenset[date]:
    """The ten public holidays of Belgium.

    Source: Royal Decree of 18 April 1974 on public holidays, article 1.
    """
    fixed = [(1, 1), (5, 1), (7, 21), (8, 15), (11, 1), (11, 11), (12, 25)]
    moving = [easter(year) + timedelta(days=days) for days in (1, 39, 50)]
    return frozenset([*(date(year, month, day) for month, day in fixed), *moving])


def easter(year: int) -> date:
    """Easter Sunday of the Gregorian calendar.

    Source: "Anonymous Gregorian algorithm", Nature, 20 April 1876.

    >>> easter(2025), easter(2026)
    (datetime.date(2025, 4, 20), datetime.date(2026, 4, 5))
    """
    golden, century, rest = year % 19, year // 100, year % 100
    leaps = century - century // 4 - (century - (century + 8) // 25 + 1) // 3
    epact = (19 * golden + leaps + 15) % 30
    weekday = (32 + 2 * (century % 4) + 2 * (rest // 4) - epact - rest % 4) % 7
    shift = (golden + 11 * epact + 22 * weekday) // 451
    month, day = divmod(epact + weekday - 7 * shift + 114, 31)
    return date(year, month, day + 1)
