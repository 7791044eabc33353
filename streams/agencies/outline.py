"""The shape of a record without its content: which fields it has and what kind of value each holds.

For people who look into a record that was refused: never a value, nor the key of a map.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from schemas.avro import AvroSchema, Broken, decode_datum, definitions
from schemas.registry import Registry
from schemas.wire import Framed, unframe

_KINDS: tuple[tuple[type, str], ...] = (
    (bool, "flag"),
    (int, "number"),
    (float, "number"),
    (str, "text"),
    (bytes, "bytes"),
)


@dataclass(frozen=True, slots=True)
class Outline:
    """What can be said of a record.

    Attributes:
        schema_id: as written in its frame; None: it has none.
        schema: name of the schema with that id; None: not known.
        decoding: whether it could be decoded, in words.
        fields: path and kind of value; of the schema when the record cannot be decoded.
    """

    schema_id: int | None
    schema: str | None
    decoding: str
    fields: tuple[tuple[str, str], ...] = ()


def outline(registry: Registry, value: bytes | None) -> Outline:
    """Describes framed Avro as far as it can be decoded; any bytes give an outline."""
    if value is None:
        return Outline(None, None, "there is no value")
    framed = unframe(value)
    if not isinstance(framed, Framed):
        return Outline(None, None, "not in Confluent's wire format")
    registered = registry.find(framed.schema_id)
    if registered is None:
        return Outline(framed.schema_id, None, "the registry does not know the schema")
    schema = registered.schema
    datum = decode_datum(framed.body, schema, schema)
    if isinstance(datum, Broken):
        fields = tuple((str(one["name"]), "not read") for one in schema.raw["fields"])
        return Outline(framed.schema_id, schema.name, f"not possible: {datum}", fields)
    return Outline(framed.schema_id, schema.name, "possible", tuple(fields_of(schema, datum)))


def fields_of(schema: AvroSchema, datum: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Every field of a decoded record: path, and what kind of value it holds."""
    return _walk(schema.written, datum, "", definitions(schema))


def _walk(type_: Any, value: Any, path: str, names: Mapping[str, Any]) -> Iterator[tuple[str, str]]:  # noqa: ANN401
    if isinstance(value, dict):
        record = _branch(type_, "record", names, set(value))
        if record is None:
            yield path, f"map of {len(value)}"
            return
        for one in record["fields"]:
            yield from _walk(one["type"], value[one["name"]], f"{path}.{one['name']}".lstrip("."), names)
    elif isinstance(value, list):
        yield path, f"list of {len(value)}"
        array = _branch(type_, "array", names)
        for position, item in enumerate(value if array is not None else ()):
            yield from _walk(array["items"], item, f"{path}[{position}]", names)
    else:
        yield path, _kind(value)


def _branch(type_: Any, kind: str, names: Mapping[str, Any], fields: set[str] | None = None) -> Any:  # noqa: ANN401
    """The record or array among the branches of a type; a record must have exactly these fields."""
    for branch in type_ if isinstance(type_, list) else [type_]:
        found = names.get(branch, branch) if isinstance(branch, str) else branch
        is_kind = isinstance(found, Mapping) and found.get("type") == kind
        if is_kind and (fields is None or {one["name"] for one in found["fields"]} == fields):
            return found
    return None


def _kind(value: object) -> str:
    """
    >>> _kind(True), _kind(None), _kind("x")
    ('flag', 'null', 'text')
    """
    if value is None:
        return "null"
    return next((name for type_, name in _KINDS if isinstance(value, type_)), "value")
