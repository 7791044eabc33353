"""What the reader promises beyond the samples: stable ids, older schemas, every person counted."""

import copy
import json
from pathlib import Path

import pytest

import infra
from schemas.avro import AvroSchema, Unfit, UnfitRecord, encode_datum, read_schema
from schemas.deployment import Deployment
from schemas.jsonvalues import to_datum
from schemas.outcomes import Mapped, MappedEvent, Rejection, RejectionReason
from schemas.publishing import publish_record, register_contract
from schemas.reading import intake_record
from schemas.registry import FolderRegistry, Registered, SchemaCollision
from schemas.samples import NOW
from schemas.wire import frame

DEMO = Deployment.load(Path(infra.__file__).parent / "demo")
COURT = DEMO.contracts["court.eviction-proceedings"]
NGO = DEMO.contracts["ngo.help-requests"]
REGISTRY = FolderRegistry()
for _contract in (COURT, NGO):
    register_contract(_contract, REGISTRY)


def _docket() -> dict:
    line = (COURT.folder / "samples" / "good.jsonl").read_text().splitlines()[0]
    return to_datum(COURT.schema, json.loads(line))


def _events(record: dict) -> tuple[MappedEvent, ...]:
    key, value, headers = publish_record(COURT, REGISTRY, record)
    outcome = intake_record(COURT, REGISTRY, key, value, headers, NOW)
    assert isinstance(outcome, Mapped)
    return outcome.events


def _variant(schema: AvroSchema, change: dict) -> AvroSchema:
    document = json.loads(schema.text)
    document["fields"] = [one for one in document["fields"] if one["name"] not in change["without"]]
    found = read_schema(json.dumps(document))
    assert not isinstance(found, Unfit)
    return found


def test_ids_do_not_depend_on_the_order_of_the_parties():
    record = _docket()
    turned = copy.deepcopy(record)
    turned["parties"].reverse()
    assert {event.id: event.person_ids for event in _events(record)} == {
        event.id: event.person_ids for event in _events(turned)
    }


def test_a_person_without_any_id_is_counted_not_forgotten():
    record = _docket()
    record["parties"][2]["identifiers"] = []
    key, value, headers = publish_record(COURT, REGISTRY, record)
    outcome = intake_record(COURT, REGISTRY, key, value, headers, NOW)
    assert isinstance(outcome, Mapped)
    assert (len(outcome.events), outcome.unidentified) == (1, 1)


def test_an_id_with_control_characters_is_none():
    record = _docket()
    for party in record["parties"]:
        party["identifiers"] = [{"scheme": "RRN", "value": "8503151\x002345"}]
    key, value, headers = publish_record(COURT, REGISTRY, record)
    outcome = intake_record(COURT, REGISTRY, key, value, headers, NOW)
    assert isinstance(outcome, Rejection)
    assert outcome.reason is RejectionReason.MISSING_PERSON


def test_records_of_an_older_version_are_read():
    registry = FolderRegistry()
    register_contract(NGO, registry)
    older = _variant(NGO.schema, {"without": {"nationalNumber"}})
    number = registry.register(NGO.subject, older)
    body = encode_datum(
        older, {"desk": "Quay", "day": "2026-02-03", "ticket": 1, "topic": "debt", "enteredAt": 1770120000}
    )
    outcome = intake_record(NGO, registry, b"k", frame(number, body), (), NOW)
    assert isinstance(outcome, Rejection)
    assert outcome.reason is RejectionReason.MISSING_PERSON  # read, but nobody is named in it


def test_records_of_a_version_that_cannot_be_read_are_the_wrong_schema():
    registry = FolderRegistry()
    register_contract(NGO, registry)
    other = _variant(NGO.schema, {"without": {"desk"}})
    number = registry.register(NGO.subject, other)
    body = encode_datum(other, {"day": "2026-02-03", "ticket": 1, "topic": "debt", "enteredAt": 1770120000})
    outcome = intake_record(NGO, registry, b"k", frame(number, body), (), NOW)
    assert isinstance(outcome, Rejection)
    assert outcome.reason is RejectionReason.WRONG_SCHEMA


def test_a_record_of_another_shape_is_not_published_and_not_quoted():
    with pytest.raises(UnfitRecord) as caught:
        publish_record(NGO, REGISTRY, {"desk": 7, "nationalNumber": "85031512345"})
    assert "85031512345" not in str(caught.value)


def test_the_messages_of_one_docket_have_one_key():
    record = _docket()
    later = copy.deepcopy(record)
    later["entry"]["number"] = 9
    assert publish_record(COURT, REGISTRY, record)[0] == publish_record(COURT, REGISTRY, later)[0]


def test_two_schemas_with_one_derived_id_are_noticed():
    number = NGO.schema.derived_number
    registry = FolderRegistry({number: Registered(number, COURT.schema, frozenset())})
    with pytest.raises(SchemaCollision, match="HelpRequest"):
        registry.register("x", NGO.schema)
