"""Bodies of every bad kind, each refused with its own problem; nothing of them is sent, logged or quoted."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streams.agencies.batches import HEADER
from streams.gateway.bodies import MOST_BYTES
from streams.gateway.envelopes import BATCH, MEDIA_TYPES, MOST_EVENTS, OWN, STRUCTURED
from streams.kafka.transactions import Headers
from tests.unit.streams.gateway.ways import AGENCY, FEED, NUMBER, Way, cloud_event, record

CONTRACT = "job-declarations"


@pytest.fixture(scope="module")
def way(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Way]:
    way = Way(tmp_path_factory.mktemp("way"))
    yield way
    way.close()


def without_batch(headers: Headers | None) -> list[tuple[str, bytes]]:
    return [one for one in headers or () if one[0] != HEADER]


def problem(answer: Any) -> str:
    return answer.json()["type"].removeprefix("/problems/")


NOT_JSON = {
    "nothing": b"",
    "text": b"hello",
    "cut": b'{"contract": "job-declarations", "events": [',
    "two values": b"{} {}",
    "comment": b"{} // x",
    "single quotes": b"{'a': 1}",
    "trailing comma": b'{"a": 1,}',
    "NaN": b'{"contract": "job-declarations", "event": {"urenPerWeek": NaN}}',
    "infinity": b'{"contract": "job-declarations", "event": {"urenPerWeek": -Infinity}}',
    "a double without end": b'{"contract": "job-declarations", "event": {"urenPerWeek": 1e999}}',
    "a whole number without end": b'{"contract": "job-declarations", "event": {"aangifteNummer": '
    + b"9" * 9000
    + b"}}",
    "a name twice": b'{"contract": "job-declarations", "contract": "job-declarations", "event": {}}',
    "a name twice, deep": b'{"contract": "job-declarations", "event": {"werknemer": {"insz": "1", "insz": "2"}}}',
    "no UTF-8": b'{"contract": "job-declarations", "event": {"a": "\xff"}}',
    "UTF-16": '{"contract": "job-declarations"}'.encode("utf-16"),
    "UTF-8 with a mark": b'\xef\xbb\xbf{"contract": "job-declarations"}',
    "half a pair": b'{"contract": "job-declarations", "event": {"a": "\\ud800"}}',
    "a bomb of lists": b"[" * 200_000,
    "a bomb of objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "a bomb that closes": b'{"contract": "job-declarations", "event": ' + b"[" * 990 + b"]" * 990 + b"}",
    "a null byte": b"\x00",
    "a control character": b'{"a": "\x01"}',
}


@pytest.mark.parametrize("name", NOT_JSON)
@pytest.mark.parametrize("media_type", MEDIA_TYPES)
def test_what_is_no_json_is_refused_with_400(way: Way, name: str, media_type: str):
    answer = way.post(NOT_JSON[name], media_type)
    if name == "a bomb that closes":
        assert answer.status_code in (400, 422)  # how deep it gets depends on the stack it is read on
    else:
        assert (answer.status_code, problem(answer)) == (400, "not-json")


def test_the_place_of_a_fault_is_told(way: Way):
    told = way.post(b'{"contract": "x",\n "events": oops}').json()
    assert (told["line"], told["column"]) == (2, 12)
    assert "line 2, column 12" in told["detail"]
    assert "oops" not in json.dumps(told)
    assert "byte 5" in way.post(b'{"a":\xff}').json()["detail"]


WRONG_SHAPES: dict[str, Any] = {
    "null": None,
    "number": 1,
    "list": [],
    "empty": {},
    "no events": {"contract": CONTRACT},
    "both": {"contract": CONTRACT, "event": {}, "events": [{}]},
    "more": {"contract": CONTRACT, "events": [{}], "note": "x"},
    "contract is a number": {"contract": 3, "events": [{}]},
    "contract is a list": {"contract": [CONTRACT], "events": [{}]},
    "events is an object": {"contract": CONTRACT, "events": {}},
    "events is null": {"contract": CONTRACT, "events": None},
    "empty batch": {"contract": CONTRACT, "events": []},
}


@pytest.mark.parametrize("name", WRONG_SHAPES)
def test_another_shape_is_refused_with_422(way: Way, name: str):
    answer = way.post(WRONG_SHAPES[name])
    assert (answer.status_code, problem(answer)) == (422, "wrong-shape")


@pytest.mark.parametrize("body", [{}, [], None, "x"])
def test_a_cloud_events_batch_is_a_list_that_is_not_empty(way: Way, body: Any):
    assert problem(way.post(body, BATCH)) == "wrong-shape"


def test_too_many_events_are_refused_before_they_are_looked_at(way: Way):
    answer = way.post({"contract": CONTRACT, "events": [{}] * (MOST_EVENTS + 1)})
    assert (answer.status_code, problem(answer)) == (413, "too-large")


@pytest.mark.parametrize("record_", [None, 1, "x", [], {}, {"aard": "OUT"}, [[[[]]]], True])
def test_a_record_of_another_shape_is_rejected_with_the_field(way: Way, record_: Any):
    answer = way.post({"contract": CONTRACT, "event": record_})
    assert (answer.status_code, problem(answer)) == (422, "nothing-accepted")
    (rejected,) = answer.json()["rejected"]
    assert (rejected["index"], rejected["id"], rejected["reason"]) == (0, None, "not-avro")
    assert rejected["detail"].startswith("`Aangifte")


@pytest.mark.parametrize(
    "fields",
    [
        {"aangifteNummer": 2**63},
        {"aangifteNummer": 10**300},
        {"aangifteNummer": 1.0},
        {"aangifteNummer": True},
        {"aangifteNummer": None},
        {"aangifteNummer": "700100"},
        {"aard": "SECRET-VALUE"},
        {"aard": ["OUT"]},
        {"werknemer": {"insz": 85031512345}},
        {"werknemer": [NUMBER]},
        {"werknemer": {"insz": NUMBER, NUMBER: "SECRET-VALUE"}},
        {NUMBER: "SECRET-VALUE"},
        {"x" * 5000: "SECRET-VALUE"},
        {"ontvangenOp": "SECRET-VALUE"},
        {"ontvangenOp": "9999-99-99T00:00:00Z"},
        {"ontvangenOp": "0001-01-01T00:00:00+23:59", "aangifteNummer": None},
        {"urenPerWeek": "38"},
        {"datumUit": {"int": "SECRET-VALUE"}},
        {"datumUit": {"int": 1, "string": "x"}},
    ],
)
def test_a_field_that_does_not_fit_is_named_and_its_value_is_not(way: Way, fields: dict[str, Any]):
    answer = way.post({"contract": CONTRACT, "event": record(**fields)})
    assert (answer.status_code, problem(answer)) == (422, "nothing-accepted")
    assert "SECRET-VALUE" not in answer.text
    assert len(answer.text) < 1000


def test_the_good_ones_of_a_batch_are_taken(way: Way):
    before = len(way.kafka.sent)
    answer = way.post({"contract": CONTRACT, "events": [record(1), {}, record(2), 3, record(4)]})
    assert answer.status_code == 202
    told = answer.json()
    assert [(one["index"], one["id"]) for one in told["accepted"]] == [(0, "1"), (2, "2"), (4, "4")]
    assert [one["index"] for one in told["rejected"]] == [1, 3]
    assert [dict(one.headers or ())["ce_id"] for one in way.kafka.sent[before:]] == [b"1", b"2", b"4"]


def test_a_record_is_no_larger_than_intake_takes(way: Way):
    large = record(redenUit="x" * 1_000_000)
    answer = way.post({"contract": CONTRACT, "event": large})
    assert (answer.status_code, problem(answer)) == (413, "too-large")
    mixed = way.post({"contract": CONTRACT, "events": [large, record()]})
    assert mixed.status_code == 202
    assert [(one["index"], one["reason"]) for one in mixed.json()["rejected"]] == [(0, "too-large")]


def test_a_body_is_no_larger_than_its_limit_with_and_without_its_length(way: Way):
    too_large = b" " * (MOST_BYTES + 1)
    assert problem(way.post(too_large)) == "too-large"
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        while True:
            read += 100_000
            yield b" " * 100_000

    assert problem(way.post(endless())) == "too-large"
    assert read <= 5 * MOST_BYTES + 200_000  # some is read on, so that the client gets to see the answer
    just = json.dumps({"contract": CONTRACT, "event": record()}).encode()
    assert way.post(just + b" " * (MOST_BYTES - len(just))).status_code == 202


@pytest.mark.parametrize(
    ("media_type", "headers"),
    [
        ("", {}),
        ("text/plain", {}),
        ("application/avro", {}),
        ("application/xml", {}),
        ("application/json; charset=latin-1", {}),
        ("application/cloudevents+xml", {}),
        ("application/json", {"Content_Encoding": "gzip"}),
        ("multipart/form-data; boundary=x", {}),
    ],
)
def test_other_media_types_are_refused_with_415(way: Way, media_type: str, headers: dict[str, str]):
    answer = way.post({"contract": CONTRACT, "event": record()}, media_type, **headers)
    assert (answer.status_code, problem(answer)) == (415, "wrong-media-type")
    assert OWN in answer.headers["accept-post"]


@pytest.mark.parametrize(
    "media_type", ["application/json", "Application/JSON; charset=UTF-8", 'application/json;charset="utf-8"']
)
def test_json_may_name_its_only_encoding(way: Way, media_type: str):
    assert way.post({"contract": CONTRACT, "event": record()}, media_type).status_code == 202


# CloudEvents


def test_a_cloud_event_in_three_modes_is_one_record(way: Way):
    before = len(way.kafka.sent)
    event = cloud_event(5)
    headers = {f"ce_{name}": str(value) for name, value in event.items() if name != "data"}
    answers = [way.post(event, STRUCTURED), way.post([event], BATCH), way.post(event["data"], OWN, **headers)]
    assert [answer.json()["accepted"][0]["id"] for answer in answers] == ["id-5"] * 3
    sent = way.kafka.sent[before:]
    assert len({dict(each.headers or ())[HEADER] for each in sent}) == 3, "each request is a batch of its own"
    same = [(each.topic, each.partition, each.key, each.value, without_batch(each.headers)) for each in sent]
    assert same == [same[0]] * 3
    first = sent[0]
    assert dict(first.headers or ())["ce_id"] == b"id-5"


def test_the_id_of_a_cloud_event_fills_the_contracts_id_field_where_the_record_leaves_it_out(way: Way):
    data = {name: value for name, value in record().items() if name != "aangifteNummer"}
    assert way.post(cloud_event(id="987", data=data), STRUCTURED).status_code == 202
    with_field = way.post(cloud_event(id="987", data={**data, "aangifteNummer": 987}), STRUCTURED)
    assert with_field.status_code == 202
    assert way.kafka.sent[-1].value == way.kafka.sent[-2].value
    unfit = way.post(cloud_event(id="nine", data=data), STRUCTURED)
    assert unfit.json()["rejected"][0]["detail"] == "`Aangifte.aangifteNummer` is not of type long"


@pytest.mark.parametrize(
    ("attributes", "reason", "status"),
    [
        ({"specversion": "0.3"}, "wrong-envelope", 422),
        ({"specversion": None}, "wrong-envelope", 422),
        ({"id": ""}, "wrong-envelope", 422),
        ({"id": 5}, "wrong-envelope", 422),
        ({"id": "x" * 201}, "wrong-envelope", 422),
        ({"source": ""}, "wrong-envelope", 422),
        ({"source": 1}, "wrong-envelope", 422),
        ({"type": None}, "wrong-envelope", 422),
        ({"datacontenttype": "application/xml"}, "wrong-envelope", 422),
        ({"datacontenttype": 1}, "wrong-envelope", 422),
        ({"data": None}, "not-avro", 422),
        ({"data": base64.b64encode(b"{}").decode()}, "not-avro", 422),
        ({"source": "/landlord"}, "wrong-agency", 403),
        ({"source": f"/{AGENCY}-2/x"}, "wrong-agency", 403),
        ({"source": f"https://example.org/{AGENCY}"}, "wrong-agency", 403),
        ({"type": "landlord.rent-accounts.v1"}, "wrong-agency", 403),
        ({"type": f"{FEED}.v2"}, "unknown-contract", 404),
        ({"type": "headwater.heartbeat.v1"}, "unknown-contract", 404),
        ({"type": FEED}, "unknown-contract", 404),
    ],
)
def test_a_wrong_envelope_is_rejected_with_its_reason(way: Way, attributes: dict[str, Any], reason: str, status: int):
    answer = way.post(cloud_event(**attributes), STRUCTURED)
    assert answer.status_code == status
    assert [one["reason"] for one in answer.json()["rejected"]] == [reason]
    mixed = way.post([cloud_event(**attributes), cloud_event()], BATCH)
    assert mixed.status_code == 202
    assert [(one["index"], one["reason"]) for one in mixed.json()["rejected"]] == [(0, reason)]


def test_an_event_without_data_is_no_record(way: Way):
    event = {**cloud_event(), "data_base64": "e30="}
    del event["data"]
    assert way.post(event, STRUCTURED).json()["rejected"][0]["reason"] == "wrong-envelope"


@pytest.mark.parametrize("source", [f"/{AGENCY}", AGENCY, f"/{AGENCY}/branch/2"])
def test_a_source_begins_with_the_agency(way: Way, source: str):
    assert way.post(cloud_event(source=source, extension="x", subject="y"), STRUCTURED).status_code == 202


def test_binary_mode_reads_percent_encoded_headers(way: Way):
    headers = {"ce_specversion": "1.0", "ce_source": f"/{AGENCY}", "ce_type": f"{FEED}.v1"}
    answer = way.post(record(), OWN, **headers, ce_id="caf%C3%A9")
    assert answer.json()["accepted"][0]["id"] == "café"
    assert dict(way.kafka.sent[-1].headers or ())["ce_id"] == "café".encode()
    broken = way.post(record(), OWN, **headers, ce_id="%FF")
    assert broken.json()["rejected"][0]["reason"] == "wrong-envelope"
    assert way.post(record(), OWN, ce_id="1").json()["rejected"][0]["reason"] == "wrong-envelope"


# Anything at all

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just(NUMBER),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text() | st.sampled_from(sorted(record())), inner, max_size=6)
    ),
    max_leaves=20,
)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A good request with some bytes changed."""
    good = [{"contract": CONTRACT, "events": [record(), record(2)]}, cloud_event(), [cloud_event(), cloud_event(2)]]
    body = bytearray(json.dumps(draw(st.sampled_from(good))).encode())
    for _ in range(draw(st.integers(0, 3))):
        body[draw(st.integers(0, len(body) - 1))] = draw(st.integers(0, 255))
    return bytes(body[: draw(st.integers(0, len(body)))] if draw(st.booleans()) else body)


