"""The board's words for times, and the completeness of its lists of words."""

from __future__ import annotations

import pytest

from processors.offers.actions import ActionKind, OutcomeCode
from processors.offers.model import OfferState, Reason, Urgency
from sinks.board.words import DOING, OUTCOMES, REASONS, STATES, URGENCIES, Due, date_words, due, moment_words
from tests.browser.duty_town import NOW, ZONE, ms


@pytest.mark.parametrize(
    ("respond_by", "says"),
    [
        ("2025-12-09 16:30", Due("today by 16:30", False)),
        ("2025-12-10 00:00", Due("by the end of today", False)),
        ("2025-12-10 09:00", Due("tomorrow by 09:00", False)),
        ("2025-12-11 00:00", Due("by the end of tomorrow", False)),
        ("2025-12-12 00:00", Due("by Thursday 11 December 2025", False)),
        ("2026-01-02 12:00", Due("by Friday 2 January 2026, 12:00", False)),
        ("2025-12-09 10:00", Due("overdue since 10:00 today", True)),
        ("2025-12-09 09:59", Due("overdue since 09:59 today", True)),
        ("2025-12-09 00:00", Due("1 day overdue", True)),
        ("2025-12-08 12:00", Due("1 day overdue", True)),
        ("2025-12-08 00:00", Due("2 days overdue", True)),
        ("2024-12-09 10:00", Due("365 days overdue", True)),
    ],
)
def test_until_when(respond_by: str, says: Due):
    assert due(ms(respond_by), NOW, ZONE) == says


@pytest.mark.parametrize("now", ["2025-10-26 01:00", "2025-10-26 02:30", "2025-10-26 12:00"])
def test_the_day_the_clock_changes_is_one_day(now: str):
    assert due(ms("2025-10-27 00:00"), ms(now), ZONE) == Due("by the end of today", False)
    assert due(ms("2025-10-28 00:00"), ms(now), ZONE) == Due("by the end of tomorrow", False)


@pytest.mark.parametrize("at", [-(2**63), -1, 0, 2**63 - 1])
def test_any_number_is_some_time(at: int):
    assert date_words(at, ZONE)
    assert moment_words(at, ZONE)
    assert due(at, NOW, ZONE).words


@pytest.mark.parametrize(
    ("words", "codes"),
    [
        (URGENCIES, Urgency),
        (STATES, OfferState),
        (REASONS, Reason),
        (OUTCOMES, OutcomeCode),
        (DOING, ActionKind),
    ],
)
def test_every_code_has_its_words(words: dict[str, object], codes: type):
    assert set(words) == set(codes)
