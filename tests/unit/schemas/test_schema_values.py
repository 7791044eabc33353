"""Dates and numbers as agencies write them."""

from datetime import date
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.jsonvalues import _decimal
from schemas.values import EARLIEST_MS, LATEST_MS, Misdated, day_reader, format_of, moment_reader, number_reader

BRUSSELS = ZoneInfo("Europe/Brussels")
NEW_YEAR_2026 = 1_767_222_000_000  # 1 January 2026, 00:00 in Brussels
ANY = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30) | st.binary(max_size=20)
FORMATS = [
    "iso",
    "epoch ms",
    "epoch s",
    "epoch us",
    "epoch days",
    "yyyymmdd",
    "dd/mm/yyyy",
    "dd.mm.yyyy HH:MM",
    "yyyy-mm-ddTHH:MM:SS",
]


@pytest.mark.parametrize(
    ("format_", "raw"),
    [
        ("iso", "2026-01-01"),
        ("iso", "2026-01-01T00:00:00"),
        ("iso", "2025-12-31T23:00:00Z"),
        ("iso", "2026-01-01T00:00:00+01:00"),
        ("epoch ms", NEW_YEAR_2026),
        ("epoch s", NEW_YEAR_2026 // 1000),
        ("epoch us", NEW_YEAR_2026 * 1000),
        ("epoch days", (date(2026, 1, 1) - date(1970, 1, 1)).days),
        ("yyyymmdd", 20260101),
        ("yyyymmdd", "20260101"),
        ("dd/mm/yyyy", "01/01/2026"),
        ("dd.mm.yyyy HH:MM", "01.01.2026 00:00"),
    ],
)
def test_one_moment_in_every_format(format_, raw):
    assert moment_reader(format_, BRUSSELS)(raw) == NEW_YEAR_2026


def test_a_bare_date_is_midnight_in_summer_too():
    assert moment_reader("iso", BRUSSELS)("2026-07-01") == moment_reader("iso", BRUSSELS)("2026-06-30T22:00:00Z")


@pytest.mark.parametrize(
    ("format_", "raw", "why"),
    [
        ("yyyymmdd", 20260231, Misdated.UNREADABLE),
        ("yyyymmdd", "2026+1 1", Misdated.UNREADABLE),
        ("yyyymmdd", 18991231, Misdated.ABSURD),
        ("dd/mm/yyyy", "1/1/2026", Misdated.UNREADABLE),
        ("dd/mm/yyyy", "٠١/٠١/٢٠٢٦", Misdated.UNREADABLE),
        ("iso", "0001-01-01T00:00:00+14:00", Misdated.ABSURD),
        ("iso", "soon", Misdated.UNREADABLE),
        ("epoch days", 2**31, Misdated.ABSURD),
        ("epoch ms", 2**63, Misdated.ABSURD),
        ("epoch ms", "1", Misdated.UNREADABLE),
    ],
)
def test_what_is_no_moment_says_why(format_, raw, why):
    assert moment_reader(format_, BRUSSELS)(raw) is why


@given(raw=ANY, format_=st.sampled_from(FORMATS))
def test_any_value_gives_a_moment_or_says_why_not(raw, format_):
    found = moment_reader(format_, BRUSSELS)(raw)
    assert isinstance(found, Misdated) or EARLIEST_MS <= found <= LATEST_MS


@given(day=st.dates(date(1901, 1, 1), date(2100, 1, 1)), format_=st.sampled_from(["iso", "yyyymmdd", "dd/mm/yyyy"]))
def test_a_civil_day_stays_the_day_it_is(day, format_):
    raw = {"iso": day.isoformat(), "yyyymmdd": int(day.strftime("%Y%m%d")), "dd/mm/yyyy": day.strftime("%d/%m/%Y")}
    assert day_reader(format_, BRUSSELS)(raw[format_]) == day


def test_the_format_follows_from_the_schema_unless_written():
    assert format_of({"type": "long", "logicalType": "timestamp-micros"}, None) == "epoch us"
    assert format_of("long", None) is None
    assert format_of("long", "epoch s") == "epoch s"
    assert format_of("string", "dd/mm") is None
    assert format_of("string", "dd/mm/yyyy yyyy") is None


@given(st.decimals(-(10**7), 10**7, places=2))
def test_avro_decimals_are_scaled(amount):
    leaf = {"type": "bytes", "logicalType": "decimal", "precision": 10, "scale": 2}
    assert number_reader(leaf, 1)(_decimal(leaf, str(amount))) == float(Decimal(amount))


@pytest.mark.parametrize(("raw", "divide_by", "number"), [(123450, 100, 1234.5), ("12.5", 1, 12.5), (3, 2, 1.5)])
def test_numbers(raw, divide_by, number):
    assert number_reader("long", divide_by)(raw) == number


@pytest.mark.parametrize("raw", [True, None, "1e999", "nan", "1_0", float("inf"), b"\x01", "٣"])
def test_what_is_no_number(raw):
    assert number_reader("string", 1)(raw) is None
