"""JSON and CSV as people and other systems write it, to raw Avro values, led by the schema.

Understands Avro's own JSON encoding (`{"string": "x"}` for a branch of a union) and plain JSON;
dates and times as ISO 8601 text besides raw numbers; decimals as numbers or text.

Source: Apache Avro 1.12 specification, "JSON Encoding".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from schemas.avro import AvroSchema, UnfitRecord, definitions

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LIMITS = {"int": 2**31, "long": 2**63}
_NAME = re.compile("[A-Za-z_][A-Za-z0-9_]*")
_LONGEST_NAME = 64
_MOST_DIGITS = 1000


def to_datum(schema: AvroSchema, value: Any, *, is_text: bool = False) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """Turns one JSON object into a record for `encode_datum`.

    Args:
        schema: of the record.
        value: as `json.loads` gives it.
        is_text: numbers and flags may be written as text, empty text is null (CSV).

    Raises:
        UnfitRecord: it does not fit; the message names the field, never its value.
    """
    datum = _Converter(definitions(schema), is_text).convert(schema.written, value, schema.name.split(".")[-1])
    assert isinstance(datum, dict)  # a schema's outermost type is a record
    return datum


class _Converter:
    """Converts values by their Avro type, in one schema."""

    def __init__(self, names: Mapping[str, Any], is_text: bool) -> None:
        self.names = names
        self.is_text = is_text

    def convert(self, type_: Any, value: Any, where: str) -> Any:  # noqa: ANN401 - JSON by an Avro type
        if isinstance(type_, str):
            type_ = self.names.get(type_, type_)
        if isinstance(type_, list):
            return self.branch(type_, value, where)
        name = type_ if isinstance(type_, str) else type_["type"]
        logical = type_.get("logicalType") if isinstance(type_, dict) else None
        if logical in _LOGICAL and isinstance(value, str | int | float):
            value = _logical(logical, type_, value, where)
        if name == "enum":
            return value if value in type_["symbols"] else _unfit(where, "is none of the symbols")
        if name in ("record", "array", "map"):
            return self.compound(name, type_, value, where)
        return self.scalar(name, value, where) if isinstance(name, str) else self.convert(name, value, where)

    def compound(self, name: str, type_: dict[str, Any], value: Any, where: str) -> Any:  # noqa: ANN401
        if name == "record":
            return self.record(type_, value, where)
        if name == "array":
            items = enumerate(_list(value, where))
            return [self.convert(type_["items"], one, f"{where}[{position}]") for position, one in items]
        entries = _dict(value, where).items()
        return {key: self.convert(type_["values"], one, f"{where}.{_shown(key)}") for key, one in entries}

    def record(self, type_: dict[str, Any], value: Any, where: str) -> dict[str, Any]:  # noqa: ANN401
        entries = _dict(value, where)
        known = {one["name"] for one in type_["fields"]}
        for key in entries:
            if key not in known:
                _unfit(f"{where}.{_shown(key)}", "is not in the schema")
        return {one["name"]: self.field(one, entries, f"{where}.{one['name']}") for one in type_["fields"]}

    def field(self, field: dict[str, Any], entries: dict[str, Any], where: str) -> Any:  # noqa: ANN401
        name = field["name"]
        if name in entries:
            return self.convert(field["type"], entries[name], where)
        if "default" not in field:
            _unfit(where, "is missing")
        type_ = field["type"][0] if isinstance(field["type"], list) else field["type"]
        return self.convert(type_, field["default"], where)

    def branch(self, branches: list[Any], value: Any, where: str) -> Any:  # noqa: ANN401
        if value is None or (self.is_text and value == ""):
            return None if "null" in branches else _unfit(where, "must not be null")
        named = {name: one for one in branches for name in self.branch_names(one)}
        if isinstance(value, dict) and len(value) == 1 and next(iter(value)) in named:
            tag, inner = next(iter(value.items()))
            return self.convert(named[tag], inner, where)
        for one in branches:
            try:
                return self.convert(one, value, where)
            except UnfitRecord as error:
                unfit = error
        raise unfit

    def branch_names(self, branch: Any) -> tuple[str, ...]:  # noqa: ANN401
        """What a branch may be tagged with: its type, or its name in full or short."""
        type_ = self.names.get(branch, branch) if isinstance(branch, str) else branch
        if isinstance(type_, str):
            return (type_,)
        name = str(type_.get("name", type_["type"]))
        return (name, name.rsplit(".", maxsplit=1)[-1])

    def scalar(self, name: str, value: Any, where: str) -> Any:  # noqa: ANN401
        if self.is_text and isinstance(value, str):
            value = from_text(name, value)
        legal = {
            "null": value is None,
            "boolean": isinstance(value, bool),
            "int": _is_whole(value, "int"),
            "long": _is_whole(value, "long"),
            "float": _is_number(value),
            "double": _is_number(value),
            "string": isinstance(value, str),
            "bytes": isinstance(value, str | bytes),
            "fixed": isinstance(value, str | bytes),
        }
        if not legal.get(name, False):
            _unfit(where, f"is not of type {name}")
        if name in ("bytes", "fixed") and isinstance(value, str):
            return _latin(value, where)
        return float(value) if name in ("float", "double") else value


def _unfit(where: str, why: str) -> Any:  # noqa: ANN401 - never returns
    raise UnfitRecord(f"`{where}` {why}")


def _shown(key: str) -> str:
    """A key from outside, as far as it can be the name of a field; else it may be anything, a person's number too.

    >>> _shown("werknemer"), _shown("85031512345")
    ('werknemer', '?')
    """
    return key if len(key) <= _LONGEST_NAME and _NAME.fullmatch(key) else "?"


def _list(value: Any, where: str) -> list[Any]:  # noqa: ANN401
    return value if isinstance(value, list) else _unfit(where, "is not a list")


def _dict(value: Any, where: str) -> dict[str, Any]:  # noqa: ANN401
    return value if isinstance(value, dict) else _unfit(where, "is not an object")


def _is_whole(value: Any, name: str) -> bool:  # noqa: ANN401
    return type(value) is int and -_LIMITS[name] <= value < _LIMITS[name]


def _is_number(value: Any) -> bool:  # noqa: ANN401
    return type(value) in (int, float)


def _latin(value: str, where: str) -> bytes:
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        return bytes(_unfit(where, "is not bytes"))


def from_text(name: str, text: str) -> Any:  # noqa: ANN401
    """A number or flag of that Avro type written as text; what cannot be read stays text.

    >>> from_text("long", "700100"), from_text("string", "700100")
    (700100, '700100')
    """
    try:
        if name in ("int", "long"):
            return int(text)
        if name in ("float", "double"):
            return float(text)
    except ValueError:
        return text
    if name == "boolean":
        return {"true": True, "false": False}.get(text.lower(), text)
    return text


def _days(_: Mapping[str, Any], text: str) -> int:
    return (date.fromisoformat(text) - _EPOCH.date()).days


def _since_epoch(unit: timedelta) -> Callable[[Mapping[str, Any], str], int]:
    def convert(_: Mapping[str, Any], text: str) -> int:
        moment = datetime.fromisoformat(text)
        return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH) // unit

    return convert


def _decimal(type_: Mapping[str, Any], text: str) -> bytes:
    scaled = Decimal(text).scaleb(int(type_.get("scale", 0)))
    # The exponent is looked at first: `1e999999` is eight characters here and half a megabyte as a whole number.
    if not scaled.is_finite() or scaled.adjusted() > _MOST_DIGITS or scaled != scaled.to_integral_value():
        raise ValueError
    number = int(scaled)
    return number.to_bytes(number.bit_length() // 8 + 1, "big", signed=True)


_LOGICAL: dict[str | None, Callable[[Mapping[str, Any], str], Any]] = {
    "date": _days,
    "timestamp-millis": _since_epoch(timedelta(milliseconds=1)),
    "timestamp-micros": _since_epoch(timedelta(microseconds=1)),
    "decimal": _decimal,
}


def _logical(logical: str | None, type_: Mapping[str, Any], value: str | float, where: str) -> Any:  # noqa: ANN401
    if logical != "decimal" and (not isinstance(value, str) or value.lstrip("-").isdecimal()):
        return value
    try:
        return _LOGICAL[logical](type_, str(value))
    except (ValueError, ArithmeticError):
        return _unfit(where, f"is not a {logical}")
