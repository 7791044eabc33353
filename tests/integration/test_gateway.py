"""The gateway on a real Kafka with a real intake: what is published by HTTP arrives, and its receipt comes back."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from confluent_kafka.admin import AdminClient, NewTopic

import infra
from processors.events import LifeEvent
from schemas.files import read_entries
from schemas.publishing import publish_record
from sinks.metrics import Meters
from streams.access import Kind
from streams.agencies import batches
from streams.agencies.publishing import producer_config
from streams.broker import start_broker, stop_broker
from streams.broker.ports import find_free
from streams.cli.publish import record_of
from streams.composition import Platform, access_file
from streams.gateway import sending
from streams.gateway.sending import EventProducer, Landed, Unacknowledged
from streams.kafka.clients import client_config
from streams.kafka.log import end_offsets, read_topic
from streams.kafka.transactions import Outgoing
from streams.services.gateway import build
from streams.services.http import listen
from streams.settings import Settings
from streams.stages.supervisor import Supervisor
from streams.topics import ensure

DEMO = Path(infra.__file__).parent / "demo"
JOBS = "employment-service.job-declarations"
TOPIC = f"events.{JOBS}.v1"
NUMBER = "85031512345"


class Place:
    """A broker, an intake, and a gateway served in this process; each can be stopped and started again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.own = Settings(kafka=None, broker_port=None, data=folder / "data")
        self.broker = start_broker(self.own)
        environment = {"HEADWATER_DATA": str(folder / "data"), "HEADWATER_KAFKA": self.broker.bootstrap}
        self.platform = Platform(Settings(kafka=self.broker.bootstrap, data=folder / "data", deployment=DEMO))
        ensure(self.platform.bootstrap, self.platform.topics, self.platform.settings)
        self.intake = Supervisor(["intake"], environment, folder / "logs")
        access = access_file(self.platform.settings)
        agencies = {contract.agency for contract in self.platform.deployment.contracts.values()}
        self.codes = {agency: access.issue(Kind.AGENCY, agency) for agency in agencies}
        self.start_gateway()

    def start_gateway(self) -> None:
        self._bound = listen("127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._bound.getsockname()[1]}"
        config = uvicorn.Config(
            build(self.platform, Meters("gateway")), log_level="warning", access_log=False, log_config=None
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._bound]})
        self._thread.start()
        eventually(lambda: self._server.started)

    def stop_gateway(self) -> None:
        self._server.should_exit = True
        self._thread.join(30)
        self._bound.close()

    def client(self, agency: str) -> httpx.Client:
        headers = {"Authorization": f"Bearer {self.codes[agency]}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=30)

    def stop_broker(self) -> None:
        stop_broker(self.own)

    def start_broker(self) -> None:
        start_broker(self.own)

    def close(self) -> None:
        self.stop_gateway()
        self.intake.stop()
        stop_broker(self.own)
        shutil.rmtree(self.folder / "data")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    place = Place(tmp_path_factory.mktemp("gateway"))
    try:
        yield place
    finally:
        place.close()


@pytest.fixture(scope="module")
def jobs(place: Place) -> Iterator[httpx.Client]:
    with place.client("employment-service") as client:
        yield client


def eventually(found: Callable[[], Any], limit_s: float = 60) -> Any:
    deadline = time.monotonic() + limit_s
    while not (answer := found()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.1)
    return answer


def landed(producer: EventProducer, records: list[Outgoing]) -> list[Landed] | None:
    try:
        return producer.send(records).result(20)
    except Unacknowledged:
        return None


def record(number: int, **fields: Any) -> dict[str, Any]:
    folder = DEMO / "contracts" / "employment-service" / "job-declarations"
    line = (folder / "samples" / "good.jsonl").read_text().splitlines()[0]
    return {**json.loads(line), "aangifteNummer": number, **fields}


def fate(client: httpx.Client, receipt: str) -> dict[str, Any]:
    """What became of a record once it is not pending any more."""

    def settled() -> dict[str, Any] | None:
        answer = client.get(f"/v1/events/{receipt}")
        assert answer.status_code == 200, answer.text
        return None if answer.json()["state"] == "pending" else answer.json()

    return eventually(settled)


def life_events(place: Place) -> list[LifeEvent]:
    values = (place.platform.codec.decode(one.value()) for one in read_topic(place.broker.bootstrap, "life-events.v1"))
    return [one for one in values if isinstance(one, LifeEvent)]


def test_what_is_published_becomes_life_events_and_its_receipt_says_so(place: Place, jobs: httpx.Client):
    events = [record(1), {"aard": "OUT"}, record(2, werknemer={"insz": ""}), record(3)]
    answer = jobs.post("/v1/events", json={"contract": "job-declarations", "events": events})
    assert answer.status_code == 202, answer.text
    told = answer.json()
    assert [(one["index"], one["id"]) for one in told["accepted"]] == [(0, "1"), (2, "2"), (3, "3")]
    assert [(one["index"], one["reason"]) for one in told["rejected"]] == [(1, "not-avro")]
    fates = [fate(jobs, one["receipt"]) for one in told["accepted"]]
    assert [one["state"] for one in fates] == ["processed", "rejected", "processed"]
    assert fates[1]["reason"] == "missing-person"
    found = [one for one in life_events(place) if one.feed == JOBS]
    assert [one.type for one in found] == ["job_lost", "job_lost"]
    assert NUMBER not in json.dumps([told, fates])


def test_a_cloud_event_in_each_mode_is_the_same_event(place: Place, jobs: httpx.Client):
    data = record(10)
    attributes = {"specversion": "1.0", "id": "10", "source": "/employment-service", "type": f"{JOBS}.v1"}
    one = json.dumps({**attributes, "data": data})
    as_headers = {f"ce-{name}": value for name, value in attributes.items()}
    answers = [
        jobs.post("/v1/events", content=one, headers={"Content-Type": "application/cloudevents+json"}),
        jobs.post("/v1/events", content=f"[{one}]", headers={"Content-Type": "application/cloudevents-batch+json"}),
        jobs.post("/v1/events", json=data, headers=as_headers),
    ]
    assert [answer.status_code for answer in answers] == [202, 202, 202]
    receipts = [answer.json()["accepted"][0]["receipt"] for answer in answers]
    assert {fate(jobs, receipt)["state"] for receipt in receipts} == {"processed"}
    messages = [one for one in read_topic(place.broker.bootstrap, TOPIC) if dict(one.headers())["ce_id"] == b"10"]
    assert len({(one.key(), one.value(), *but_for_the_batch(one.headers())) for one in messages}) == 1
    ids = Counter(one.id for one in life_events(place))
    assert 3 in ids.values()


def test_what_headwater_publish_writes_is_what_the_gateway_writes(place: Place, jobs: httpx.Client, tmp_path: Path):
    file = tmp_path / "one.jsonl"
    file.write_text(json.dumps(record(20)))
    contract = place.platform.deployment.contracts[JOBS]
    (entry,) = read_entries(file, contract.schema)
    key, value, headers = publish_record(contract, place.platform.registry, record_of(entry, contract))
    assert jobs.post("/v1/events", json={"contract": JOBS, "event": record(20)}).status_code == 202
    messages = [one for one in read_topic(place.broker.bootstrap, TOPIC) if dict(one.headers())["ce_id"] == b"20"]
    found = [(one.key(), one.value(), but_for_the_batch(one.headers())) for one in messages]
    assert found == [(key, value, but_for_the_batch(headers))]


def but_for_the_batch(headers: list[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    """A request is a batch, named after what it holds as a whole."""
    return [header for header in headers if header[0] != batches.HEADER]


def test_every_shipped_sample_goes_in_by_http(place: Place):
    for contract in place.platform.deployment.contracts.values():
        samples = (contract.folder / "samples" / "good.jsonl").read_text().splitlines()
        with place.client(contract.agency) as client:
            body = {"contract": contract.name, "events": [json.loads(line) for line in samples]}
            answer = client.post("/v1/events", json=body)
            assert answer.status_code == 202, answer.text
            assert len(answer.json()["accepted"]) == len(samples), answer.text
            assert {fate(client, one["receipt"])["state"] for one in answer.json()["accepted"]} == {"processed"}


def test_a_heartbeat_is_heard_on_every_partition(jobs: httpx.Client):
    answer = jobs.post("/v1/heartbeats", json={"contract": JOBS, "up_to": "2026-03-02T12:00:00Z"})
    assert answer.status_code == 202, answer.text
    assert [fate(jobs, receipt)["state"] for receipt in answer.json()["receipts"]] == ["processed", "processed"]
    pages = jobs.get("/v1/receipts").json()["receipts"]
    assert sum(one["counts"]["heartbeats"] for one in pages) == 2


def test_an_agency_has_its_own_contracts_and_receipts_only(place: Place, jobs: httpx.Client):
    before = end_offsets(place.broker.bootstrap, TOPIC)
    with place.client("landlord") as landlord:
        assert landlord.post("/v1/events", json={"contract": JOBS, "event": record(30)}).status_code == 403
        assert landlord.post("/v1/heartbeats", json={"contract": JOBS}).status_code == 403
        assert landlord.get(f"/v1/events/{JOBS}.v1.0.0").status_code == 404
        assert {one["agency"] for one in landlord.get("/v1/receipts").json()["receipts"]} <= {"landlord"}
    assert end_offsets(place.broker.bootstrap, TOPIC) == before


def test_receipts_come_in_pages_without_a_gap(jobs: httpx.Client):
    for number in range(40, 46):
        answer = jobs.post("/v1/events", json={"contract": JOBS, "event": record(number)})
        fate(jobs, answer.json()["accepted"][0]["receipt"])
    seen: list[dict[str, Any]] = []
    since = "0"
    while True:
        page = jobs.get("/v1/receipts", params={"since": since, "limit": 2}).json()
        if not page["receipts"]:
            break
        assert len(page["receipts"]) <= 2
        seen += page["receipts"]
        since = page["next"]
    assert page["next"] == since
    runs = [(one["topic"], one["partition"], *one["offsets"]) for one in seen]
    assert len(set(runs)) == len(runs)
    newest = jobs.get("/v1/receipts", params={"limit": 3}).json()
    assert newest["receipts"] == seen[-3:]
    assert jobs.get("/v1/receipts", params={"since": newest["next"]}).json()["receipts"] == []
    assert jobs.get("/v1/receipts", params={"since": "2020-01-01T00:00:00Z", "limit": 1000}).json()["receipts"] == seen
    assert jobs.get("/v1/receipts", params={"since": "2999-01-01T00:00:00Z"}).json()["receipts"] == []
    assert jobs.get("/v1/receipts", params={"since": "9" * 18}).json()["receipts"] == []


def test_many_requests_at_a_time_each_learn_where_their_own_records_are(place: Place, jobs: httpx.Client):
    def publish(number: int) -> list[tuple[str, str]]:
        events = [record(1000 + number * 10 + one) for one in range(10)]
        answer = jobs.post("/v1/events", json={"contract": JOBS, "events": events})
        assert answer.status_code == 202, answer.text
        return [(one["id"], one["receipt"]) for one in answer.json()["accepted"]]

    with ThreadPoolExecutor(32) as pool:
        told = [pair for pairs in pool.map(publish, range(200)) for pair in pairs]
    assert len({receipt for _, receipt in told}) == len(told) == 2000
    where = {
        f"{JOBS}.v1.{one.partition()}.{one.offset()}": dict(one.headers())["ce_id"].decode()
        for one in read_topic(place.broker.bootstrap, TOPIC)
    }
    assert all(where[receipt] == id_ for id_, receipt in told)
    assert fate(jobs, told[-1][1])["state"] == "processed"


def test_a_gateway_started_anew_knows_earlier_fates(place: Place):
    with place.client("employment-service") as client:
        answer = client.post("/v1/events", json={"contract": JOBS, "event": record(50, werknemer={"insz": ""})})
        receipt = answer.json()["accepted"][0]["receipt"]
        assert fate(client, receipt)["state"] == "rejected"
    place.stop_gateway()
    place.start_gateway()
    with place.client("employment-service") as client:
        assert fate(client, receipt)["reason"] == "missing-person"


def test_a_producer_with_a_fatal_error_is_replaced_and_no_request_waits_for_ever(
    place: Place, monkeypatch: pytest.MonkeyPatch
):
    """Fatal by a setting that forbids gaps; in use it may be a right taken away, or a broker that lost its memory."""
    config = {**producer_config(place.broker.bootstrap), "enable.gapless.guarantee": True}
    monkeypatch.setattr(sending, "producer_config", lambda _: config)
    topic = NewTopic("small", 1, 1, config={"max.message.bytes": "500"})
    admin = AdminClient(client_config(place.broker.bootstrap))
    admin.create_topics([topic])["small"].result(20)
    record_ = Outgoing("small", 0, b"k", b"v")
    producer = EventProducer(place.broker.bootstrap)
    try:
        assert producer.send([record_]).result(20)
        with pytest.raises(Unacknowledged):
            producer.send([replace(record_, value=random.randbytes(600)), record_, record_]).result(20)
        first, second = eventually(lambda: landed(producer, [record_, record_]))
        assert second.offset == first.offset + 1
    finally:
        producer.close()
        producer.close()


def test_the_process_serves_until_it_is_told_to_end(place: Place):
    port = find_free()
    environment = {**os.environ, "HEADWATER_DATA": str(place.folder / "data"), "HEADWATER_GATEWAY_PORT": str(port)}
    environment["HEADWATER_KAFKA"] = place.broker.bootstrap
    command = [sys.executable, "-m", "streams.services", "gateway"]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            eventually(lambda: _is_ready(f"http://127.0.0.1:{port}"))
            second = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
            assert second.returncode == 1
            assert f"port {port}" in second.stderr
            assert "remedy" in second.stderr
        finally:
            process.terminate()
        _, printed = process.communicate(timeout=20)
        assert "Traceback" not in printed


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz").status_code == 200
    except httpx.TransportError:
        return False


def test_readiness_follows_kafka_and_nothing_is_said_to_be_accepted_without_it(place: Place):
    with place.client("employment-service") as client:
        assert client.get("/readyz").status_code == 200
        place.intake.stop()
        place.stop_broker()
        try:
            begun = time.monotonic()
            refused = client.post("/v1/events", json={"contract": JOBS, "event": record(60)})
            assert refused.status_code == 503, refused.text
            assert time.monotonic() - begun < 8
            assert int(refused.headers["retry-after"]) > 0
            assert "accepted" not in refused.json()
            assert client.get("/livez").status_code == 200
            assert eventually(lambda: client.get("/readyz").status_code == 503)
            assert client.get("/v1/receipts").status_code == 503
            assert client.post("/v1/heartbeats", json={"contract": JOBS}).status_code == 503
        finally:
            place.start_broker()
        again = eventually(lambda: _accepted(client, record(60)), 30)
        assert client.get("/readyz").status_code == 200
        assert client.get(f"/v1/events/{again}").status_code == 200
        sent = [one for one in read_topic(place.broker.bootstrap, TOPIC) if dict(one.headers())["ce_id"] == b"60"]
        assert again.endswith(f".{sent[-1].partition()}.{sent[-1].offset()}")


def _accepted(client: httpx.Client, event: dict[str, Any]) -> str | None:
    answer = client.post("/v1/events", json={"contract": JOBS, "event": event})
    return answer.json()["accepted"][0]["receipt"] if answer.status_code == 202 else None
