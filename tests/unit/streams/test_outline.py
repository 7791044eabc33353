"""The shape of a record, and never what is in it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import infra
from schemas.avro import AvroSchema, encode_datum, read_schema
from schemas.contract import Contract
from schemas.deployment import Deployment
from schemas.files import read_entries
from schemas.publishing import register_contract
from schemas.registry import FolderRegistry
from schemas.wire import frame
from streams.agencies.outline import outline

DEMO = Path(infra.__file__).parent / "demo"
CONTRACTS = Deployment.load(DEMO).contracts


@pytest.mark.parametrize("contract", CONTRACTS.values(), ids=str)
def test_every_field_of_every_demo_sample_has_a_path_and_no_value(contract: Contract) -> None:
    registry = FolderRegistry()
    schema_id = register_contract(contract, registry)
    for entry in read_entries(contract.folder / "samples" / "good.jsonl", contract.schema):
        assert isinstance(entry.datum, bytes)
        found = outline(registry, frame(schema_id, entry.datum))
        assert (found.schema_id, found.schema, found.decoding) == (schema_id, contract.schema.name, "possible")
        kinds = {holds.split(" of ")[0] for _, holds in found.fields}
        assert kinds <= {"text", "number", "flag", "null", "bytes", "list", "map"}
        assert "85031512345" not in str(found)


def schema(fields: list[dict[str, object]]) -> AvroSchema:
    found = read_schema(json.dumps({"type": "record", "name": "R", "fields": fields}))
    assert isinstance(found, AvroSchema)
    return found


def test_keys_of_a_map_are_not_shown() -> None:
    person = {"type": "record", "name": "P", "fields": [{"name": "x", "type": "string"}]}
    written = schema(
        [
            {"name": "m", "type": {"type": "map", "values": "string"}},
            {"name": "p", "type": ["null", person]},
            {"name": "q", "type": {"type": "array", "items": ["null", "P"]}},
        ]
    )
    registry = FolderRegistry()
    number = registry.register("s", written)
    body = encode_datum(written, {"m": {"Zebedee": "secret"}, "p": {"x": "secret"}, "q": [None, {"x": "secret"}]})
    assert outline(registry, frame(number, body)).fields == (
        ("m", "map of 1"),
        ("p.x", "text"),
        ("q", "list of 2"),
        ("q[0]", "null"),
        ("q[1].x", "text"),
    )


def test_what_cannot_be_decoded_gives_what_is_known() -> None:
    written = schema([{"name": "a", "type": "string"}])
    registry = FolderRegistry()
    number = registry.register("s", written)
    assert outline(registry, None).decoding == "there is no value"
    assert outline(registry, b"{}").decoding == "not in Confluent's wire format"
    assert outline(registry, frame(1, b"")).decoding == "the registry does not know the schema"
    broken = outline(registry, frame(number, b"\x08x"))
    assert broken.decoding == "not possible: truncated"
    assert broken.fields == (("a", "not read"),)
