"""Values of a mapping at their edges: expressions that fail, ids that are none, any record at all."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.surge import Brake
from schemas.attributes import decode_attributes
from schemas.contract import Contract, load_contract
from schemas.outcomes import Mapped, Rejection, RejectionReason
from schemas.reading import read_datum
from schemas.samples import NOW

OPTIONAL = {"id": "string", "whole": "long", "real": "double", "flag": "boolean", "raw": "bytes"}
FIELDS = [{"name": name, "type": ["null", type_], "default": None} for name, type_ in OPTIONAL.items()]
LISTS = [{"name": "people", "type": {"type": "array", "items": "string"}}]
HEAD = """
version: 1
title: t
contact: {name: n}
settles_within: 1 day
recorded_at: {path: whole, format: epoch ms}
type: {value: told}
"""
EVENTS = """
events:
  told:
    occurred_at: {path: whole, format: epoch ms}
    persons: [{each: "people[]", ids: [{scheme: s, path: this}]}]
    attributes:
"""
GOOD = {"id": "e", "whole": 1_700_000_000_000, "real": 2.0, "flag": True, "raw": b"x", "people": ["p"]}


def _contract(folder: Path, attribute: str, head: str = "id: id") -> Contract:
    folder = folder / "agency" / "thing"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "thing.avsc").write_text(json.dumps({"type": "record", "name": "Thing", "fields": FIELDS + LISTS}))
    (folder / "mapping.yaml").write_text(f"{head}\n{HEAD}{EVENTS}      it: {attribute}\n")
    loaded = load_contract(folder)
    assert isinstance(loaded, Contract), loaded
    return loaded


def test_a_feed_begins_with_the_local_day_its_contract_names(tmp_path: Path):
    assert _contract(tmp_path, "real").begins_ms is None
    begins = _contract(tmp_path, "real", "id: id\nbegins: 2024-01-01").begins_ms
    assert begins == int(datetime(2023, 12, 31, 23, tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("written", "brake"),
    [
        ("", Brake(10, 1_000)),
        ("\nsurge: off", None),
        ("\nsurge: {factor: 2.5}", Brake(2.5, 1_000)),
        ("\nsurge: {factor: 20, floor: 5000}", Brake(20, 5_000)),
    ],
)
def test_what_a_surge_is_is_the_contracts_to_say(tmp_path: Path, written: str, brake: Brake | None):
    assert _contract(tmp_path, "real", f"id: id{written}").brake == brake


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("real", 2.0),
        ("whole", 1_700_000_000_000.0),
        ("{path: whole, divide_by: 1000}", 1_700_000_000.0),
        ("{path: whole, format: epoch ms}", "2023-11-14"),
        ("flag", True),
        ("id", "e"),
        ("{path: [raw, id], values: {e: yes-it-is}, else: other}", "other"),
        ("{path: flag, values: {true: 1, false: 0}, divide_by: 1}", 1.0),
        ("{value: constant}", "constant"),
        ("{cel: 'a * 2.0', with: {a: real}}", 4.0),
    ],
)
def test_a_value_is_read_as_written(tmp_path, attribute, value):
    outcome = read_datum(_contract(tmp_path, attribute), dict(GOOD), NOW)
    assert isinstance(outcome, Mapped)
    assert decode_attributes(outcome.events[0].attributes) == {"it": value}


@pytest.mark.parametrize(
    "attribute",
    [
        "{cel: 'a / 0', with: {a: id}}",
        "{cel: 'a / (a - a)', with: {a: real}}",
        "{cel: 'a.b', with: {a: real}}",
        "{cel: '[a][3]', with: {a: real}}",
        "{path: id, values: {x: y}}",
        "{path: id, divide_by: 2}",
        "raw",
    ],
)
def test_a_value_that_cannot_be_read_is_unmappable_and_not_quoted(tmp_path, attribute):
    outcome = read_datum(_contract(tmp_path, attribute), {**GOOD, "id": "secret"}, NOW)
    assert isinstance(outcome, Rejection)
    assert outcome.reason is RejectionReason.UNMAPPABLE
    assert "secret" not in outcome.detail


@pytest.mark.parametrize("path", ["raw", "flag", "real", "{path: id, values: {x: y}}", "{cel: 'a.b', with: {a: id}}"])
def test_what_is_neither_text_nor_whole_is_no_id(tmp_path, path):
    outcome = read_datum(_contract(tmp_path, "real", f"id: {path}"), dict(GOOD), NOW)
    assert isinstance(outcome, Rejection)
    assert outcome.reason is RejectionReason.MISSING_ID


def test_people_of_one_role_are_told_apart_by_position(tmp_path):
    outcome = read_datum(_contract(tmp_path, "real"), {**GOOD, "people": ["p", "q", "p"]}, NOW)
    assert isinstance(outcome, Mapped)
    assert len({event.id for event in outcome.events}) == 3


@pytest.fixture(scope="module")
def contract(tmp_path_factory) -> Contract:
    return _contract(tmp_path_factory.mktemp("any"), "{cel: 'a / b', with: {a: whole, b: real}}")


@given(
    st.fixed_dictionaries(
        {
            "id": st.none() | st.text(max_size=5),
            "whole": st.none() | st.integers(-(2**63), 2**63 - 1),
            "real": st.none() | st.floats(),
            "flag": st.none() | st.booleans(),
            "raw": st.none() | st.binary(max_size=3),
            "people": st.lists(st.text(max_size=3), max_size=3),
        }
    )
)
def test_any_record_is_mapped_or_refused(contract, record):
    assert isinstance(read_datum(contract, record, NOW), Mapped | Rejection)
