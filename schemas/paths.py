"""Paths into a decoded record, checked against its Avro schema and compiled to closures.

    werknemer.insz                    a field of a field
    parties[capacity=DEFENDANT]       the items of a list whose field has that value
    personIds[]                       every item of a list
    coding[0].code                    one item by position
    this                              the item itself (inside `each`)

Knows nothing of what a value means (`schemas.values`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from schemas.avro import leaf_type

_SEGMENT = re.compile(r"([A-Za-z_]\w*)(?:\[([^\]]*)\])?")
_SPLIT = re.compile(r"\.(?![^\[]*\])")
_Step = Callable[[list[Any]], list[Any]]


@dataclass(frozen=True, slots=True)
class Path:
    """A compiled path.

    Attributes:
        text: as written in the mapping.
        first: record -> the first value that is there, or None.
        every: record -> all values that are there.
        leaf: Avro type of a value, without `null`.
        is_plain: no lists on the way: at most one value.
    """

    text: str
    first: Callable[[Any], Any]
    every: Callable[[Any], list[Any]]
    leaf: Any
    is_plain: bool


@dataclass(frozen=True, slots=True)
class NoPath:
    """Why a path leads nowhere."""

    problem: str
    remedy: str


def compile_path(text: str, schema: Any, names: Mapping[str, Any]) -> Path | NoPath:  # noqa: ANN401
    """Compiles a path.

    Args:
        text: as written.
        schema: Avro type the path starts in.
        names: definitions of the schema's named types.
    """
    if text == "this":
        return Path(text, _itself, _listed(_itself), leaf_type(schema, names), True)
    here, steps, fields = schema, list[_Step](), list[str]()
    for segment in _SPLIT.split(text):
        found = _SEGMENT.fullmatch(segment)
        if found is None:
            return NoPath(
                f"`{text}` is not a path", "write it as `a.b`, `list[field=value].c`, `list[].c` or `list[0]`"
            )
        name, selector = found[1], found[2]
        inner = _field_type(here, name, names)
        if isinstance(inner, NoPath):
            return inner
        fields.append(name)
        here = inner
        if selector is not None:
            selected = _select(text, selector, here, names)
            if isinstance(selected, NoPath):
                return selected
            step, here = selected
            steps += [_fields_step(tuple(fields)), step]
            fields = []
    leaf = leaf_type(here, names)
    if not steps:
        first = _plain(tuple(fields))
        return Path(text, first, _listed(first), leaf, True)
    every = _chained((*steps, _fields_step(tuple(fields))) if fields else tuple(steps))
    return Path(text, _first_of(every), every, leaf, False)


def _field_type(schema: Any, name: str, names: Mapping[str, Any]) -> Any:  # noqa: ANN401
    here = leaf_type(schema, names)
    branches = here if isinstance(here, list) else [here]
    known: list[str] = []
    for branch in branches:
        kind = leaf_type(branch, names)
        if isinstance(kind, dict) and kind.get("type") == "map":
            return kind["values"]
        for one in kind.get("fields", ()) if isinstance(kind, dict) else ():
            if one["name"] == name:
                return one["type"]
            known.append(one["name"])
    return NoPath(f"the schema has no `{name}` there", f"use one of: {', '.join(known) or 'nothing lies below'}")


def _select(text: str, selector: str, schema: Any, names: Mapping[str, Any]) -> tuple[_Step, Any] | NoPath:  # noqa: ANN401
    kind = leaf_type(schema, names)
    if not isinstance(kind, dict) or kind.get("type") != "array":
        return NoPath(f"`[{selector}]` in `{text}` does not stand on a list", "leave the brackets out")
    item = kind["items"]
    if selector == "":
        return _all_items, item
    if selector.isdecimal():
        return _item_at(int(selector)), item
    name, equals, wanted = selector.partition("=")
    if not equals:
        return NoPath(f"`[{selector}]` in `{text}` selects nothing", "write `[field=value]`, `[]` or `[0]`")
    inner = _field_type(item, name, names)
    return inner if isinstance(inner, NoPath) else (_items_where(name, wanted), item)


def _itself(value: Any) -> Any:  # noqa: ANN401
    return value


def _listed(first: Callable[[Any], Any]) -> Callable[[Any], list[Any]]:
    def every(record: Any) -> list[Any]:  # noqa: ANN401
        value = first(record)
        return [] if value is None else [value]

    return every


def _first_of(every: Callable[[Any], list[Any]]) -> Callable[[Any], Any]:
    def first(record: Any) -> Any:  # noqa: ANN401
        values = every(record)
        return values[0] if values else None

    return first


def _plain(names: tuple[str, ...]) -> Callable[[Any], Any]:
    only = names[0]

    def one(record: Any) -> Any:  # noqa: ANN401
        return record.get(only)

    def walk(record: Any) -> Any:  # noqa: ANN401
        for name in names:
            if type(record) is not dict:
                return None
            record = record.get(name)
        return record

    return one if len(names) == 1 else walk


def _chained(steps: tuple[_Step, ...]) -> Callable[[Any], list[Any]]:
    def every(record: Any) -> list[Any]:  # noqa: ANN401
        values = [record]
        for step in steps:
            values = step(values)
        return values

    return every


def _fields_step(names: tuple[str, ...]) -> _Step:
    walk = _plain(names)

    def step(values: list[Any]) -> list[Any]:
        return [found for value in values if type(value) is dict and (found := walk(value)) is not None]

    return step


def _all_items(values: list[Any]) -> list[Any]:
    return [item for value in values if type(value) is list for item in value if item is not None]


def _item_at(position: int) -> _Step:
    def step(values: list[Any]) -> list[Any]:
        return [value[position] for value in values if type(value) is list and len(value) > position]

    return step


def _items_where(name: str, wanted: str) -> _Step:
    def step(values: list[Any]) -> list[Any]:
        return [item for item in _all_items(values) if type(item) is dict and str(item.get(name)) == wanted]

    return step
