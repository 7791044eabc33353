"""Frozen dataclasses to Avro datums and back, by the types they declare.

A field's type decides: text, numbers, flags and bytes go as they are, enums by value, optional
fields as unions with null, tuples as arrays, dataclasses as records. Field names and their order in
the `.avsc` and in the class must be the same; that is checked when a codec is made.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from operator import attrgetter
from typing import Any, Generic, TypeVar, Union, get_args, get_origin, get_type_hints

from schemas.avro import AvroSchema, definitions

T = TypeVar("T")
_Convert = Callable[[Any], Any]
_PLAIN = (str, int, float, bool, bytes)


class MismatchedRecord(Exception):
    """A dataclass and its `.avsc` do not agree; a programming error."""


@dataclass(frozen=True, slots=True)
class RecordCodec(Generic[T]):
    """Turns values of one dataclass into datums of one Avro record, and back."""

    type: type[T]
    to_datum: Callable[[T], dict[str, Any]]
    from_datum: Callable[[Mapping[str, Any]], T]


def record_codec(type_: type[T], schema: AvroSchema) -> RecordCodec[T]:
    """Makes the codec of a dataclass.

    Raises:
        MismatchedRecord: names or order of the fields differ, or a field's type has no Avro form.
    """
    records = {name.rpartition(".")[2]: one for name, one in definitions(schema).items()}
    to_datum, from_datum = _record(type_, records)
    return RecordCodec(type_, to_datum, from_datum)


def _field_names(type_: type[Any], records: Mapping[str, Any]) -> tuple[str, ...]:
    """The fields of a dataclass, which must be those of the Avro record with its name."""
    declared = [one.name for one in fields(type_)]
    written = [one["name"] for one in records[type_.__name__]["fields"]] if type_.__name__ in records else []
    if written != declared:
        raise MismatchedRecord(f"{type_.__name__} has {declared}, its Avro record has {written}")
    return tuple(declared)


def _record(
    type_: type[Any], records: Mapping[str, Any]
) -> tuple[Callable[[Any], dict[str, Any]], Callable[[Mapping[str, Any]], Any]]:
    """Both directions of a dataclass; only fields that need it are converted.

    fastavro gives the fields of a record in the schema's order, which is the class's.
    """
    hints = get_type_hints(type_)
    names = _field_names(type_, records)
    ways = [_both_ways(hints[name], records) for name in names]
    there = [(name, writes) for name, (writes, _) in zip(names, ways, strict=True) if writes is not None]
    back = [(place, reads) for place, (_, reads) in enumerate(ways) if reads is not None]
    get = attrgetter(*names) if len(names) > 1 else lambda value: (getattr(value, names[0]),)

    def to_datum(value: Any) -> dict[str, Any]:  # noqa: ANN401
        datum = dict(zip(names, get(value), strict=True))
        for name, convert in there:
            datum[name] = convert(datum[name])
        return datum

    def from_datum(datum: Mapping[str, Any]) -> Any:  # noqa: ANN401
        values = list(datum.values())
        for place, convert in back:
            values[place] = convert(values[place])
        return type_(*values)

    return to_datum, from_datum


def _both_ways(hint: Any, records: Mapping[str, Any]) -> tuple[_Convert | None, _Convert | None]:  # noqa: ANN401
    """Converters to and from Avro for a declared type; None: as it is."""
    if hint in _PLAIN:
        return None, None
    if isinstance(hint, type) and issubclass(hint, Enum):
        return _enum_value, {one.value: one for one in hint}.__getitem__
    if is_dataclass(hint) and isinstance(hint, type):
        return _record(hint, records)
    if get_origin(hint) is tuple:
        return _tuple(get_args(hint), records)
    if get_origin(hint) in (Union, types.UnionType):
        inner = [one for one in get_args(hint) if one is not types.NoneType]
        if len(inner) == 1:
            writes, reads = _both_ways(inner[0], records)
            return _optional(writes), _optional(reads)
    raise MismatchedRecord(f"no Avro form is known for {hint}")


def _enum_value(value: Any) -> Any:  # noqa: ANN401
    return value.value


def _tuple(items: tuple[Any, ...], records: Mapping[str, Any]) -> tuple[_Convert, _Convert]:
    if len(items) != 2 or items[1] is not Ellipsis:
        raise MismatchedRecord(f"only tuples of one type and any length have an Avro form, not {items}")
    writes, reads = _both_ways(items[0], records)
    return (
        list if writes is None else lambda values: [writes(value) for value in values],
        tuple if reads is None else lambda values: tuple([reads(value) for value in values]),
    )


def _optional(convert: _Convert | None) -> _Convert | None:
    if convert is None:
        return None
    return lambda value: None if value is None else convert(value)
