"""The demo town's contracts: samples, what they map to, and that no bytes can harm the reader."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import infra
from processors.events import ChangeKind
from schemas.attributes import decode_attributes
from schemas.avro import encode_datum
from schemas.deployment import Deployment
from schemas.jsonvalues import to_datum
from schemas.outcomes import Heartbeat, Mapped, Rejection, RejectionReason
from schemas.publishing import publish_heartbeat, publish_record, register_contract
from schemas.reading import intake_record
from schemas.registry import FolderRegistry
from schemas.samples import NOW, check_samples

DEMO = Deployment.load(Path(infra.__file__).parent / "demo")
REGISTRY = FolderRegistry()
for _contract in DEMO.contracts.values():
    register_contract(_contract, REGISTRY)
FEEDS = sorted(DEMO.contracts)


def _good(feed: str) -> list[dict]:
    contract = DEMO.contracts[feed]
    lines = (contract.folder / "samples" / "good.jsonl").read_text().splitlines()
    return [to_datum(contract.schema, json.loads(line)) for line in lines]


def _read(feed: str, record: dict) -> Mapped | Heartbeat | Rejection:
    contract = DEMO.contracts[feed]
    key, value, headers = publish_record(contract, REGISTRY, record)
    return intake_record(contract, REGISTRY, key, value, headers, NOW)


MESSAGES = {feed: [publish_record(DEMO.contracts[feed], REGISTRY, record) for record in _good(feed)] for feed in FEEDS}


@pytest.mark.parametrize("feed", FEEDS)
def test_every_sample_does_what_it_says(feed):
    assert check_samples(DEMO.contracts[feed]) == []


@pytest.mark.parametrize("feed", FEEDS)
def test_every_mapped_attribute_keeps_to_the_catalogue(feed):
    legal = {"string": str, "number": float, "boolean": bool, "date": str}
    for record in _good(feed):
        outcome = _read(feed, record)
        assert isinstance(outcome, Mapped)
        for event in outcome.events:
            declared = DEMO.catalogue[event.type].attributes
            for name, value in decode_attributes(event.attributes).items():
                assert type(value) is legal[declared[name]], (feed, name)


@pytest.mark.parametrize("feed", FEEDS)
def test_a_change_names_the_id_the_changed_event_has(feed):
    outcomes = [outcome for record in _good(feed) if isinstance(outcome := _read(feed, record), Mapped)]
    events = [event for outcome in outcomes for event in outcome.events]
    made = {event.id for event in events}
    assert len(made) == len(events)
    for event in events:
        assert (event.replaces is None) is (event.change is ChangeKind.CREATED)
        assert event.replaces is None or event.replaces in made


def test_the_agencies_cover_the_whole_catalogue():
    assert {name for name, type_ in DEMO.catalogue.items() if not type_.feeds} == set()


def test_asking_for_help_is_granted_to_nobody():
    assert DEMO.catalogue["help_sought"].is_help_seeking
    assert set(DEMO.catalogue) - DEMO.granted_types == {"help_sought"}


def test_a_birth_concerns_the_child_and_each_parent():
    outcome = _read("registry-office.life-records", _good("registry-office.life-records")[0])
    assert isinstance(outcome, Mapped)
    assert [(event.role, event.joins_household_of) for event in outcome.events] == [
        ("child", "parent"),
        ("parent", None),
        ("parent", None),
    ]


def test_an_event_says_nothing_of_the_person_when_printed():
    outcome = _read("court.eviction-proceedings", _good("court.eviction-proceedings")[0])
    assert "85031512345" not in repr(outcome)


@pytest.mark.parametrize("feed", FEEDS)
def test_keys_and_headers_carry_no_national_number(feed):
    for key, _, headers in MESSAGES[feed]:
        assert b"85031512345" not in key + b"".join(value for _, value in headers)


@pytest.mark.parametrize("feed", FEEDS)
def test_a_heartbeat_is_told_apart_from_records(feed):
    contract = DEMO.contracts[feed]
    key, value, headers = publish_heartbeat(contract, REGISTRY, 1_767_225_600_000)
    assert intake_record(contract, REGISTRY, key, value, headers, NOW) == Heartbeat(1_767_225_600_000)


@pytest.mark.parametrize("feed", FEEDS)
def test_a_record_of_another_contract_is_the_wrong_schema(feed):
    other = FEEDS[FEEDS.index(feed) - 1]
    key, value, _ = MESSAGES[other][0]
    outcome = intake_record(DEMO.contracts[feed], REGISTRY, key, value, (), NOW)
    assert isinstance(outcome, Rejection)
    assert outcome.reason is RejectionReason.WRONG_SCHEMA


def test_a_value_above_a_megabyte_is_too_large():
    contract = DEMO.contracts["ngo.help-requests"]
    record = {**_good("ngo.help-requests")[0], "topic": "x" * 1_000_001}
    key, value, headers = publish_record(contract, REGISTRY, record)
    outcome = intake_record(contract, REGISTRY, key, value, headers, NOW)
    assert isinstance(outcome, Rejection)
    assert outcome.reason is RejectionReason.TOO_LARGE


def test_a_key_is_needed():
    contract = DEMO.contracts["ngo.help-requests"]
    _, value, headers = MESSAGES["ngo.help-requests"][0]
    outcome = intake_record(contract, REGISTRY, None, value, headers, NOW)
    assert isinstance(outcome, Rejection)
    assert outcome.reason is RejectionReason.NULL_KEY


def test_the_future_is_judged_by_the_clock_given():
    contract = DEMO.contracts["ngo.help-requests"]
    key, value, headers = MESSAGES["ngo.help-requests"][0]
    assert isinstance(intake_record(contract, REGISTRY, key, value, headers, 1_770_120_000_000), Mapped)
    early = intake_record(contract, REGISTRY, key, value, headers, 1_769_000_000_000)
    assert isinstance(early, Rejection)
    assert early.reason is RejectionReason.FUTURE_DATE


OUTCOMES = (Mapped, Heartbeat, Rejection)


@given(feed=st.sampled_from(FEEDS), value=st.none() | st.binary(max_size=300), key=st.none() | st.binary(max_size=5))
def test_any_bytes_give_an_outcome(feed, value, key):
    assert isinstance(intake_record(DEMO.contracts[feed], REGISTRY, key, value, (), NOW), OUTCOMES)


@settings(max_examples=300)
@given(feed=st.sampled_from(FEEDS), body=st.binary(max_size=300))
def test_any_bytes_behind_a_valid_frame_give_an_outcome(feed, body):
    value = MESSAGES[feed][0][1][:5] + body
    assert isinstance(intake_record(DEMO.contracts[feed], REGISTRY, b"k", value, (), NOW), OUTCOMES)


@settings(max_examples=300)
@given(data=st.data(), feed=st.sampled_from(FEEDS))
def test_flipped_bits_give_an_outcome(data, feed):
    value = bytearray(data.draw(st.sampled_from(MESSAGES[feed]))[1])
    for _ in range(data.draw(st.integers(1, 4))):
        value[data.draw(st.integers(0, len(value) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    assert isinstance(intake_record(DEMO.contracts[feed], REGISTRY, b"k", bytes(value), (), NOW), OUTCOMES)


@pytest.mark.parametrize("feed", FEEDS)
def test_every_truncation_is_rejected_as_one(feed):
    for _, value, headers in MESSAGES[feed]:
        for length in range(1, len(value)):
            outcome = intake_record(DEMO.contracts[feed], REGISTRY, b"k", value[:length], headers, NOW)
            assert isinstance(outcome, Rejection), length
            assert outcome.reason is RejectionReason.TRUNCATED, length


@given(source=st.binary(max_size=40))
def test_any_source_header_gives_an_outcome(source):
    feed = "ngo.help-requests"
    value = MESSAGES[feed][0][1]
    outcome = intake_record(DEMO.contracts[feed], REGISTRY, b"k", value, [("ce_source", source)], NOW)
    assert isinstance(outcome, OUTCOMES)


@given(
    record=st.sampled_from(_good("registry-office.life-records")),
    where=st.sampled_from(["createdAt", "lapsedOn"]),
    number=st.integers(-(2**31), 2**31 - 1),
)
def test_any_date_gives_an_outcome(record, where, number):
    contract = DEMO.contracts["registry-office.life-records"]
    value = MESSAGES[contract.feed][0][1][:5] + encode_datum(contract.schema, {**record, where: number})
    assert isinstance(intake_record(contract, REGISTRY, b"k", value, (), NOW), OUTCOMES)
