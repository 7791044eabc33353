"""Frozen dataclasses to Avro datums and back, by the types they declare.

A field's type decides: text, numbers, flags and bytes go as they are, enums by value, optional
fields as unions with null, tuples as arrays, dataclasses as records. Field names and their order in
the `.avsc` and in the class must be the same; that is checked when a codec is made.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from enum import StrEnum
from typing import Any, Generic, TypeVar, Union, get_args, get_origin, get_type_hints

from schemas.avro import AvroSchema, definitions
from schemas.writing import record_writer

T = TypeVar("T")
_Convert = Callable[[Any], Any]
_PLAIN = (str, int, float, bool, bytes)


class MismatchedRecord(Exception):
    """A dataclass and its `.avsc` do not agree; a programming error."""


@dataclass(frozen=True, slots=True)
class RecordCodec(Generic[T]):
    """Turns values of one dataclass into one Avro record, and back from what fastavro reads."""

    type: type[T]
    write: Callable[[T], bytes]
    from_datum: Callable[[Mapping[str, Any]], T]


def record_codec(type_: type[T], schema: AvroSchema) -> RecordCodec[T]:
    """Makes the codec of a dataclass.

    Raises:
        MismatchedRecord: names or order of the fields differ, or a field's type has no Avro form.
    """
    records = {name.rpartition(".")[2]: one for name, one in definitions(schema).items()}
    from_datum = _record(type_, records)
    return RecordCodec(type_, record_writer(schema), from_datum)


def _field_names(type_: type[Any], records: Mapping[str, Any]) -> tuple[str, ...]:
    """The fields of a dataclass, which must be those of the Avro record with its name."""
    declared = [one.name for one in fields(type_)]
    written = [one["name"] for one in records[type_.__name__]["fields"]] if type_.__name__ in records else []
    if written != declared:
        raise MismatchedRecord(f"{type_.__name__} has {declared}, its Avro record has {written}")
    return tuple(declared)


def _record(type_: type[Any], records: Mapping[str, Any]) -> Callable[[Mapping[str, Any]], Any]:
    """From a datum to the dataclass; only fields that need it are converted.

    fastavro gives the fields of a record in the schema's order, which is the class's.
    """
    hints = get_type_hints(type_)
    readers = [_reader(hints[name], records) for name in _field_names(type_, records)]
    converted = [(place, read) for place, read in enumerate(readers) if read is not None]

    def from_datum(datum: Mapping[str, Any]) -> Any:  # noqa: ANN401
        values = list(datum.values())
        for place, convert in converted:
            values[place] = convert(values[place])
        return type_(*values)

    return from_datum


def _reader(hint: Any, records: Mapping[str, Any]) -> _Convert | None:  # noqa: ANN401
    """The conversion from Avro to a declared type; None: as it is."""
    if hint in _PLAIN:
        return None
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return {one.value: one for one in hint}.__getitem__
    if is_dataclass(hint) and isinstance(hint, type):
        return _record(hint, records)
    if get_origin(hint) is tuple:
        return _tuple(get_args(hint), records)
    if get_origin(hint) in (Union, types.UnionType):
        inner = [one for one in get_args(hint) if one is not types.NoneType]
        if len(inner) == 1:
            return _optional(_reader(inner[0], records))
    raise MismatchedRecord(f"no Avro form is known for {hint}")


def _tuple(items: tuple[Any, ...], records: Mapping[str, Any]) -> _Convert:
    if len(items) != 2 or items[1] is not Ellipsis:
        raise MismatchedRecord(f"only tuples of one type and any length have an Avro form, not {items}")
    read = _reader(items[0], records)
    return tuple if read is None else lambda values: tuple([read(value) for value in values])


def _optional(convert: _Convert | None) -> _Convert | None:
    if convert is None:
        return None
    return lambda value: None if value is None else convert(value)
