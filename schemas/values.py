"""What raw Avro values and agencies' texts mean: moments, civil days, numbers.

Each reader is a closure made once from a format and an Avro type. A bare date is 00:00 in the
deployment's time zone. Times are integer milliseconds since the epoch, UTC.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

EARLIEST_MS = -2_208_988_800_000
"""1900-01-01, UTC; nothing this platform acts on is older."""
LATEST_MS = 253_402_300_799_999
"""9999-12-31T23:59:59.999, UTC."""
_EPOCH = date(1970, 1, 1)
_DAY_MS = 86_400_000
_FIRST_DAY, _LAST_DAY = (date.min - _EPOCH).days, (date.max - _EPOCH).days
_NUMBER = re.compile(r"[+-]?[0-9]{1,15}(\.[0-9]{1,12})?")
_TOKENS = re.compile("yyyy|mm|dd|HH|MM|SS")


class Misdated(Enum):
    """Why a value is no moment."""

    UNREADABLE = "unreadable"
    ABSURD = "absurd"


MomentReader = Callable[[Any], "int | Misdated"]
DayReader = Callable[[Any], "date | Misdated"]

NAMED_FORMATS = ("iso", "epoch ms", "epoch s", "epoch us", "epoch days")
_LOGICAL_FORMATS = {
    "date": "epoch days",
    "timestamp-millis": "epoch ms",
    "timestamp-micros": "epoch us",
    "local-timestamp-millis": "epoch ms",
}


def format_of(leaf: Any, written: str | None) -> str | None:  # noqa: ANN401 - an Avro type
    """The date format that holds for a value: the one written, else what its Avro type says.

    >>> format_of({"type": "int", "logicalType": "date"}, None)
    'epoch days'
    >>> format_of("string", None)
    'iso'
    """
    if written is not None:
        tokens = _TOKENS.findall(written)
        is_pattern = {"yyyy", "mm", "dd"} <= set(tokens) and len(set(tokens)) == len(tokens)
        return written if written in NAMED_FORMATS or is_pattern else None
    if isinstance(leaf, dict) and leaf.get("logicalType") in _LOGICAL_FORMATS:
        return _LOGICAL_FORMATS[leaf["logicalType"]]
    return "iso" if leaf == "string" else None


def moment_reader(format_: str, zone: ZoneInfo) -> MomentReader:
    """A closure from raw value to moment, ms.

    Args:
        format_: one of `NAMED_FORMATS`, or a pattern of yyyy, mm, dd, HH, MM, SS in fixed places.
        zone: of dates without time and times without offset.
    """
    if format_ in _FACTORS:
        return _epoch_reader(*_FACTORS[format_])
    midnight = _midnights(zone)
    if format_ == "epoch days":
        return _guarded(lambda value: midnight(_day_of_epoch(value)))
    if format_ == "iso":
        return _guarded(lambda value: _iso_moment(value, zone, midnight))
    parse = _pattern_parser(format_)
    return _guarded(lambda value: _in_zone(parse(value), zone, midnight))


_FACTORS = {"epoch ms": (1, 1), "epoch s": (1000, 1), "epoch us": (1, 1000)}


def _epoch_reader(factor: int, divisor: int) -> MomentReader:
    def read(value: Any) -> int | Misdated:  # noqa: ANN401
        if type(value) is not int:
            return Misdated.UNREADABLE
        moment = value * factor // divisor
        return moment if EARLIEST_MS <= moment <= LATEST_MS else Misdated.ABSURD

    return read


def _guarded(read: Callable[[Any], int]) -> MomentReader:
    def checked(value: Any) -> int | Misdated:  # noqa: ANN401
        try:
            moment = read(value)
        except OverflowError:
            return Misdated.ABSURD
        except (ValueError, TypeError):
            return Misdated.UNREADABLE
        return moment if EARLIEST_MS <= moment <= LATEST_MS else Misdated.ABSURD

    return checked


def _midnights(zone: ZoneInfo) -> Callable[[date], int]:
    @lru_cache(maxsize=65_536)
    def midnight(day: date) -> int:
        return int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()) * 1000

    return midnight


def _day_of_epoch(value: Any) -> date:  # noqa: ANN401
    if type(value) is not int:
        raise TypeError
    if not _FIRST_DAY <= value <= _LAST_DAY:
        raise OverflowError
    return _EPOCH + timedelta(days=value)


def _iso_moment(value: Any, zone: ZoneInfo, midnight: Callable[[date], int]) -> int:  # noqa: ANN401
    if len(value) == 10:
        return midnight(date.fromisoformat(value))
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
    return _ms(moment)


def _ms(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def _pattern_parser(pattern: str) -> Callable[[Any], datetime]:
    expression = _TOKENS.sub(lambda found: f"(?P<{found[0]}>[0-9]{{{len(found[0])}}})", re.escape(pattern))
    match = re.compile(expression).fullmatch

    def parse(value: Any) -> datetime:  # noqa: ANN401
        found = match(str(value))
        if found is None:
            raise ValueError
        part = {name: int(digits) for name, digits in found.groupdict().items()}
        hour, minute, second = part.get("HH", 0), part.get("MM", 0), part.get("SS", 0)
        return datetime(part["yyyy"], part["mm"], part["dd"], hour, minute, second)  # noqa: DTZ001

    return parse


def _in_zone(moment: datetime, zone: ZoneInfo, midnight: Callable[[date], int]) -> int:
    if not (moment.hour or moment.minute or moment.second):
        return midnight(moment.date())
    return _ms(moment.replace(tzinfo=zone))


def day_reader(format_: str, zone: ZoneInfo) -> DayReader:
    """A closure from raw value to civil day in the zone."""
    moment = moment_reader(format_, zone)

    def read(value: Any) -> date | Misdated:  # noqa: ANN401
        found = moment(value)
        if isinstance(found, Misdated):
            return found
        return datetime.fromtimestamp(found / 1000, tz=zone).date()

    return read


NumberReader = Callable[[Any], "float | None"]


def number_reader(leaf: Any, divide_by: float) -> NumberReader:  # noqa: ANN401 - an Avro type
    """A closure from raw value to a finite double, None when it is no number.

    Args:
        leaf: Avro type; Avro decimals (bytes or fixed) are scaled as the schema says.
        divide_by: 100 turns cents into euros.
    """
    if isinstance(leaf, dict) and leaf.get("logicalType") == "decimal":
        return _decimal_reader(10 ** int(leaf.get("scale", 0)) * divide_by)

    def read(value: Any) -> float | None:  # noqa: ANN401
        if type(value) is str:
            value = float(value) if _NUMBER.fullmatch(value) else None
        if type(value) is not int and type(value) is not float:
            return None
        number = value / divide_by
        return number if math.isfinite(number) else None

    return read


def _decimal_reader(divisor: float) -> NumberReader:
    def read(value: Any) -> float | None:  # noqa: ANN401
        if type(value) is not bytes or not 0 < len(value) <= 16:
            return None
        return int.from_bytes(value, "big", signed=True) / divisor

    return read
