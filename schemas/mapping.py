"""`mapping.yaml` of a contract, checked against its schema and compiled to closures.

The language is described by `mapping.schema.json`, which editors use too; it says where in an
agency's record each part of a canonical event stands. Compiled once; a record then costs a few
closure calls. Does not read bytes (`schemas.reading`) nor know who a person is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import cel

from processors.civil_time import Calendar, day_start
from processors.events import Attribute, ChangeKind, EventType
from processors.surge import Brake
from schemas.avro import AvroSchema, definitions, leaf_type
from schemas.closures import (
    MISSING,
    Reader,
    checker,
    day_text,
    evaluated,
    first_present,
    id_text,
    joined,
    looked_up,
    no_ids,
    nothing,
    or_missing,
    text_or_missing,
    without_prefix,
)
from schemas.outcomes import Rejection, RejectionReason
from schemas.paths import NoPath, Path, compile_path
from schemas.problems import Node
from schemas.values import NAMED_FORMATS, Misdated, day_reader, format_of, moment_reader, number_reader

TOP_REQUIRED = ("version", "title", "contact", "settles_within", "id", "recorded_at", "type", "events")
TOP_OPTIONAL = ("begins", "key", "change", "replaces", "ended_at", "surge")
EVENT_REQUIRED = ("occurred_at", "persons")
EVENT_OPTIONAL = ("attributes", "requires")
PERSON_REQUIRED = ("ids",)
PERSON_OPTIONAL = ("role", "each", "number", "joins_household_of", "may_be_missing")
VALUE_FIELDS = ("path", "values", "else", "value", "cel", "with", "format", "divide_by", "strip_prefix", "ignore")
SURGE_FIELDS = ("factor", "floor")
CONTACT_FIELDS = ("name", "phone", "address")

_Datum = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Contact:
    """Whom to ask about a contract: a desk, never a person's e-mail."""

    name: str
    phone: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True)
class PersonMapping:
    """Where the persons of one role stand.

    Attributes:
        role: name of the role; the only one is called `person` unless named.
        each: record -> one sub-record per person; None: the record itself is about one.
        number: sub-record -> what tells persons of one role apart for ever; None: their position.
        ids: sub-record -> (scheme, value) pairs.
        joins_household_of: role whose household they join.
        may_be_missing: a record without them is fine.
    """

    role: str
    each: Callable[[Any], list[Any]] | None
    number: Callable[[Any], str] | None
    ids: Callable[[Any], tuple[tuple[str, str], ...]]
    joins_household_of: str | None
    may_be_missing: bool


@dataclass(frozen=True, slots=True)
class EventMapping:
    """How one event type is read from a record.

    Attributes:
        occurred_at: record -> ms, None when it is not there, or a rejection.
        persons: by role, in the order written.
        attributes: (name, record -> value, None or a rejection).
        requires: paths without which the record cannot be this event.
        tells_role: the attribute `role` carries the person's role.
    """

    type: str
    occurred_at: Callable[[_Datum], int | Rejection | None]
    persons: tuple[PersonMapping, ...]
    attributes: tuple[tuple[str, Callable[[_Datum], Attribute | Rejection]], ...]
    requires: tuple[Path, ...]
    tells_role: bool


@dataclass(frozen=True, slots=True)
class IdField:
    """The field of a record that holds the event id: name and Avro type."""

    name: str
    type: str


@dataclass(frozen=True, slots=True)
class RecordMapping:
    """A compiled `mapping.yaml`.

    Attributes:
        version: major version of the topic.
        title: what the contract is about.
        contact: whom to ask.
        settles_within_ms: how long after it occurred the agency may still record an event.
        begins_ms: from when on its records are complete; None: from the first that came.
        brake: what more of its records in a day is a surge; None: nothing is.
        type_of: record -> type, None when the record is nobody's life event, or a rejection.
        id_parts: record -> the agency's event id in parts; an empty one is missing.
        id_field: the one field of the record that is the event id; None: the id stands deeper or in parts.
        key: record -> what orders records in the agency's topic.
        change_of: record -> change kind or a rejection.
        recorded_at: record -> ms, None or a rejection.
        replaced_parts: record -> id of the earlier event in parts; None: the contract has none.
        ended_at: record -> ms, None or a rejection.
        events: by type.
    """

    version: int
    title: str
    contact: Contact
    settles_within_ms: int
    begins_ms: int | None
    brake: Brake | None
    type_of: Callable[[_Datum], str | Rejection | None]
    id_parts: Callable[[_Datum], tuple[str, ...]]
    id_field: IdField | None
    key: Callable[[_Datum], str]
    change_of: Callable[[_Datum], ChangeKind | Rejection]
    recorded_at: Callable[[_Datum], int | Rejection | None]
    replaced_parts: Callable[[_Datum], tuple[str, ...]] | None
    ended_at: Callable[[_Datum], int | Rejection | None]
    events: Mapping[str, EventMapping]