@st.composite
def odd_records(draw: st.DrawFn) -> Any:
    """A record with some fields replaced by anything."""
    changed = draw(st.dictionaries(st.sampled_from(sorted(record())), VALUES, max_size=3))
    return {**record(), **changed}


BODIES = (
    st.binary()
    | damaged()
    | VALUES.map(lambda value: json.dumps(value).encode())
    | odd_records().map(lambda one: json.dumps({"contract": CONTRACT, "event": one}).encode())
    | odd_records().map(lambda one: json.dumps(cloud_event(data=one)).encode())
    | st.dictionaries(st.sampled_from(["specversion", "source", "type", "data", "x"]), VALUES).map(
        # An id is told in answers and receipts; an agency whose ids are people's numbers tells them itself.
        lambda some: json.dumps([cloud_event(**{**some, "id": "1"}), cloud_event()]).encode()
    )
)


@settings(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(body=BODIES, media_type=st.sampled_from(MEDIA_TYPES), binary=st.booleans())
def test_whatever_comes_is_answered_and_only_what_was_sent_is_accepted(
    way: Way, body: bytes, media_type: str, binary: bool
):
    headers = {"ce_specversion": "1.0", "ce_id": "1", "ce_source": f"/{AGENCY}", "ce_type": f"{FEED}.v1"}
    before = len(way.kafka.sent)
    answer = way.post(body, media_type, **(headers if binary else {}))
    sent = len(way.kafka.sent) - before
    assert answer.status_code < 500, answer.text
    if answer.status_code == 202:
        assert sent == len(answer.json()["accepted"]) > 0
    else:
        assert sent == 0


def test_no_contracts_samples_break_the_gateway_when_their_bytes_are_shuffled(tmp_path: Path):
    """Every shipped contract, with values of one field put into another."""
    chance = random.Random(5)
    way = Way(tmp_path)
    for name, agency in way.parts.agencies.items():
        way.become(name)
        for contract in agency.contracts:
            lines = (contract.folder / "samples" / "good.jsonl").read_text().splitlines()
            records = [json.loads(line) for line in lines]
            values = [value for one in records for value in one.values()]
            events = [
                {field: chance.choice(values) if chance.random() < 0.3 else value for field, value in one.items()}
                for one in records * 20
            ]
            answer = way.post({"contract": contract.name, "events": [*records, *events]})
            assert answer.status_code == 202, answer.text
            accepted = [one["index"] for one in answer.json()["accepted"]]
            assert accepted[: len(records)] == list(range(len(records)))
    way.close()
