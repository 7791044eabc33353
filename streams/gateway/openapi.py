"""What the OpenAPI document says besides what follows from the routes: request bodies, examples, problems."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from streams.gateway.answers import EventsAnswer, HeartbeatRequest, ProblemAnswer
from streams.gateway.envelopes import BATCH, MEDIA_TYPES, OWN, STRUCTURED
from streams.gateway.problems import MEDIA_TYPE, ProblemType, described

WELCOME = """Headwater gateway: life events from agencies that do not use Kafka themselves.

  POST /v1/events        events as JSON or CloudEvents; 202 when Kafka has them
  POST /v1/heartbeats    "nothing new up to now"
  GET  /v1/events/ID     what became of one
  GET  /v1/receipts      what became of all

Every request carries your agency's code: Authorization: Bearer CODE
The code comes from whoever runs Headwater: headwater access issue agency NAME
All of it in detail: /openapi.json, and docs/agencies.md
"""
"""What a person sees who opens the address in a browser."""

DESCRIPTION = """\
The way in for agencies without a Kafka client. A request is answered with 202 when Kafka has what it says was
accepted; what became of it is told by receipts. Repeating a request does no harm: events are known by their ids."""

TAGS = [
    {"name": "publish", "description": "Events and heartbeats in."},
    {"name": "receipts", "description": "What became of them."},
    {"name": "process", "description": "For operators."},
]

RECORD = {
    "aangifteNummer": 700100,
    "aard": "OUT",
    "werknemer": {"insz": "85031512345"},
    "werkgever": {"ondernemingsnummer": "0417199869", "sector": "G"},
    "datumUit": 20260112,
    "redenUit": "ONTSLAG",
    "ontvangenOp": "2026-01-12T16:20:00Z",
}
"""A record of the demo town's contract `employment-service.job-declarations`; the person is invented."""

CLOUD_EVENT = {
    "specversion": "1.0",
    "id": "700100",
    "source": "/employment-service",
    "type": "employment-service.job-declarations.v1",
    "data": {name: value for name, value in RECORD.items() if name != "aangifteNummer"},
}


def _problems(*types: ProblemType) -> dict[int | str, dict[str, Any]]:
    """Answers of a route that are problems, by status."""
    found: dict[int | str, dict[str, Any]] = {}
    for type_ in (*types, ProblemType.FAULT):
        kind = type_.value
        answer = found.setdefault(
            kind.status, {"model": ProblemAnswer, "description": kind.title, "content": {MEDIA_TYPE: {"examples": {}}}}
        )
        answer["content"][MEDIA_TYPE]["examples"][type_.slug] = {
            "value": {**described(type_), "detail": "where, in words", "remedy": kind.remedy}
        }
        if kind.title not in answer["description"]:
            answer["description"] += f"; or: {kind.title}"
    return found


_ENTRY = (ProblemType.NO_CODE, ProblemType.UNAVAILABLE)
_BODY = (
    *_ENTRY,
    ProblemType.NOT_JSON,
    ProblemType.FOREIGN_CONTRACT,
    ProblemType.UNKNOWN_CONTRACT,
    ProblemType.TOO_SLOW,
    ProblemType.TOO_LARGE,
    ProblemType.WRONG_MEDIA_TYPE,
    ProblemType.WRONG_SHAPE,
    ProblemType.BUSY,
)


def _example(summary: str, value: object) -> dict[str, object]:
    return {"summary": summary, "value": value}


_OWN_SCHEMA = {
    "type": "object",
    "required": ["contract"],
    "properties": {
        "contract": {"type": "string", "description": "Name of the contract, or its feed."},
        "event": {"type": "object", "description": "One record, as the contract's Avro schema asks."},
        "events": {"type": "array", "minItems": 1, "items": {"type": "object"}},
    },
    "oneOf": [{"required": ["event"]}, {"required": ["events"]}],
    "additionalProperties": False,
}
_CLOUD_SCHEMA = {
    "type": "object",
    "required": ["specversion", "id", "source", "type", "data"],
    "properties": {
        "specversion": {"const": "1.0"},
        "id": {
            "type": "string", "minLength": 1, "maxLength": 200,
            "description": "Stands in `ce_id`, and fills the contract's id field where `data` leaves it out.",
        },
        "source": {"type": "string", "description": "`/<agency>`, or what begins with `/<agency>/`."},
        "type": {"type": "string", "description": "`<agency>.<contract>.v<version>`."},
        "data": {"type": "object", "description": "One record, as the contract's Avro schema asks."},
    },
}  # fmt: skip