def compile_mapping(
    node: Node, schema: AvroSchema, zone: ZoneInfo, catalogue: Mapping[str, EventType] | None
) -> RecordMapping:
    """Compiles a mapping; faults go to the node's problems (then the result must not be used).

    Args:
        node: the document.
        schema: of the agency's record.
        zone: of dates without time.
        catalogue: types and attributes that exist; None: any (experiments, foreign contracts).
    """
    return _Compiler(schema.written, definitions(schema), zone, catalogue).whole(node)


@dataclass(frozen=True, slots=True)
class _Value:
    """A compiled value before its meaning is applied: reader, Avro type and the path as written."""

    read: Reader
    leaf: Any
    label: str


@dataclass(frozen=True, slots=True)
class _Compiler:
    """Compiles parts of a mapping against one Avro type."""

    here: Any
    names: Mapping[str, Any]
    zone: ZoneInfo
    catalogue: Mapping[str, EventType] | None

    def whole(self, node: Node) -> RecordMapping:
        parts = node.fields(TOP_REQUIRED, TOP_OPTIONAL)

        def part(name: str) -> Node:
            return parts.get(name, _absent(node, name))

        id_ = self.texts(part("id"))
        events = {name: self.event(one) for name, one in part("events").entries().items()}
        return RecordMapping(
            version=part("version").whole(),
            title=part("title").text(),
            contact=_contact(part("contact")),
            settles_within_ms=part("settles_within").duration_ms(),
            begins_ms=day_start(parts["begins"].day(), Calendar(self.zone.key)) if "begins" in parts else None,
            brake=_brake(parts["surge"]) if "surge" in parts else Brake(),
            type_of=self.type_of(part("type"), events),
            id_parts=id_,
            id_field=self.id_field(part("id")),
            key=joined(self.texts(parts["key"]) if "key" in parts else id_),
            change_of=self.change_of(parts.get("change")),
            recorded_at=self.moment(part("recorded_at")),
            replaced_parts=self.texts(parts["replaces"]) if "replaces" in parts else None,
            ended_at=self.moment(parts["ended_at"]) if "ended_at" in parts else nothing,
            events=events,
        )

    def id_field(self, node: Node) -> IdField | None:
        for one in self.here["fields"]:
            leaf = leaf_type(one["type"], self.names)
            if one["name"] == node.value and isinstance(leaf, str):
                return IdField(str(one["name"]), leaf)
        return None

    def event(self, node: Node) -> EventMapping:
        known = self.catalogue.get(node.name) if self.catalogue is not None else None
        if self.catalogue is not None and known is None:
            node.wrong(f"type `{node.name}` is not in the catalogue", "use a type of catalogue.yaml, or add it there")
        parts = node.fields(EVENT_REQUIRED, EVENT_OPTIONAL)
        persons = self.persons(parts["persons"]) if "persons" in parts else ()
        return EventMapping(
            type=node.name,
            occurred_at=self.moment(parts["occurred_at"]) if "occurred_at" in parts else nothing,
            persons=persons,
            attributes=self.attributes(parts["attributes"], known) if "attributes" in parts else (),
            requires=self.required(parts["requires"]) if "requires" in parts else (),
            tells_role=len(persons) > 1 or (known is not None and "role" in known.attributes),
        )

    def required(self, node: Node) -> tuple[Path, ...]:
        found = (self.path(one) for one in node.items())
        return tuple(path for path in found if path is not None)

    def persons(self, node: Node) -> tuple[PersonMapping, ...]:
        persons = tuple(self.person(one) for one in node.items())
        roles = [person.role for person in persons]
        for person in persons:
            if roles.count(person.role) > 1:
                node.wrong(f"role `{person.role}` stands twice", "give each role one entry")
            if person.joins_household_of is not None and person.joins_household_of not in roles:
                node.wrong(f"no role `{person.joins_household_of}` to join", f"use one of: {', '.join(roles)}")
        return persons

    def person(self, node: Node) -> PersonMapping:
        parts = node.fields(PERSON_REQUIRED, PERSON_OPTIONAL)
        each = self.path(parts["each"]) if "each" in parts else None
        inner = self if each is None else _Compiler(each.leaf, self.names, self.zone, self.catalogue)
        return PersonMapping(
            role=parts["role"].text() if "role" in parts else "person",
            each=None if each is None else each.every,
            number=joined(inner.texts(parts["number"])) if "number" in parts else None,
            ids=inner.ids(parts["ids"]) if "ids" in parts else no_ids,
            joins_household_of=parts["joins_household_of"].text() if "joins_household_of" in parts else None,
            may_be_missing=parts["may_be_missing"].flag() if "may_be_missing" in parts else False,
        )

    def ids(self, node: Node) -> Callable[[Any], tuple[tuple[str, str], ...]]:
        schemes: list[tuple[str, Callable[[Any], list[Any]]]] = []
        for one in node.items():
            parts = one.fields(("scheme", "path"))
            path = self.path(parts["path"]) if "path" in parts else None
            if path is not None and "scheme" in parts:
                schemes.append((parts["scheme"].text(), path.every))

        def read(record: Any) -> tuple[tuple[str, str], ...]:  # noqa: ANN401
            return tuple(
                [(scheme, text) for scheme, every in schemes for value in every(record) if (text := id_text(value))]
            )

        return read

    def attributes(
        self, node: Node, known: EventType | None
    ) -> tuple[tuple[str, Callable[[_Datum], Attribute | Rejection]], ...]:
        found: list[tuple[str, Callable[[_Datum], Attribute | Rejection]]] = []
        for name, one in node.entries().items():
            kind = None if known is None else known.attributes.get(name)
            if known is not None and kind is None:
                one.wrong(f"`{known.name}` has no attribute `{name}`", f"use one of: {', '.join(known.attributes)}")
            found.append((name, self.attribute(one, kind)))
        return tuple(found)

    def attribute(self, node: Node, kind: str | None) -> Callable[[_Datum], Attribute | Rejection]:
        value = self.value(node)
        options = node.fields((), VALUE_FIELDS) if isinstance(node.value, Mapping) else {}
        kind = kind or _kind_of(value.leaf, options)
        meant = self._meaning(node, kind, value.leaf, options)
        wrong = Rejection(RejectionReason.UNMAPPABLE, f"`{value.label}` cannot be read as {kind}")
        read = value.read

        def apply(record: _Datum) -> Attribute | Rejection:
            raw = read(record)
            if raw is None:
                return None
            found: Attribute | object = meant(raw)
            return wrong if found is MISSING else found  # type: ignore[return-value]

        return apply

    def _meaning(self, node: Node, kind: str, leaf: Any, options: Mapping[str, Node]) -> Reader:  # noqa: ANN401
        if "values" in options or "value" in options or kind == "boolean":
            return checker(kind)
        if kind == "number":
            number = number_reader(leaf, options["divide_by"].number() or 1.0 if "divide_by" in options else 1.0)
            return lambda raw: or_missing(number(raw))
        if kind == "date":
            day = day_reader(self._format(node, leaf, options), self.zone)
            return lambda raw: day_text(day(raw))
        return text_or_missing

    def _format(self, node: Node, leaf: Any, options: Mapping[str, Node]) -> str:  # noqa: ANN401
        written = options["format"].text() if "format" in options else None
        found = format_of(leaf, written)
        if found is None:
            node.wrong(
                "the date's format is not known",
                f"add `format:` with one of {', '.join(NAMED_FORMATS)} or a pattern such as dd/mm/yyyy",
            )
        return found or "iso"

    def moment(self, node: Node) -> Callable[[_Datum], int | Rejection | None]:
        value = self.value(node)
        options = node.fields((), VALUE_FIELDS) if isinstance(node.value, Mapping) else {}
        parse = moment_reader(self._format(node, value.leaf, options), self.zone)
        absurd = Rejection(RejectionReason.ABSURD_DATE, f"`{value.label}` is outside the years 1900 to 9999")
        unreadable = Rejection(RejectionReason.UNMAPPABLE, f"`{value.label}` cannot be read as a date")
        read = value.read

        def apply(record: _Datum) -> int | Rejection | None:
            raw = read(record)
            if raw is None or raw == "":
                return None
            found = parse(raw)
            if type(found) is int:
                return found
            return absurd if found is Misdated.ABSURD else unreadable

        return apply

    def texts(self, node: Node) -> Callable[[_Datum], tuple[str, ...]]:
        readers = tuple(self.value(one).read for one in node.items())
        if len(readers) == 1:
            only = readers[0]
            return lambda record: (id_text(only(record)),)
        return lambda record: tuple([id_text(read(record)) for read in readers])

    def type_of(self, node: Node, events: Mapping[str, EventMapping]) -> Callable[[_Datum], str | Rejection | None]:
        value = self.value(node)
        options = node.fields((), VALUE_FIELDS) if isinstance(node.value, Mapping) else {}
        for name in _targets(options) if "values" in options or "value" in options else ():
            if name not in events:
                node.wrong(f"`events` has no `{name}`", "describe it there, or map to a type that is")
        ignored = frozenset(one.text() for one in options["ignore"].items()) if "ignore" in options else frozenset()
        raw = self.raw(node, options).read
        unknown = Rejection(RejectionReason.UNKNOWN_TYPE, f"`{value.label}` names no type this contract maps")
        read = value.read

        def apply(record: _Datum) -> str | Rejection | None:
            found = read(record)
            if type(found) is str and found in events:
                return found
            return None if str(raw(record)) in ignored else unknown

        return apply

    def change_of(self, node: Node | None) -> Callable[[_Datum], ChangeKind | Rejection]:
        if node is None:
            return lambda _: ChangeKind.CREATED
        options = node.fields((), VALUE_FIELDS) if isinstance(node.value, Mapping) else {}
        legal = {kind.value: kind for kind in ChangeKind}
        for name in _targets(options) if "values" in options or "value" in options else ():
            if name not in legal:
                node.wrong(f"`{name}` is no change kind", f"use one of: {', '.join(legal)}")
        value = self.value(node)
        unknown = Rejection(RejectionReason.UNKNOWN_CHANGE_KIND, f"`{value.label}` names no change kind")
        read = value.read
        return lambda record: legal.get(str(read(record)), unknown)

    def value(self, node: Node) -> _Value:
        """A value with its value map and prefix applied; what no map knows becomes `MISSING`."""
        if not isinstance(node.value, Mapping):
            return self.raw(node, {})
        options = node.fields((), VALUE_FIELDS)
        raw = self.raw(node, options)
        if "strip_prefix" in options:
            raw = _Value(without_prefix(raw.read, options["strip_prefix"].text()), raw.leaf, raw.label)
        if "values" not in options:
            return raw
        table = {key: one.value for key, one in options["values"].entries().items()}
        return _Value(looked_up(raw.read, table, options.get("else")), raw.leaf, raw.label)

    def raw(self, node: Node, options: Mapping[str, Node]) -> _Value:
        if "value" in options:
            constant = options["value"].value
            return _Value(lambda _: constant, None, "value")
        if "cel" in options:
            return self.expression(options["cel"], options.get("with"))
        source = options.get("path", None if isinstance(node.value, Mapping) else node)
        if source is None:
            node.wrong(f"`{node.name}` says not where it stands", "add `path:`, `value:` or `cel:`")
            return _Value(nothing, "string", node.name)
        paths = [path for path in (self.path(one) for one in source.items()) if path is not None]
        if not paths:
            return _Value(nothing, "string", node.name)
        return _Value(first_present(tuple(path.first for path in paths)), paths[0].leaf, paths[0].text)

    def expression(self, node: Node, inputs: Node | None) -> _Value:
        """A CEL expression over named paths; numbers enter as doubles, a missing input gives nothing."""
        entries = {} if inputs is None else inputs.entries()
        paths = {name: path for name, one in entries.items() if (path := self.path(one)) is not None}
        try:
            program = cel.compile(node.text())
        except ValueError as error:
            node.wrong(f"not a CEL expression: {error}", "correct it")
            return _Value(nothing, "string", node.name)
        for name in program.variables():
            if name not in entries:
                node.wrong(f"`{name}` is not given", "name its path under `with:`")
        return _Value(evaluated(program, paths), None, node.text())

    def path(self, node: Node) -> Path | None:
        found = compile_path(node.text(), self.here, self.names)
        if isinstance(found, NoPath):
            node.wrong(found.problem, found.remedy)
            return None
        return found


