"""An Avro schema as Headwater keeps it, and decoding that no bytes can harm.

A schema is held twice: as its author wrote it (for writing: dates, decimals), and without logical
types (for reading: twice as fast; the mapping turns raw numbers into what it needs).
Does not resolve names across files: a contract is one `.avsc`.
"""

from __future__ import annotations

import hashlib
import io
import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from fastavro import parse_schema, schemaless_reader, schemaless_writer
from fastavro.read import SchemaResolutionError
from fastavro.schema import SchemaParseException, UnknownType

_KEPT = ("logicalType", "precision", "scale", "default", "size", "symbols")

UNREADABLE = (
    EOFError,
    ValueError,  # includes UnicodeDecodeError
    LookupError,
    TypeError,
    OverflowError,
    StopIteration,
    AttributeError,
    struct.error,
    MemoryError,
    AssertionError,
)


@dataclass(frozen=True, slots=True)
class AvroSchema:
    """A parsed schema.

    Attributes:
        name: full name of the record.
        canonical: the schema without documentation, names in full, keys sorted.
        written: for writing, with logical types.
        raw: for reading, without logical types.
        text: as its author wrote it, for a registry.
    """

    name: str
    canonical: str
    written: Mapping[str, Any] = field(repr=False, compare=False)
    raw: Mapping[str, Any] = field(repr=False, compare=False)
    text: str = field(repr=False, compare=False)

    @property
    def derived_number(self) -> int:
        """A number the canonical form gives for ever, from 1 to 2^31 - 1."""
        digest = hashlib.sha256(self.canonical.encode()).digest()
        return int.from_bytes(digest[:4], "big") % (2**31 - 1) + 1


@dataclass(frozen=True, slots=True)
class Unfit:
    """Why a text is no schema Headwater can use."""

    problem: str
    remedy: str