_BINARY_HEADERS = [
    {"name": name, "in": "header", "required": False, "schema": {"type": "string"}, "description": f"{meaning} {mode}"}
    for mode in ("Binary mode of CloudEvents: the body is the record, in `application/json`.",)
    for name, meaning in (
        ("ce-specversion", "`1.0`."),
        ("ce-id", "The event's id."),
        ("ce-source", "`/<agency>`."),
        ("ce-type", "`<agency>.<contract>.v<version>`."),
    )
]

EVENTS: dict[str, Any] = {
    "tags": ["publish"],
    "summary": "Publish events",
    "responses": {
        202: {"model": EventsAnswer, "description": "Kafka has every event under `accepted`"},
        **_problems(*_BODY, ProblemType.NOTHING_ACCEPTED),
    },
    "openapi_extra": {
        "parameters": _BINARY_HEADERS,
        "requestBody": {
            "required": True,
            "description": f"At most 4,000,000 bytes; one record at most 1,000,000. One of: {', '.join(MEDIA_TYPES)}.",
            "content": {
                OWN: {
                    "schema": _OWN_SCHEMA,
                    "examples": {
                        "several": _example("Several events", {"contract": "job-declarations", "events": [RECORD]}),
                        "one": _example("One event", {"contract": "job-declarations", "event": RECORD}),
                    },
                },
                STRUCTURED: {"schema": _CLOUD_SCHEMA, "examples": {"one": _example("One CloudEvent", CLOUD_EVENT)}},
                BATCH: {
                    "schema": {"type": "array", "minItems": 1, "items": _CLOUD_SCHEMA},
                    "examples": {"several": _example("CloudEvents", [CLOUD_EVENT])},
                },
            },
        },
    },
}
HEARTBEATS: dict[str, Any] = {
    "tags": ["publish"],
    "summary": "Send a heartbeat",
    "responses": _problems(*_BODY),
    "openapi_extra": {
        "requestBody": {"required": True, "content": {OWN: {"schema": HeartbeatRequest.model_json_schema()}}}
    },
}
FATE: dict[str, Any] = {
    "tags": ["receipts"],
    "summary": "What became of an event",
    "responses": _problems(*_ENTRY, ProblemType.UNKNOWN_RECEIPT, ProblemType.WRONG_QUERY),
}
RECEIPTS: dict[str, Any] = {
    "tags": ["receipts"],
    "summary": "The agency's receipts",
    "responses": _problems(*_ENTRY, ProblemType.WRONG_QUERY),
}
LIVE: dict[str, Any] = {"tags": ["process"], "summary": "The process works"}
READY: dict[str, Any] = {
    "tags": ["process"], "summary": "Kafka answers", "responses": _problems(ProblemType.UNAVAILABLE),
}  # fmt: skip


def mend(app: FastAPI) -> None:
    """Corrects what FastAPI takes for granted: problems have their own media type, a wrong parameter is one."""
    made = app.openapi

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            for path in made()["paths"].values():
                for operation in path.values():
                    operation["responses"] = _mended(operation["responses"])
            schemas = made()["components"]["schemas"]
            schemas.pop("HTTPValidationError", None)
            schemas.pop("ValidationError", None)
        return made()

    app.openapi = document  # type: ignore[method-assign]


def _mended(responses: dict[str, Any]) -> dict[str, Any]:
    for status, answer in list(responses.items()):
        content = answer.get("content", {})
        if MEDIA_TYPE in content:
            content[MEDIA_TYPE]["schema"] = content.pop(OWN)["schema"]
        elif int(status) >= 400:
            del responses[status]
    return responses
