"""ISO weeks in a place's zone: `2025-W03` is Monday 00:00 to the next Monday 00:00, local time.

Names sort as weeks follow each other. Times are ms since the epoch, UTC.
"""

from __future__ import annotations

import re
from datetime import date, timedelta

from processors.civil_time import Calendar, day_start, local_date

_NAME = re.compile(r"(\d{4})-W(\d{2})")


def week_of(ms: int, calendar: Calendar) -> str:
    """The week in which an instant lies.

    >>> week_of(0, Calendar("UTC"))
    '1970-W01'
    """
    return _name(local_date(ms, calendar))


def week_start(week: str, calendar: Calendar) -> int:
    """First instant of a week, ms.

    Raises:
        ValueError: there is no such week.
    """
    return day_start(_monday(week), calendar)


def following(week: str) -> str:
    """The week after.

    >>> following("2026-W53")
    '2027-W01'
    """
    return _name(_monday(week) + timedelta(weeks=1))


def before(week: str, weeks: int) -> str:
    """The week so many weeks earlier."""
    return _name(_monday(week) - timedelta(weeks=weeks))


def _name(day: date) -> str:
    year, week, _ = day.isocalendar()
    return f"{year:04}-W{week:02}"


def _monday(week: str) -> date:
    found = _NAME.fullmatch(week)
    if found is None:
        raise ValueError(f"`{week}` is not a week; write it as 2025-W03")
    return date.fromisocalendar(int(found[1]), int(found[2]), 1)
