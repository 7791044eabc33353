"""Who may ask what, how problems are told, and the document that describes it all."""

from __future__ import annotations

import asyncio
import json
import re
import threading
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from processors.civil_time import Calendar, parse_instant
from schemas.receipts import Receipt, ReceiptCounts, RejectedRecord
from streams.access import Kind
from streams.gateway import app, gateway
from streams.gateway.answers import EventsAnswer, Fate, HeartbeatAnswer, ProblemAnswer, ReceiptsAnswer
from streams.gateway.bodies import read_body
from streams.gateway.gateway import Gateway
from streams.gateway.problems import ProblemType
from streams.gateway.receipts import Page
from streams.gateway.sending import MemorySender
from tests.unit.streams.gateway import ways
from tests.unit.streams.gateway.ways import AGENCY, FEED, NUMBER, TOPIC, Way, cloud_event, record

EVENT = {"contract": "job-declarations", "event": record()}


@pytest.fixture
def way(tmp_path: Path) -> Iterator[Way]:
    way = Way(tmp_path)
    yield way
    way.close()


def receipt(first: int, last: int, *rejected: int, partition: int = 0) -> Receipt:
    refused = tuple(RejectedRecord(offset, "700100", "missing-person", "nobody") for offset in rejected)
    counts = ReceiptCounts(processed=last - first + 1 - len(rejected), rejected=len(rejected))
    return Receipt(AGENCY, FEED, TOPIC, partition, first, last, counts, 0, refused, 1000)


# Who asks

PATHS = [
    ("POST", "/v1/events"),
    ("POST", "/v1/heartbeats"),
    ("GET", "/v1/receipts"),
    ("GET", f"/v1/events/{FEED}.v1.0.0"),
]


@pytest.mark.parametrize(("method", "path"), PATHS)
@pytest.mark.parametrize(
    "code", ["", "Bearer", "Bearer ", "Bearer wrong", "Basic eDp5", "Bearer " + "x" * 5000, "bearer\t"]
)
def test_without_a_valid_code_nothing_is_answered(way: Way, method: str, path: str, code: str):
    content = json.dumps(EVENT).encode()
    answer = way.ask(method, path, content, {"Content-Type": "application/json", "Authorization": code})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.headers["content-type"] == "application/problem+json"
    assert way.kafka.sent == []


def test_a_team_has_no_code_for_the_gateway(way: Way):
    way.code = way.access.issue(Kind.TEAM, AGENCY)
    assert way.get("/v1/receipts").status_code == 401


def test_a_code_that_is_revoked_or_replaced_stops_working(way: Way):
    earlier = way.code
    way.become(AGENCY)
    assert way.post(EVENT).status_code == 202
    assert way.get("/v1/receipts", Authorization=f"Bearer {earlier}").status_code == 401
    way.access.revoke(Kind.AGENCY, AGENCY)
    assert way.post(EVENT).status_code == 401


def test_a_body_of_a_stranger_is_not_read(way: Way):
    async def never() -> AsyncIterator[bytes]:
        raise AssertionError("it was read")
        yield b""

    answer = way.ask("POST", "/v1/events", never(), {"Content-Type": "application/json", "Authorization": "Bearer x"})
    assert answer.status_code == 401


def test_damaged_codes_are_the_platforms_fault_not_the_agencys(way: Way, tmp_path: Path):
    (tmp_path / "access.json").write_text("{")
    assert way.post(EVENT).status_code == 503


def test_an_agency_the_deployment_does_not_know_has_no_contracts(way: Way):
    way.become("elsewhere")
    assert way.post(EVENT).status_code == 404
    assert way.post(cloud_event(source="/elsewhere"), "application/cloudevents+json").status_code == 403
    assert way.get("/v1/receipts").status_code == 200


@pytest.mark.parametrize("named", ["landlord.rent-accounts", "court.eviction-proceedings"])
def test_another_agencys_contract_is_refused(way: Way, named: str):
    assert way.post({"contract": named, "event": {}}).status_code == 403
    assert way.post({"contract": named}, path="/v1/heartbeats").status_code == 403
    assert way.kafka.sent == []


@pytest.mark.parametrize("named", ["rent-accounts", "", "x" * 5_000, FEED + ".v1", NUMBER])
def test_an_unknown_contract_is_not_quoted(way: Way, named: str):
    answer = way.post({"contract": named, "event": {}})
    assert answer.status_code == 404
    assert answer.json()["detail"] == f"contracts of {AGENCY}: benefit-decisions, job-declarations, job-seekers"
    assert way.post({"contract": named}, path="/v1/heartbeats").status_code == 404


# Kafka


