"""Records of an agency as messages for Kafka: key, value, CloudEvents headers.

Does not send (`streams` does). The key orders an agency's records; it is a hash of what the
mapping names as `key` (else of the event id), so that no identity stands in a key even in the intake
zone.

Source: CloudEvents 1.0.2, "Kafka Protocol Binding", binary content mode.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from processors.events import derived_id
from schemas.avro import Broken, UnfitRecord, decode_datum, encode_datum
from schemas.contract import Contract
from schemas.heartbeats import HEARTBEAT, HEARTBEAT_KEY, HEARTBEAT_SUBJECT
from schemas.jsonvalues import from_text, to_datum
from schemas.outcomes import Rejection, RejectionReason
from schemas.reading import MOST_BYTES, TOO_LARGE
from schemas.registry import Registry
from schemas.wire import frame

Message = tuple[bytes, bytes, list[tuple[str, bytes]]]
"""Key, value, headers."""


def register_contract(contract: Contract, registry: Registry) -> int:
    """Makes a contract's schema and the heartbeat known to a registry; returns the contract's schema id."""
    registry.register(HEARTBEAT_SUBJECT, HEARTBEAT)
    return registry.register(contract.subject, contract.schema)


def publish_record(
    contract: Contract, registry: Registry, record: Mapping[str, Any], event_id: str | None = None
) -> Message:
    """Makes the message for one record.

    Args:
        contract: the record's.
        registry: gives the schema id; the schema is registered when it is not yet.
        record: as the Avro schema asks; dates and decimals as Python's types or raw.
        event_id: of the CloudEvent it came in; None: what the mapping reads as `id` stands in `ce_id`.

    Raises:
        UnfitRecord: the record does not fit the schema. Whether intake will accept it is another
            question, which `schemas.reading.intake_record` answers.
        RegistryUnreachable: the schema id cannot be had.
    """
    body = encode_datum(contract.schema, record)
    datum = decode_datum(body, contract.schema, contract.schema)
    if isinstance(datum, Broken):
        raise UnfitRecord(f"does not fit `{contract.schema.name}` ({datum})")
    mapping = contract.mapping
    own_id = "/".join(mapping.id_parts(datum))
    recorded_at = mapping.recorded_at(datum)
    key = derived_id(contract.feed, mapping.key(datum) or own_id).encode()
    headers = _headers(contract, event_id or own_id, recorded_at if isinstance(recorded_at, int) else None)
    return key, frame(registry.register(contract.subject, contract.schema), body), headers


def publish_json(
    contract: Contract, registry: Registry, value: object, event_id: str | None = None
) -> Message | Rejection:
    """Makes the message for one record written in JSON, or says why it is none.

    Args:
        contract: the record's.
        registry: as for `publish_record`.
        value: as `json.loads` gives it; read by `schemas.jsonvalues`.
        event_id: of the CloudEvent it came in. It fills the contract's id field where the record leaves that out.

    Raises:
        RegistryUnreachable: the schema id cannot be had.
    """
    try:
        record = to_datum(contract.schema, _with_id(contract, value, event_id))
        message = publish_record(contract, registry, record, event_id)
    except UnfitRecord as error:
        return Rejection(RejectionReason.NOT_AVRO, str(error))
    return TOO_LARGE if len(message[1]) > MOST_BYTES else message


def _with_id(contract: Contract, value: object, event_id: str | None) -> object:
    place = contract.mapping.id_field
    if event_id is None or place is None or not isinstance(value, dict) or place.name in value:
        return value
    return {**value, place.name: from_text(place.type, event_id)}


def publish_heartbeat(contract: Contract, registry: Registry, up_to: int) -> Message:
    """Makes the message "nothing new up to then".

    Args:
        contract: of the feed. A heartbeat goes to every partition of its topic.
        registry: gives the schema id.
        up_to: ms, inclusive.
    """
    value = frame(registry.register(HEARTBEAT_SUBJECT, HEARTBEAT), encode_datum(HEARTBEAT, {"up_to": up_to}))
    headers = _headers(contract, f"heartbeat-{up_to}", up_to, "headwater.heartbeat.v1")
    return HEARTBEAT_KEY, value, headers


def _headers(
    contract: Contract, event_id: str, time_ms: int | None, type_: str | None = None
) -> list[tuple[str, bytes]]:
    headers = {
        "ce_specversion": "1.0",
        "ce_id": event_id,
        "ce_source": f"/{contract.agency}/{contract.name}",
        "ce_type": type_ or f"{contract.feed}.v{contract.major}",
        "content-type": "application/avro",
    }
    if time_ms is not None:
        headers["ce_time"] = _rfc3339(time_ms)
    return [(name, value.encode()) for name, value in headers.items()]


def _rfc3339(time_ms: int) -> str:
    """
    >>> _rfc3339(0)
    '1970-01-01T00:00:00.000Z'
    """
    moment = datetime.fromtimestamp(time_ms // 1000, tz=UTC).replace(microsecond=time_ms % 1000 * 1000)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
