from datetime import date

import pytest

from processors.civil_time import (
    Calendar,
    add_months,
    deadline,
    format_instant,
    parse_duration,
    parse_instant,
    window_end,
    window_start,
)

BRUSSELS = Calendar(holidays=frozenset({date(2026, 4, 6)}))


def ms(text: str) -> int:
    found = parse_instant(text, BRUSSELS)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("start", "duration", "end"),
    [
        ("2026-01-05T10:00:00+01:00", "60 days", "2026-03-07"),
        ("2026-01-05T10:00:00+01:00", "less than 60 days", "2026-03-06"),
        ("2026-01-05", "0 days", "2026-01-06"),
        ("2026-01-05", "2 weeks", "2026-01-20"),
        ("2026-01-31", "1 month", "2026-03-01"),
        ("2024-02-29", "1 year", "2025-03-01"),
        ("2026-01-31", "4 months", "2026-06-01"),
        ("2026-01-09", "2 working days", "2026-01-14"),
        ("2026-01-10", "1 working day", "2026-01-13"),
        ("2026-01-09", "less than 1 working day", "2026-01-12"),
        ("2026-04-03", "1 working day", "2026-04-08"),
        ("2026-03-28", "1 day", "2026-03-30"),
        ("2026-01-05T10:00:00+01:00", "less than 3 hours", "2026-01-05T13:00:00+01:00"),
    ],
)
def test_window_end_is_the_first_instant_after_the_window(start: str, duration: str, end: str) -> None:
    parsed = parse_duration(duration)
    assert parsed is not None
    assert window_end(ms(start), parsed, BRUSSELS) == ms(end)


def test_hours_are_exact_and_inclusive_even_when_the_clocks_change() -> None:
    hours = parse_duration("3 hours")
    assert hours is not None
    assert window_end(ms("2026-03-29"), hours, BRUSSELS) == ms("2026-03-29T04:00:00+02:00") + 1
    assert deadline(ms("2026-03-29"), hours, BRUSSELS) == ms("2026-03-29T04:00:00+02:00")


@pytest.mark.parametrize(
    ("end", "duration", "start"),
    [
        ("2026-03-06T12:00:00+01:00", "60 days", "2026-01-05"),
        ("2026-03-06", "less than 60 days", "2026-01-06"),
        ("2026-03-31", "1 month", "2026-02-28"),
        ("2026-01-12", "1 working day", "2026-01-09"),
        ("2026-01-12", "24 hours", "2026-01-11"),
    ],
)
def test_window_start_looks_back(end: str, duration: str, start: str) -> None:
    parsed = parse_duration(duration)
    assert parsed is not None
    assert window_start(ms(end), parsed, BRUSSELS) == ms(start)


@pytest.mark.parametrize("text", ["", "60", "days", "-1 days", "1 fortnight", "under 3 days", "1.5 days"])
def test_what_is_no_duration(text: str) -> None:
    assert parse_duration(text) is None


def test_months_clamp_to_the_month_end() -> None:
    assert add_months(date(2023, 12, 31), 2) == date(2024, 2, 29)
    assert add_months(date(2024, 3, 31), -1) == date(2024, 2, 29)


def test_bounds_of_a_duration_hold_in_any_calendar() -> None:
    for text in ["30 days", "less than 2 weeks", "4 months", "1 year", "5 working days", "3 hours"]:
        duration = parse_duration(text)
        assert duration is not None
        for start in ["2024-01-31", "2026-03-01", "2026-12-24T23:00:00+01:00"]:
            length = window_end(ms(start), duration, BRUSSELS) - ms(start)
            assert duration.at_least_ms <= length <= duration.at_most_ms + 1


@pytest.mark.parametrize("text", ["2026-13-01", "yesterday", "2026-01-05T10:00:00", ""])
def test_what_is_no_time(text: str) -> None:
    assert parse_instant(text, BRUSSELS) is None


def test_times_are_written_in_the_zone() -> None:
    assert format_instant(ms("2026-07-01T00:00:00.250Z"), BRUSSELS) == "2026-07-01T02:00:00.250+02:00"


def test_the_hour_that_comes_twice_is_written_with_its_own_offset() -> None:
    second = parse_instant("2026-10-25T02:00:00+01:00", Calendar())
    assert second is not None
    assert format_instant(second, Calendar()) == "2026-10-25T02:00:00+01:00"
    assert format_instant(second + 250, Calendar()) == "2026-10-25T02:00:00.250+01:00"