def test_what_is_not_acknowledged_is_not_accepted(way: Way):
    way.kafka.is_reachable = False
    for answer in (way.post(EVENT), way.post({"contract": FEED}, path="/v1/heartbeats")):
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) > 0
        assert "accepted" not in answer.json()
    assert way.get("/readyz").status_code == 503
    assert way.get("/v1/receipts").status_code == 503
    assert way.get("/livez").status_code == 200


def test_a_repeated_request_is_the_same_records(way: Way):
    assert way.post(EVENT).status_code == way.post(EVENT).status_code == 202
    assert way.kafka.sent[0] == way.kafka.sent[1]


def test_requests_at_a_time_get_their_own_answers(way: Way):
    async def many() -> list[Any]:
        bodies = [json.dumps({"contract": FEED, "event": record(number)}).encode() for number in range(100)]
        headers = {"Content-Type": "application/json"}
        return await asyncio.gather(*(way._ask("POST", "/v1/events", body, headers) for body in bodies))

    answers = way._runner.run(many())
    assert [one.json()["accepted"][0]["id"] for one in answers] == [str(number) for number in range(100)]
    assert len({one.json()["accepted"][0]["receipt"] for one in answers}) == 100


# Heartbeats


def test_a_heartbeat_goes_to_every_partition(way: Way):
    answer = way.post({"contract": "job-declarations", "up_to": "2026-03-02T12:00:00+01:00"}, path="/v1/heartbeats")
    assert answer.status_code == 202
    assert answer.json() == {
        "feed": FEED,
        "up_to": "2026-03-02T11:00:00Z",
        "receipts": [f"{FEED}.v1.0.0", f"{FEED}.v1.1.0"],
    }
    assert {dict(one.headers or ())["ce_type"] for one in way.kafka.sent} == {b"headwater.heartbeat.v1"}


def test_a_heartbeat_without_a_time_is_up_to_now(way: Way):
    told = way.post({"contract": FEED}, path="/v1/heartbeats").json()
    assert parse_instant(told["up_to"], Calendar("UTC")) == ways.NOW


@pytest.mark.parametrize(
    "body",
    [
        None, [], {}, {"contract": 1}, {"contract": FEED, "up_to": 1}, {"contract": FEED, "up_to": "soon"},
        {"contract": FEED, "up_to": "2026-03-02"}, {"contract": FEED, "up_to": "2026-03-02T12:00:00"},
        {"contract": FEED, "up_to": "2999-01-01T00:00:00Z"}, {"contract": FEED, "up_to": "0001-01-01T00:00:00Z"},
        {"contract": FEED, "up_to": "0001-01-01T00:00:00+14:00"}, {"contract": FEED, "upTo": "2026-03-02T12:00:00Z"},
    ],
)  # fmt: skip
def test_a_heartbeat_of_another_shape_is_refused(way: Way, body: Any):
    answer = way.post(body, path="/v1/heartbeats")
    assert answer.status_code == 422
    assert way.kafka.sent == []


def test_a_heartbeat_is_small_and_json(way: Way):
    assert way.post(b" " * 20_000, path="/v1/heartbeats").status_code == 413
    assert way.post(b"{", path="/v1/heartbeats").status_code == 400
    assert way.post({"contract": FEED}, "application/cloudevents+json", "/v1/heartbeats").status_code == 415


# What became of them


def test_the_fate_of_an_event_is_told_by_its_receipt(way: Way):
    for number in range(4):
        way.post({"contract": FEED, "event": record(number)})
    states = [way.get(f"/v1/events/{FEED}.v1.0.{offset}").json()["state"] for offset in range(4)]
    assert states == ["pending"] * 4
    way.fates.take([receipt(0, 2, 1)])
    fates = [way.get(f"/v1/events/{FEED}.v1.0.{offset}").json() for offset in range(4)]
    assert [one["state"] for one in fates] == ["processed", "rejected", "processed", "pending"]
    assert (fates[1]["reason"], fates[1]["detail"]) == ("missing-person", "nobody")
    assert "reason" not in fates[0]


@pytest.mark.parametrize(
    "id_",
    [
        "x", "1", f"{FEED}.v1.0.99", f"{FEED}.v1.7.0", f"{FEED}.v9.0.0", f"{FEED}.v1.0.-1", f"{FEED}.v1.0.1e3",
        f"{FEED}.v1.0.{'9' * 18}", f"{FEED}.v1.0.{'9' * 19}", f"{FEED}.v1.0.٣", "landlord.rent-accounts.v1.0.0",
        f"{AGENCY}.nothing.v1.0.0", "%00", "a%2Fb", f"{FEED}.v1.0.0%20",
    ],
)  # fmt: skip
def test_a_receipt_that_is_none_or_anothers_is_not_found(way: Way, id_: str):
    way.post(EVENT)
    way.fates.take(
        [
            Receipt(
                "landlord",
                "landlord.rent-accounts",
                "events.landlord.rent-accounts.v1",
                0,
                0,
                9,
                ReceiptCounts(),
                0,
                (),
                0,
            )
        ]
    )
    answer = way.get(f"/v1/events/{id_}")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


