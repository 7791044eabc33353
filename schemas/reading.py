"""Bytes of an agency's record in, canonical events or a reason out; never an exception for bad bytes.

    headers -> frame -> schema -> Avro -> type, id, change, dates -> persons and attributes

Pure but for the registry, which may have to be asked about an id seen for the first time. Does not
know who a person is: identity, purposes and duplicates are decided by intake.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from processors.events import Attribute, ChangeKind, derived_id
from schemas.attributes import encode_attributes
from schemas.avro import Broken, decode_datum
from schemas.contract import Contract
from schemas.heartbeats import HEARTBEAT, HEARTBEAT_SUBJECT
from schemas.mapping import EventMapping, PersonMapping
from schemas.outcomes import Heartbeat, Mapped, MappedEvent, Rejection, RejectionReason
from schemas.registry import Registered, Registry
from schemas.values import EARLIEST_MS, LATEST_MS
from schemas.wire import Framed, Misframed, unframe

__all__ = ["Heartbeat", "Mapped", "MappedEvent", "Rejection", "RejectionReason", "intake_record", "read_datum"]

MOST_BYTES = 1_000_000
"""Largest value or key taken, bytes."""
_DAY_MS = 86_400_000
_NULL_KEY = Rejection(RejectionReason.NULL_KEY, "the record has no key")
_NULL_VALUE = Rejection(RejectionReason.NULL_VALUE, "the record has no value")
TOO_LARGE = Rejection(RejectionReason.TOO_LARGE, f"the record is larger than {MOST_BYTES} bytes")
_BROKEN = {
    Broken.TRUNCATED: Rejection(RejectionReason.TRUNCATED, "the Avro datum ends too early"),
    Broken.MALFORMED: Rejection(RejectionReason.NOT_AVRO, "the bytes are no datum of the schema they name"),
    Broken.TRAILING: Rejection(RejectionReason.NOT_AVRO, "bytes follow after the end of the Avro datum"),
    Broken.UNRESOLVABLE: Rejection(
        RejectionReason.WRONG_SCHEMA, "written with a schema the contract's schema cannot read"
    ),
}
_MISFRAMED = {
    Misframed.NO_MAGIC: Rejection(RejectionReason.NOT_AVRO, "the first byte is not 0 (Confluent's wire format)"),
    Misframed.TOO_SHORT: Rejection(RejectionReason.TRUNCATED, "the record ends within the schema id"),
}


def intake_record(  # noqa: PLR0913, PLR0917 - a Kafka record has that many parts
    contract: Contract,
    registry: Registry,
    key: bytes | None,
    value: bytes | None,
    headers: Sequence[tuple[str, bytes | None]],
    now: int,
) -> Mapped | Heartbeat | Rejection:
    """Reads one record of a contract's topic.

    Args:
        contract: whose topic it came from.
        registry: where schema ids are looked up.
        key: as on the topic.
        value: as on the topic.
        headers: as on the topic; only `ce_source` is looked at.
        now: ms; dates more than a day later are refused.

    Raises:
        RegistryUnreachable: a schema id is new and nobody can say what it is; try again later.
    """
    fault = _envelope_fault(contract, key, value, headers)
    if fault is not None or value is None:
        return fault or _NULL_VALUE
    framed = unframe(value)
    if not isinstance(framed, Framed):
        return _MISFRAMED[framed]
    registered = registry.find(framed.schema_id, contract.subject)
    if registered is None:
        return Rejection(RejectionReason.UNKNOWN_SCHEMA, f"the registry has no schema {framed.schema_id}")
    return _read(contract, registered, framed.body, now)


def _envelope_fault(
    contract: Contract, key: bytes | None, value: bytes | None, headers: Sequence[tuple[str, bytes | None]]
) -> Rejection | None:
    if key is None:
        return _NULL_KEY
    if value is None:
        return _NULL_VALUE
    if len(value) > MOST_BYTES or len(key) > MOST_BYTES:
        return TOO_LARGE
    if not _is_of_agency(headers, contract.agency):
        return Rejection(RejectionReason.WRONG_AGENCY, f"`ce_source` does not begin with /{contract.agency}")
    return None


def _is_of_agency(headers: Sequence[tuple[str, bytes | None]], agency: str) -> bool:
    for name, value in headers:
        if name == "ce_source" and (value or b"").strip(b"/").split(b"/")[0] != agency.encode():
            return False
    return True


def _read(contract: Contract, registered: Registered, body: bytes, now: int) -> Mapped | Heartbeat | Rejection:
    if contract.subject not in registered.subjects:
        return _read_heartbeat(contract, registered, body, now)
    datum = decode_datum(body, registered.schema, contract.schema)
    return _BROKEN[datum] if isinstance(datum, Broken) else read_datum(contract, datum, now)


def _read_heartbeat(contract: Contract, registered: Registered, body: bytes, now: int) -> Heartbeat | Rejection:
    if HEARTBEAT_SUBJECT not in registered.subjects:
        return Rejection(
            RejectionReason.WRONG_SCHEMA,
            f"`{registered.schema.name}` is not registered under `{contract.subject}`",
        )
    datum = decode_datum(body, registered.schema, HEARTBEAT)
    if isinstance(datum, Broken):
        return _BROKEN[datum]
    up_to = int(datum["up_to"])
    return heartbeat_fault(up_to, now) or Heartbeat(up_to)


def heartbeat_fault(up_to: int, now: int) -> Rejection | None:
    """Why a heartbeat up to then (ms) is refused at `now` (ms), if it is."""
    if not EARLIEST_MS <= up_to <= LATEST_MS:
        return Rejection(RejectionReason.ABSURD_DATE, "`up_to` is outside the years 1900 to 9999")
    if up_to > now + _DAY_MS:
        return Rejection(RejectionReason.FUTURE_DATE, "`up_to` lies in the future")
    return None


@dataclass(slots=True)  # not frozen: made and read once per record, on the way of every event
class _Head:
    """What all events of one record share; the parts of ids begin with agency and contract."""

    type: str
    id_parts: tuple[str, ...]
    replaced_parts: tuple[str, ...] | None
    change: ChangeKind
    occurred_at: int
    recorded_at: int
    ended_at: int | None


def read_datum(contract: Contract, datum: dict[str, Any], now: int) -> Mapped | Rejection:
    """Maps one decoded record (raw, without logical types)."""
    mapping = contract.mapping
    type_ = mapping.type_of(datum)
    if type_ is None:
        return Mapped(())
    if isinstance(type_, Rejection):
        return type_
    event = mapping.events[type_]
    head = _read_head(contract, event, datum, now)
    if isinstance(head, Rejection):
        return head
    for path in event.requires:
        if path.first(datum) is None:
            return Rejection(RejectionReason.UNMAPPABLE, f"`{path.text}` is missing")
    attributes = _read_attributes(event, datum)
    if isinstance(attributes, Rejection):
        return attributes
    return _read_persons(event, head, attributes, datum)


def _read_head(contract: Contract, event: EventMapping, datum: dict[str, Any], now: int) -> _Head | Rejection:
    mapping = contract.mapping
    id_parts = mapping.id_parts(datum)
    if "" in id_parts:
        return Rejection(RejectionReason.MISSING_ID, "the record has no event id, or not all parts of it")
    change = mapping.change_of(datum)
    if isinstance(change, Rejection):
        return change
    dates = _read_dates(contract, event, change, datum, now)
    if isinstance(dates, Rejection):
        return dates
    replaced: tuple[str, ...] | None = None
    if change is not ChangeKind.CREATED:
        replaced = mapping.replaced_parts(datum) if mapping.replaced_parts is not None else ("",)
        if "" in replaced:
            return Rejection(RejectionReason.MISSING_REFERENCE, f"a record that is {change} names no earlier event")
        replaced = (contract.agency, contract.name, *replaced)
    return _Head(event.type, (contract.agency, contract.name, *id_parts), replaced, change, *dates)


def _read_dates(
    contract: Contract, event: EventMapping, change: ChangeKind, datum: dict[str, Any], now: int
) -> tuple[int, int, int | None] | Rejection:
    """Event time, time of recording and end.

    An annulment or end may come without content: it then counts as occurred when it was recorded,
    since its lateness is judged by the event it names.
    """
    recorded = contract.mapping.recorded_at(datum)
    if isinstance(recorded, Rejection):
        return recorded
    occurred = event.occurred_at(datum)
    if occurred is None and change in (ChangeKind.ANNULLED, ChangeKind.ENDED):
        occurred = recorded
    if isinstance(occurred, Rejection):
        return occurred
    ended = contract.mapping.ended_at(datum) if change is ChangeKind.ENDED else None
    if isinstance(ended, Rejection):
        return ended
    if recorded is None or occurred is None or (ended is None and change is ChangeKind.ENDED):
        return Rejection(RejectionReason.MISSING_DATE, f"a record that is {change} lacks a date")
    if max(recorded, occurred) > now + _DAY_MS or occurred > recorded + _DAY_MS:
        return Rejection(RejectionReason.FUTURE_DATE, "a date lies in the future, or the event after its recording")
    return occurred, recorded, ended


def _read_attributes(event: EventMapping, datum: dict[str, Any]) -> dict[str, Attribute] | Rejection:
    found: dict[str, Attribute] = {}
    for name, read in event.attributes:
        value = read(datum)
        if isinstance(value, Rejection):
            return value
        if value is not None:
            found[name] = value
    return found


def _read_persons(
    event: EventMapping, head: _Head, attributes: dict[str, Attribute], datum: dict[str, Any]
) -> Mapped | Rejection:
    events: list[MappedEvent] = []
    unidentified = 0
    encoded = b"" if event.tells_role else encode_attributes(attributes)
    for person in event.persons:
        own = encode_attributes({**attributes, "role": person.role}) if event.tells_role else encoded
        subjects = [datum] if person.each is None else person.each(datum)
        found = [
            _event_of(head, person, _place(person, subject, position), ids, own)
            for position, subject in enumerate(subjects)
            if (ids := person.ids(subject))
        ]
        if not found and not person.may_be_missing:
            return Rejection(RejectionReason.MISSING_PERSON, f"nobody with an id in the role `{person.role}`")
        if person.each is not None:
            unidentified += len(subjects) - len(found)
        events += found
    if not events:
        return Rejection(RejectionReason.MISSING_PERSON, "nobody with an id in any role")
    return Mapped(tuple(events), unidentified)


def _place(person: PersonMapping, subject: Any, position: int) -> str:  # noqa: ANN401 - a raw value
    """Role, and what tells persons of one role apart: their number, else their position from the second on."""
    if person.number is not None:
        return f"{person.role}#{person.number(subject) or f'at {position}'}"
    return person.role if position == 0 else f"{person.role}#{position}"


def _event_of(
    head: _Head, person: PersonMapping, place: str, ids: tuple[tuple[str, str], ...], attributes: bytes
) -> MappedEvent:
    """The event of the person at a place in the record, which tells them apart in event ids."""
    replaced = head.replaced_parts
    return MappedEvent(
        id=derived_id(*head.id_parts, place),
        type=head.type,
        role=person.role,
        person_ids=ids,
        joins_household_of=person.joins_household_of,
        occurred_at=head.occurred_at,
        recorded_at=head.recorded_at,
        change=head.change,
        replaces=None if replaced is None else derived_id(*replaced, place),
        ended_at=head.ended_at,
        attributes=attributes,
    )