def read_schema(text: str) -> AvroSchema | Unfit:
    """Parses the text of an `.avsc` file.

    Refuses what could not be read safely from a stranger: recursive types (a few bytes a level make
    any depth) and lists of items without size (a few bytes make any length).
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        return Unfit(f"not valid JSON: {error}", "correct the JSON")
    if not isinstance(document, dict) or document.get("type") != "record":
        return Unfit("the schema is not a record", "make the outermost type a record")
    try:
        parsed = parse_schema(document)
    except (SchemaParseException, UnknownType, *UNREADABLE, RecursionError) as error:
        return Unfit(f"not a valid Avro schema: {error}", "correct it as the Avro specification says")
    assert isinstance(parsed, dict)  # a record was asked for above
    return _unsafe(parsed) or _schema_of(parsed, text)


def _schema_of(parsed: dict[str, Any], text: str) -> AvroSchema:
    plain = _stripped(parsed, ())
    canonical = json.dumps(_stripped(parsed, _KEPT), sort_keys=True, separators=(",", ":"))
    raw = parse_schema(plain)
    assert isinstance(raw, dict)
    return AvroSchema(str(parsed["name"]), canonical, parsed, raw, text)


def _stripped(schema: Any, keep: tuple[str, ...]) -> Any:  # noqa: ANN401 - a schema is JSON
    if isinstance(schema, list):
        return [_stripped(branch, keep) for branch in schema]
    if not isinstance(schema, dict):
        return schema
    always = {"type", "name", "items", "values", "symbols", "size", "default"}
    bare = {
        key: _stripped(value, keep) if key in {"type", "items", "values"} else value
        for key, value in schema.items()
        if key in always or key in keep
    }
    if "fields" in schema:
        bare["fields"] = [_stripped(one, keep) for one in schema["fields"]]
    if set(bare) == {"type"}:
        return bare["type"]
    return bare


def _unsafe(parsed: dict[str, Any]) -> Unfit | None:
    names = _definitions(parsed)
    if _is_recursive(parsed, names, frozenset()):
        return Unfit("the schema contains itself", "write nested levels out, or use a list of references")
    if _has_endless_list(parsed, names):
        return Unfit("a list has items without any size", "give the items at least one field")
    return None


def _definitions(schema: Any) -> dict[str, Any]:  # noqa: ANN401 - a schema is JSON
    found: dict[str, Any] = {}
    for inner in _inner(schema):
        found |= _definitions(inner)
    if isinstance(schema, dict) and schema.get("type") in {"record", "enum", "fixed"}:
        found[str(schema["name"])] = schema
    return found


def _inner(schema: Any) -> list[Any]:  # noqa: ANN401 - a schema is JSON
    """The types one level below."""
    if isinstance(schema, list):
        return schema
    if not isinstance(schema, dict):
        return []
    if schema.get("type") == "record":
        return [one["type"] for one in schema["fields"]]
    below = [schema.get("items"), schema.get("values"), schema.get("type")]
    return [one for one in below if isinstance(one, dict | list) or (one is not None and one is not schema.get("type"))]


def _is_recursive(schema: Any, names: Mapping[str, Any], above: frozenset[str]) -> bool:  # noqa: ANN401
    if isinstance(schema, str):
        if schema not in names:
            return False
        return schema in above or _is_recursive(names[schema], names, above)
    if isinstance(schema, dict) and schema.get("type") == "record":
        above = above | {str(schema["name"])}
    return any(_is_recursive(inner, names, above) for inner in _inner(schema))


def _has_endless_list(schema: Any, names: Mapping[str, Any]) -> bool:  # noqa: ANN401
    if isinstance(schema, dict) and schema.get("type") == "array" and _is_empty(schema["items"], names):
        return True
    return any(_has_endless_list(inner, names) for inner in _inner(schema))


def _is_empty(schema: Any, names: Mapping[str, Any]) -> bool:  # noqa: ANN401
    """Whether a value takes no byte."""
    if isinstance(schema, str):
        return schema == "null" or (schema in names and _is_empty(names[schema], names))
    kind = schema.get("type") if isinstance(schema, dict) else None
    if kind == "record":
        return all(_is_empty(one["type"], names) for one in schema["fields"])
    return kind == "null" or (kind == "fixed" and schema["size"] == 0)


def leaf_type(schema: Any, names: Mapping[str, Any]) -> Any:  # noqa: ANN401 - a schema is JSON
    """The type behind optional unions and names: `["null", X]` is X, a name its definition."""
    if isinstance(schema, list):
        present = [branch for branch in schema if branch != "null"]
        return leaf_type(present[0], names) if len(present) == 1 else present
    if isinstance(schema, str) and schema in names:
        return names[schema]
    return schema


def definitions(schema: AvroSchema) -> dict[str, Any]:
    """Every named type of a schema, by full name."""
    return _definitions(schema.written)


class Broken(StrEnum):
    """How bytes fail to be a datum of a schema."""

    TRUNCATED = "truncated"
    MALFORMED = "malformed"
    TRAILING = "bytes after the end"
    UNRESOLVABLE = "written with an incompatible schema"


def decode_datum(body: bytes, writer: AvroSchema, reader: AvroSchema) -> dict[str, Any] | Broken:
    """Decodes one datum, raw (no logical types), as the reader's schema sees it.

    Any bytes at all give a value or a `Broken`; nothing raises.
    """
    source = io.BytesIO(body)
    resolve = None if writer.canonical == reader.canonical else reader.raw
    try:
        datum = schemaless_reader(source, writer.raw, resolve)  # type: ignore[arg-type]
    except EOFError:
        return Broken.TRUNCATED
    except SchemaResolutionError:
        return Broken.UNRESOLVABLE
    except UNREADABLE:
        return Broken.TRUNCATED if source.tell() >= len(body) else Broken.MALFORMED
    if source.tell() != len(body):
        return Broken.TRAILING
    return datum if isinstance(datum, dict) else Broken.MALFORMED


class UnfitRecord(ValueError):
    """A record does not have the shape its schema asks for; the message names the field, never its value."""


def encode_datum(schema: AvroSchema, record: Mapping[str, Any]) -> bytes:
    """Encodes one record; dates, datetimes and decimals may be given as such or raw.

    Raises:
        UnfitRecord: the record does not fit the schema.
    """
    target = io.BytesIO()
    try:
        schemaless_writer(target, schema.written, record)  # type: ignore[arg-type]
    except UNREADABLE as error:
        raise UnfitRecord(f"does not fit `{schema.name}` ({type(error).__name__})") from None
    return target.getvalue()