def test_kafka_is_asked_about_partitions_that_the_deployment_has_only(way: Way):
    """What is known of a partition is kept; an agency must not make up as many as it likes."""
    asked: list[object] = []

    class Asked:
        def has(self, source: object, offset: int) -> bool:
            asked.append(source)
            return False

    way.serve(Gateway(replace(way.parts, watermarks=Asked())))
    made_up = [f"{AGENCY}.{number}.v1.0.1" for number in range(9)]
    for id_ in (*made_up, f"{FEED}.v2.0.1", f"{FEED}.v1.2.1", f"{FEED}.v1.1.1"):
        assert way.get(f"/v1/events/{id_}").status_code == 404
    assert asked == [(TOPIC, 1)]


def test_slow_pages_neither_delay_readiness_nor_take_more_threads(way: Way, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(gateway, "ASKING_S", 0.2)
    is_over = threading.Event()
    begun: list[str] = []

    class Slow:
        def page(self, agency: str, since: object, limit: int) -> Page:
            begun.append(agency)
            is_over.wait(20)
            return Page([], 0)

    way.serve(Gateway(replace(way.parts, receipts=Slow())))

    async def many() -> list[int]:
        pages = [way._ask("GET", "/v1/receipts", b"", {}) for _ in range(2 * gateway.ASKING_THREADS)]
        told = [one.status_code for one in await asyncio.gather(*pages)]
        monkeypatch.setattr(gateway, "FRESH_S", 0.0)
        async with asyncio.timeout(5):
            return [*told, (await way._ask("GET", "/readyz", b"", {})).status_code]

    try:
        assert way._runner.run(many()) == [503] * 2 * gateway.ASKING_THREADS + [200]
        assert len(begun) == gateway.ASKING_THREADS
    finally:
        is_over.set()


def test_a_gateway_is_not_ready_while_nobody_reads_receipts(way: Way):
    way.serve(Gateway(replace(way.parts, is_following=lambda: False)))
    assert way.get("/readyz").status_code == 503
    assert way.post(EVENT).status_code == 202


def test_a_look_for_kafka_that_hangs_is_given_up(way: Way, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(gateway, "LOOKING_S", 0.2)
    is_over = threading.Event()

    class Hanging(MemorySender):
        def require_reachable(self) -> None:
            is_over.wait(20)

    way.serve(Gateway(replace(way.parts, sender=Hanging())))
    try:
        begun = time.monotonic()
        assert way.get("/readyz").status_code == 503
        assert time.monotonic() < begun + 5
    finally:
        is_over.set()


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=1001", "limit=x", "since=soon", "since=-1", f"since={NUMBER}x", "since="]
)
def test_a_wrong_parameter_is_named_and_not_quoted(way: Way, query: str):
    answer = way.get(f"/v1/receipts?{query}")
    assert answer.status_code == 400
    assert query.split("=", maxsplit=1)[0] in answer.json()["detail"]
    assert NUMBER not in answer.text


def test_a_page_of_receipts_is_as_its_model_says(way: Way):
    class OnePage:
        def page(self, agency: str, since: object, limit: int) -> Page:
            return Page([receipt(0, 2, 1)], 7)

    parts = replace(way.parts, receipts=OnePage())
    way.serve(Gateway(parts))
    answer = ReceiptsAnswer.model_validate(way.get("/v1/receipts").json())
    assert answer.receipts[0].accepted == [[0, 0], [2, 2]]
    assert answer.next == "7"


# Problems


def test_paths_and_methods_that_are_none_are_problems(way: Way):
    assert way.get("/v2/events").json()["type"] == "/problems/no-such-path"
    answer = way.get("/v1/events")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize("type_", ProblemType)
def test_every_problem_has_a_page(way: Way, type_: ProblemType):
    told = way.get(f"/problems/{type_.slug}", Authorization="").json()
    assert told["status"] == type_.value.status
    assert told["remedy"]


def test_a_fault_is_logged_by_its_place_without_its_message(way: Way, capfd: pytest.CaptureFixture[str]):
    class Broken:
        def page(self, agency: str, since: object, limit: int) -> Page:
            raise LookupError(NUMBER)

    way.serve(Gateway(replace(way.parts, receipts=Broken())))
    answer = way.get("/v1/receipts")
    assert (answer.status_code, answer.json()["type"]) == (500, "/problems/fault")
    printed = "".join(capfd.readouterr())
    assert "LookupError" in printed
    assert NUMBER not in answer.text + printed


def test_nothing_of_a_body_is_printed(way: Way, capfd: pytest.CaptureFixture[str]):
    for body in (EVENT, {"contract": NUMBER, "event": {}}, {"contract": FEED, "event": {NUMBER: NUMBER}}, NUMBER):
        way.post(body)
    assert capfd.readouterr() == ("", "")


# Documents


def test_answers_are_as_the_document_says(way: Way):
    way.post(EVENT)
    bodies = {
        EventsAnswer: way.post({"contract": FEED, "events": [record(), {}]}),
        HeartbeatAnswer: way.post({"contract": FEED}, path="/v1/heartbeats"),
        Fate: way.get(f"/v1/events/{FEED}.v1.0.0"),
        ProblemAnswer: way.post({"contract": FEED, "event": {}}),
    }
    for model, answer in bodies.items():
        model.model_validate(answer.json(), strict=True)


def test_the_document_tells_every_status_and_its_examples_work(way: Way):
    document = way.get("/openapi.json").json()
    post = document["paths"]["/v1/events"]["post"]
    assert set(post["responses"]) == {"202", "400", "401", "403", "404", "408", "413", "415", "422", "500", "503"}
    content = post["requestBody"]["content"]
    assert set(content) == {"application/json", "application/cloudevents+json", "application/cloudevents-batch+json"}
    for media_type, described in content.items():
        for example in described["examples"].values():
            answer = way.ask("POST", "/v1/events", json.dumps(example["value"]).encode(), {"Content-Type": media_type})
            assert answer.status_code == 202, answer.text
            assert answer.json()["rejected"] == []
    for path, operations in document["paths"].items():
        for operation in operations.values():
            is_open = path in ("/livez", "/readyz")
            assert is_open or operation["security"] == [{"HTTPBearer": []}]
            for status, described in operation["responses"].items():
                if int(status) >= 400:
                    assert list(described["content"]) == ["application/problem+json"], (path, status)


def test_requests_are_counted_by_route(way: Way):
    way.post(EVENT)
    way.get(f"/v1/events/{FEED}.v1.0.0")
    metrics = way.meters.expose("")[0].decode()
    counted = {line for line in metrics.splitlines() if line.startswith("headwater_http_requests_total")}
    assert any('route="/v1/events"' in one and 'status="202"' in one and one.endswith(" 1.0") for one in counted)
    assert any('route="/v1/events/{receipt}"' in one for one in counted)
    assert not re.search(r"job-declarations", metrics)
    assert way.get("/metrics", Authorization="").status_code == 404


def test_every_problem_is_in_the_agencies_guide():
    guide = (Path(__file__).parents[4] / "docs" / "agencies.md").read_text(encoding="utf-8")
    for type_ in ProblemType:
        rows = [line for line in guide.splitlines() if f"`/problems/{type_.slug}`" in line]
        assert [row.startswith(f"| {type_.value.status} |") for row in rows] == [True], type_


def test_a_body_that_does_not_come_ends_with_408_and_makes_others_wait_only_so_long(
    way: Way, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(app, "MOST_AT_ONCE", 1)
    monkeypatch.setattr(app, "WAIT_S", 0.1)
    monkeypatch.setattr(app, "read_body", partial(read_body, longest_s=0.6))
    way.serve(Gateway(way.parts))

    async def slow() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(30)

    async def both() -> list[Any]:
        headers = {"Content-Type": "application/json"}
        first = asyncio.create_task(way._ask("POST", "/v1/events", slow(), headers))
        await asyncio.sleep(0.2)
        return [await way._ask("POST", "/v1/events", b"{}", headers), await first]

    waiting, late = way._runner.run(both())
    assert (waiting.status_code, waiting.json()["type"]) == (503, "/problems/busy")
    assert int(waiting.headers["retry-after"]) > 0
    assert (late.status_code, late.json()["type"]) == (408, "/problems/too-slow")
    assert way.post(EVENT).status_code == 202


def test_slow_bodies_of_one_agency_keep_no_other_out(way: Way, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(app, "MOST_AT_ONCE", 3)
    monkeypatch.setattr(app, "MOST_OF_ONE", 2)
    monkeypatch.setattr(app, "WAIT_S", 0.1)
    monkeypatch.setattr(app, "read_body", partial(read_body, longest_s=0.6))
    way.serve(Gateway(way.parts))
    headers = {"Content-Type": "application/json"}
    other = {**headers, "Authorization": f"Bearer {way.access.issue(Kind.AGENCY, 'landlord')}"}

    async def slow() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(30)

    async def both() -> tuple[list[int], int]:
        many = [asyncio.create_task(way._ask("POST", "/v1/events", slow(), headers)) for _ in range(3)]
        await asyncio.sleep(0.05)
        heartbeat = await way._ask("POST", "/v1/heartbeats", b'{"contract": "rent-accounts"}', other)
        return sorted([(await one).status_code for one in many]), heartbeat.status_code

    assert way._runner.run(both()) == ([408, 408, 503], 202)
