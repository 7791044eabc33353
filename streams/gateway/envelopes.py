"""The forms in which events come, each turned into the same items: own JSON, and CloudEvents in three modes.

A CloudEvent's `type` names the contract as it does on Kafka, `<agency>.<contract>.v<version>`; its
`source` must begin with `/<agency>`; `data` is the record. `time`, `subject`, `dataschema` and
extensions are not looked at. Does not look into records.

Source: CloudEvents 1.0.2, specification; JSON Event Format; HTTP Protocol Binding, section 3.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import unquote

from schemas.contract import Contract
from schemas.outcomes import RejectionReason
from streams.gateway.problems import Problem, ProblemType

LONGEST_ID = 200
MOST_EVENTS = 10_000
OWN, STRUCTURED, BATCH = "application/json", "application/cloudevents+json", "application/cloudevents-batch+json"
MEDIA_TYPES = (OWN, STRUCTURED, BATCH)


class EnvelopeFault(StrEnum):
    """Why an event is refused before its record is looked at, where intake has no word for it."""

    WRONG_ENVELOPE = "wrong-envelope"
    UNKNOWN_CONTRACT = "unknown-contract"


Reason = RejectionReason | EnvelopeFault


@dataclass(frozen=True, slots=True, repr=False)
class Item:
    """A record as it came, and its contract.

    Attributes:
        event_id: the CloudEvent's, None in own JSON.
    """

    contract: Contract
    record: object
    event_id: str | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """An event that was not taken.

    Attributes:
        event_id: its id, if it has one.
        detail: names of fields, never a value.
    """

    event_id: str | None
    reason: Reason
    detail: str


@dataclass(frozen=True)
class Agency:
    """Who publishes, and what there is to publish to.

    Attributes:
        name: as in the deployment.
        contracts: its own.
        foreign: names of feeds of all others.
    """

    name: str
    contracts: tuple[Contract, ...]
    foreign: frozenset[str]

    def find(self, named: object) -> Contract:
        """Its contract by name or feed.

        Raises:
            Problem: it has none of that name.
        """
        for contract in self.contracts:
            if named in (contract.name, contract.feed):
                return contract
        if isinstance(named, str) and named in self.foreign:
            raise Problem(ProblemType.FOREIGN_CONTRACT, f"the contract is not {self.name}'s")
        listed = ", ".join(contract.name for contract in self.contracts) or "none"
        raise Problem(ProblemType.UNKNOWN_CONTRACT, f"contracts of {self.name}: {listed}")


def read_own(document: object, agency: Agency) -> list[Item | Refused]:
    """Events of `{"contract": .., "events": [..]}` or `{"contract": .., "event": ..}`.

    Raises:
        Problem: it has another shape, or the contract is not the agency's.
    """
    if not isinstance(document, dict) or set(document) not in ({"contract", "events"}, {"contract", "event"}):
        raise Problem(ProblemType.WRONG_SHAPE, "an object is wanted, with `contract` and either `event` or `events`")
    if not isinstance(document["contract"], str):
        raise Problem(ProblemType.WRONG_SHAPE, "`contract` is not text")
    records = [document["event"]] if "event" in document else _listed(document["events"], "`events`")
    contract = agency.find(document["contract"])
    return [Item(contract, record) for record in records]


def read_structured(document: object, agency: Agency) -> list[Item | Refused]:
    """The one event of a CloudEvent in structured mode."""
    return [_cloud_event(document, agency)]


def read_batch(document: object, agency: Agency) -> list[Item | Refused]:
    """Events of a CloudEvents batch.

    Raises:
        Problem: it is no list, or an empty or endless one.
    """
    return [_cloud_event(one, agency) for one in _listed(document, "the body")]


def read_binary(headers: Mapping[str, str], document: object, agency: Agency) -> list[Item | Refused]:
    """The one event of a CloudEvent in binary mode: attributes are headers, the body is the record.

    Args:
        headers: by lower-case name.
        document: the body.
        agency: who sends.
    """
    try:
        attributes = {name[3:]: unquote(value, errors="strict") for name, value in headers.items() if name[:3] == "ce-"}
    except UnicodeDecodeError:
        return [_wrong(None, "a `ce-` header is not percent-encoded UTF-8")]
    return [_cloud_event({**attributes, "data": document}, agency)]


READERS: Mapping[str, Callable[[object, Agency], list[Item | Refused]]] = {
    OWN: read_own,
    STRUCTURED: read_structured,
    BATCH: read_batch,
}
"""By media type."""


def is_binary(headers: Iterable[str]) -> bool:
    """Whether the names of headers are those of a CloudEvent in binary mode.

    >>> is_binary(["accept", "ce-id"]), is_binary(["accept"])
    (True, False)
    """
    return any(name in ("ce-specversion", "ce-id", "ce-source", "ce-type") for name in headers)


def _listed(value: object, what: str) -> list[Any]:
    if not isinstance(value, list):
        raise Problem(ProblemType.WRONG_SHAPE, f"{what} is not a list")
    if not value:
        raise Problem(ProblemType.WRONG_SHAPE, f"{what} is an empty list; there is nothing to publish")
    if len(value) > MOST_EVENTS:
        raise Problem(ProblemType.TOO_LARGE, f"{what} has more than {MOST_EVENTS} events")
    return value


def _cloud_event(event: object, agency: Agency) -> Item | Refused:
    if not isinstance(event, dict):
        return _wrong(None, "the event is not an object")
    given = event.get("id")
    id_ = given if isinstance(given, str) and 0 < len(given) <= LONGEST_ID else None
    fault = _envelope_fault(event)
    if id_ is None or fault is not None:
        return _wrong(id_, fault or f"`id` is missing, empty or longer than {LONGEST_ID} characters")
    if event["source"].strip("/").split("/")[0] != agency.name:
        return Refused(id_, RejectionReason.WRONG_AGENCY, f"`source` does not begin with /{agency.name}")
    return _of_contract(event, id_, agency)


def _envelope_fault(event: Mapping[str, Any]) -> str | None:
    """What is wrong with a CloudEvent as such, but for its id."""
    if event.get("specversion") != "1.0":
        return "`specversion` is not 1.0"
    for name in ("source", "type"):
        if not isinstance(event.get(name), str) or not event[name]:
            return f"`{name}` is missing or empty"
    if not is_json(event.get("datacontenttype", OWN)):
        return "`datacontenttype` is not JSON"
    return None if "data" in event else "`data` is missing; a record is JSON, not `data_base64`"


def _of_contract(event: Mapping[str, Any], id_: str, agency: Agency) -> Item | Refused:
    for contract in agency.contracts:
        if event["type"] == type_of(contract):
            return Item(contract, event["data"], id_)
    if event["type"].rpartition(".v")[0] in agency.foreign:
        return Refused(id_, RejectionReason.WRONG_AGENCY, f"`type` names a contract that is not {agency.name}'s")
    listed = ", ".join(map(type_of, agency.contracts)) or "none"
    return Refused(id_, EnvelopeFault.UNKNOWN_CONTRACT, f"`type` is none of the agency's: {listed}")


def type_of(contract: Contract) -> str:
    """What `type` must be for a contract's records."""
    return f"{contract.feed}.v{contract.major}"


def is_json(media_type: object) -> bool:
    """Whether a media type, with or without parameters, is JSON.

    >>> is_json("application/json; charset=utf-8"), is_json("application/avro")
    (True, False)
    """
    bare = media_type.partition(";")[0].strip().lower() if isinstance(media_type, str) else ""
    return bare in (OWN, "text/json") or bare.endswith("+json")


def _wrong(id_: str | None, detail: str) -> Refused:
    return Refused(id_, EnvelopeFault.WRONG_ENVELOPE, detail)
