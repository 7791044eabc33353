"""Records written in JSON as messages for Kafka: what fits, what is told when not, ids of CloudEvents."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

import infra
from schemas.avro import AvroSchema, UnfitRecord, read_schema
from schemas.contract import Contract
from schemas.deployment import Deployment
from schemas.jsonvalues import to_datum
from schemas.outcomes import Heartbeat, Rejection, RejectionReason
from schemas.publishing import publish_json, publish_record, register_contract
from schemas.reading import MOST_BYTES, heartbeat_fault, intake_record
from schemas.registry import FolderRegistry

CONTRACTS = Deployment.load(Path(infra.__file__).parent / "demo").contracts
JOBS = CONTRACTS["employment-service.job-declarations"]
NUMBER = "85031512345"


def sample(contract: Contract, line: int = 0) -> dict[str, Any]:
    return json.loads((contract.folder / "samples" / "good.jsonl").read_text().splitlines()[line])


def registry() -> FolderRegistry:
    made = FolderRegistry()
    for contract in CONTRACTS.values():
        register_contract(contract, made)
    return made


@pytest.mark.parametrize("feed", CONTRACTS)
def test_a_good_sample_is_a_message_intake_understands(feed: str):
    contract, known = CONTRACTS[feed], registry()
    message = publish_json(contract, known, sample(contract))
    assert not isinstance(message, Rejection)
    assert not isinstance(intake_record(contract, known, *message, 1_800_000_000_000), Rejection | Heartbeat)


def test_the_id_of_a_cloud_event_stands_in_the_header_and_changes_nothing_else():
    plain = publish_json(JOBS, registry(), sample(JOBS))
    named = publish_json(JOBS, registry(), sample(JOBS), "a-1")
    assert not isinstance(plain, Rejection)
    assert not isinstance(named, Rejection)
    assert plain[:2] == named[:2]
    assert {**dict(plain[2]), "ce_id": b"a-1"} == dict(named[2])


def test_the_id_of_a_cloud_event_fills_an_id_field_that_was_left_out():
    without = {name: value for name, value in sample(JOBS).items() if name != "aangifteNummer"}
    assert publish_json(JOBS, registry(), without, "5") == publish_json(
        JOBS, registry(), {**without, "aangifteNummer": 5}, "5"
    )
    assert isinstance(publish_json(JOBS, registry(), without, "five"), Rejection)
    assert isinstance(publish_json(JOBS, registry(), without), Rejection)


def test_contracts_whose_id_stands_in_parts_have_no_id_field():
    fields = {
        feed: contract.mapping.id_field and contract.mapping.id_field.name for feed, contract in CONTRACTS.items()
    }
    assert fields["employment-service.job-declarations"] == "aangifteNummer"
    assert fields["landlord.rent-accounts"] == "messageRef"
    assert fields["ngo.help-requests"] is None


def test_a_record_larger_than_intake_takes_is_no_message():
    empty = publish_record(JOBS, registry(), to_datum(JOBS.schema, sample(JOBS)))
    room = MOST_BYTES - len(empty[1]) - 10
    assert not isinstance(publish_json(JOBS, registry(), {**sample(JOBS), "redenUit": "x" * room}), Rejection)
    large = publish_json(JOBS, registry(), {**sample(JOBS), "redenUit": "x" * MOST_BYTES})
    assert isinstance(large, Rejection)
    assert large.reason is RejectionReason.TOO_LARGE


@pytest.mark.parametrize("key", [NUMBER, "", "a b", "x" * 65, "\x1b[31m", "é"])
def test_a_name_that_is_no_fields_is_not_quoted(key: str):
    with pytest.raises(UnfitRecord) as raised:
        to_datum(JOBS.schema, {**sample(JOBS), key: 1})
    assert str(raised.value) == "`Aangifte.?` is not in the schema"


def test_a_decimal_is_bounded_before_it_is_written_out():
    fields = [{"name": "sum", "type": {"type": "bytes", "logicalType": "decimal", "precision": 20, "scale": 2}}]
    schema = read_schema(json.dumps({"type": "record", "name": "R", "fields": fields}))
    assert isinstance(schema, AvroSchema)
    assert to_datum(schema, {"sum": "12.34"}) == {"sum": b"\x04\xd2"}
    begun = time.process_time()
    for text in ("1e999998", "1e999999", "-1e5000", "NaN", "Infinity", "1.234", "x"):
        with pytest.raises(UnfitRecord, match=r"`R\.sum` is not"):
            to_datum(schema, {"sum": text})
    assert time.process_time() - begun < 0.1


def test_a_heartbeat_is_neither_absurd_nor_ahead():
    day = 86_400_000
    assert heartbeat_fault(day, now=0) is None
    assert heartbeat_fault(day + 1, now=0) == Rejection(RejectionReason.FUTURE_DATE, "`up_to` lies in the future")
    absurd = heartbeat_fault(-(10**14), now=0)
    assert absurd is not None
    assert absurd.reason is RejectionReason.ABSURD_DATE