def _absent(node: Node, name: str) -> Node:
    """Stands for a part that is missing (already noted), so that compiling goes on."""
    silent = type(node.problems)()
    return Node({}, node.file, node.line, silent, name)


def _brake(node: Node) -> Brake | None:
    """`off`, or how much more than the usual is a surge."""
    if node.value == "off":
        return None
    parts = node.fields((), SURGE_FIELDS)
    try:
        return Brake(
            parts["factor"].number() if "factor" in parts else Brake().factor,
            parts["floor"].whole() if "floor" in parts else Brake().floor,
        )
    except ValueError as fault:
        node.wrong(str(fault), "write `off`, or `{factor: 10, floor: 1000}`")
        return None


def _contact(node: Node) -> Contact:
    parts = {name: one.text() for name, one in node.fields(("name",), CONTACT_FIELDS[1:]).items()}
    return Contact(parts.get("name", ""), parts.get("phone", ""), parts.get("address", ""))


def _targets(options: Mapping[str, Node]) -> list[str]:
    if "value" in options:
        return [str(options["value"].value)]
    mapped = [str(one.value) for one in options["values"].entries().values()]
    return mapped + ([str(options["else"].value)] if "else" in options else [])


def _kind_of(leaf: Any, options: Mapping[str, Node]) -> str:  # noqa: ANN401 - an Avro type
    """The kind of an attribute no catalogue declares, from its Avro type."""
    logical = leaf.get("logicalType") if isinstance(leaf, dict) else None
    if "format" in options or logical == "date":
        return "date"
    numbers = ("int", "long", "float", "double")
    if "divide_by" in options or "cel" in options or leaf in numbers or logical == "decimal":
        return "number"
    return "boolean" if leaf == "boolean" else "string"
