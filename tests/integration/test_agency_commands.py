"""What an agency and an operator do all day: publish, read receipts, look at dead letters, put them back.

On a real broker with a running intake. The landlord's contract has forgotten the code `X` (cancelled);
the tests are one story and run in order.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fastavro
import pytest
from confluent_kafka.admin import AdminClient, NewTopic

import infra
from schemas.contract import load_contract
from schemas.publishing import register_contract
from schemas.registry import FolderRegistry
from schemas.wire import frame
from streams import cli
from streams.agencies import publishing
from streams.agencies.publishing import Publisher
from streams.broker import start_broker, stop_broker
from streams.errors import Unreachable
from streams.kafka.clients import client_config
from streams.kafka.log import read_topic
from streams.settings import Settings
from streams.stages.supervisor import Supervisor
from tests.integration.towns import Ended

DEMO = Path(infra.__file__).parent / "demo"
LANDLORD = Path("contracts/landlord/rent-accounts")
TOPIC = "events.landlord.rent-accounts.v1"
DLQ = f"{TOPIC}.intake.dlq"
NATIONAL_NUMBER = "85031512345"
CODES = "{N: created, C: corrected, X: annulled}"


class Town:
    """A data folder, a deployment of its own, a broker and an intake."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.deployment = folder / "deployment"
        shutil.copytree(DEMO, self.deployment)
        self.edit(CODES, "{N: created, C: corrected}")
        self.broker = start_broker(Settings(kafka=None, broker_port=None, data=folder / "data"))
        self.environment = {
            "HEADWATER_DATA": str(folder / "data"),
            "HEADWATER_DEPLOYMENT": str(self.deployment),
            "HEADWATER_KAFKA": self.broker.bootstrap,
        }
        self._stages: Supervisor | None = None
        self._is_over = threading.Event()
        self._watcher = threading.Thread(target=self._watch)
        self._watcher.start()

    def _watch(self) -> None:
        while not self._is_over.wait(0.1):
            stages = self._stages
            if stages is not None:
                stages.watch()

    def edit(self, old: str, new: str) -> None:
        mapping = self.deployment / LANDLORD / "mapping.yaml"
        text = mapping.read_text()
        assert old in text
        mapping.write_text(text.replace(old, new))

    def start_intake(self) -> None:
        self._stages = Supervisor(["intake"], self.environment, self.folder / "logs")

    def stop_intake(self) -> None:
        stages, self._stages = self._stages, None
        if stages is not None:
            time.sleep(0.2)  # the watcher lets go of it
            stages.stop()

    def close(self) -> None:
        self._is_over.set()
        self._watcher.join()
        self.stop_intake()
        stop_broker(Settings(kafka=None, broker_port=None, data=self.folder / "data"))


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with pytest.MonkeyPatch.context() as patch:
        town = Town(tmp_path_factory.mktemp("town"))
        for name, value in town.environment.items():
            patch.setenv(name, value)
        try:
            town.start_intake()
            yield town
        finally:
            town.close()


@pytest.fixture
def records(tmp_path: Path) -> Path:
    """A good record, one that is no JSON, a cancellation, one that fits no schema, a good one."""
    good = record("RA-1")
    path = tmp_path / "rent.jsonl"
    rows = [json.dumps(good), "{", json.dumps(record("RA-2", "X", "RA-1")), '{"code": 3}', json.dumps(record("RA-3"))]
    path.write_text("\n".join(rows))
    return path


def record(ref: str, code: str = "N", earlier: str | None = None) -> dict[str, Any]:
    sample = json.loads((DEMO / LANDLORD / "samples" / "good.jsonl").read_text().splitlines()[0])
    return {**sample, "messageRef": ref, "code": code, "earlierRef": earlier}


def headwater(*words: object) -> Ended:
    """Runs a command as the console script would."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        patch.setattr(sys, "argv", ["headwater", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
    said = Ended(int(ended.value.code or 0), out.getvalue(), err.getvalue())
    assert NATIONAL_NUMBER not in said.out + said.err
    assert "Traceback" not in said.err
    return said


def test_topics_that_are_missing_are_told_and_then_made(town: Town) -> None:
    deadline = time.monotonic() + 60
    while (found := headwater("topics", "--live", "--json")).code == 1 and time.monotonic() < deadline:
        time.sleep(0.5)  # intake makes them when it starts
    assert found.code == 0
    assert {row["name"] for row in found.data} >= {TOPIC, DLQ, "receipts.landlord", "life-events.v1"}
    assert all(row["differences"] == [] for row in found.data)


def test_publish_tells_unfit_accepted_and_rejected_by_line(town: Town, records: Path) -> None:
    ended = headwater("publish", "rent-accounts", records, "--agency", "landlord", "--json")
    assert ended.code == 1, ended.err
    told = ended.data
    assert (told["published"], told["accepted"], told["waiting"]) == (3, 2, 0)
    assert [(one["line"], one["reason"]) for one in told["unfit"]] == [(2, "not-avro"), (4, "not-avro")]
    (rejected,) = told["rejected"]
    assert (rejected["file"], rejected["line"]) == (str(records), 3)
    assert (rejected["reason"], rejected["event"]) == ("unknown-change-kind", "RA-2")
    (letter,) = read_topic(town.broker.bootstrap, DLQ)
    assert dict(letter.headers())["__connect.errors.offset"] == str(rejected["offset"]).encode()


def test_publish_speaks_to_people_and_reads_avro_containers_and_csv(town: Town, tmp_path: Path) -> None:
    container = tmp_path / "rent.avro"
    with container.open("wb") as target:
        schema = json.loads((DEMO / LANDLORD / "rent-accounts.avsc").read_text())
        fastavro.writer(target, schema, [record(f"RA-{number}") for number in range(10, 60)])
    ended = headwater("publish", "landlord.rent-accounts", container)
    assert ended.code == 0, ended.err
    assert "50 accepted, 0 rejected" in ended.out
    desks = tmp_path / "help.csv"
    desks.write_text("desk,day,ticket,topic,nationalNumber,enteredAt\nQuay,2026-02-03,14,debt,,1770120000\n")
    refused = headwater("publish", "ngo.help-requests", desks)
    assert refused.code == 1
    assert f"{desks}:2: missing-person" in refused.err
    assert "0 accepted, 1 rejected\n  1 missing-person" in refused.out


def test_a_heartbeat_reaches_every_partition(town: Town) -> None:
    told = headwater("publish", "court.eviction-proceedings", "--heartbeat", "--up-to", "2026-02-01", "--json").data
    assert (told["published"], told["heartbeats"], told["rejected"]) == (0, 2, [])
    future = headwater("publish", "court.eviction-proceedings", "--heartbeat", "--up-to", "2999-01-01")
    assert future.code == 1
    assert future.err.count("heartbeat: future-date") == 2


def test_withheld_records_are_told(town: Town, tmp_path: Path) -> None:
    desks = tmp_path / "help.csv"
    header = "desk,day,ticket,topic,nationalNumber,enteredAt"
    desks.write_text(f"{header}\nQuay,2026-02-03,15,debt,{NATIONAL_NUMBER},1770120000\n")
    told = headwater("publish", "help-requests", desks, "--json").data
    assert (told["accepted"], told["withheld"]) == (1, 1)


def test_receipts_give_ranges_rejections_withheld_and_heartbeats(town: Town) -> None:
    lines = [json.loads(line) for line in headwater("receipts", "--json").out.splitlines()]
    total = {name: sum(line["counts"][name] for line in lines) for name in lines[0]["counts"]}
    assert total == {"processed": 53, "withheld": 1, "rejected": 4, "heartbeats": 2, "events": 52}
    for line in lines:
        first, last = line["offsets"]
        covered = sorted(
            [n for a, b in line["accepted"] for n in range(a, b + 1)] + [r["offset"] for r in line["rejected"]]
        )
        assert covered == list(range(first, last + 1))
    shown = headwater("receipts", "--agency", "landlord")
    assert shown.code == 0
    assert "unknown-change-kind" in shown.out
    assert "ngo" not in shown.out
    assert headwater("receipts", "--agency", "nobody").code == 2


def test_receipts_can_be_followed(town: Town, tmp_path: Path) -> None:
    file = tmp_path / "more.jsonl"
    file.write_text(json.dumps(record("RA-70")))
    program = Path(sys.executable).with_name("headwater")
    # Ctrl-C reaches it even where whatever runs the tests was started in the background and ignores it.
    with subprocess.Popen(
        ["env", "--default-signal=INT", program, "receipts", "--agency", "landlord", "--follow", "--json"],
        env={**os.environ, "PYTHONUNBUFFERED": "1"}, stdout=subprocess.PIPE, text=True,
    ) as following:  # fmt: skip
        assert following.stdout is not None
        threading.Timer(60, following.kill).start()
        before = json.loads(following.stdout.readline())
        assert headwater("publish", "landlord.rent-accounts", file).code == 0
        newest = next(line for line in following.stdout if json.loads(line)["at"] > before["at"])
        assert json.loads(newest)["agency"] == "landlord"
        following.send_signal(2)
        assert following.wait(20) == 0


def test_dead_letters_are_counted_and_shown_without_their_content(town: Town, tmp_path: Path) -> None:
    rows = headwater("dlq", "list", "--json").data
    assert {(row["topic"], row["reason"], row["count"]) for row in rows} >= {(DLQ, "unknown-change-kind", 1)}
    assert "missing-person" in headwater("dlq", "list").out
    raw = tmp_path / "letter.bin"
    shown = headwater("dlq", "show", "landlord.rent-accounts", rows[1]["first_offset"], "--bytes", raw, "--json")
    assert shown.code == 0, shown.err
    told = shown.data
    assert (told["reason"], told["replayed"], told["decoding"]) == ("unknown-change-kind", False, "possible")
    assert {"path": "tenants[0].nationalNumber", "holds": "text"} in told["fields"]
    assert told["source"]["topic"] == TOPIC
    assert NATIONAL_NUMBER.encode() in raw.read_bytes()
    assert raw.stat().st_mode & 0o077 == 0
    assert "tenants[1].nationalNumber: null" in headwater("dlq", "show", DLQ, rows[1]["first_offset"]).out


def test_bad_bytes_are_shown_as_far_as_they_go(town: Town) -> None:
    contract = load_contract(town.deployment / "contracts/prison/releases")
    assert not isinstance(contract, list)
    registry = FolderRegistry()
    schema_id = register_contract(contract, registry)
    publisher = Publisher(town.broker.bootstrap, registry, 2)
    headers = [("ce_source", b"/prison/releases"), ("note", NATIONAL_NUMBER.encode())]
    bad: list[bytes | None] = [None, b"{}", b"\x00\x00\x00\x00\x09x", frame(schema_id, b"\x02")]
    for value in bad:
        publisher.send(contract.topic, 0, NATIONAL_NUMBER.encode(), value, headers)
    publisher.flush()
    told: list[Any] = []
    deadline = time.monotonic() + 30
    while len(told) < 4 and time.monotonic() < deadline:
        letters = list(read_topic(town.broker.bootstrap, f"{contract.topic}.intake.dlq"))
        told = [headwater("dlq", "show", "prison.releases", one.offset(), "--json").data for one in letters]
    assert [one["reason"] for one in told] == ["null-value", "not-avro", "unknown-schema", "truncated"]
    assert [one["schema_id"] for one in told] == [None, None, 9, schema_id]
    assert all(one["headers"]["note"] == "(11 bytes, not shown)" for one in told)
    assert headwater("dlq", "show", "prison.releases", letters[0].offset(), "--bytes", "/nowhere/x").code == 1


def test_a_fault_that_ends_a_publisher_is_named(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was sent with it is reported as left only: fatal by a setting that forbids gaps, or by a right refused."""
    config = {**publishing.producer_config(town.broker.bootstrap), "enable.gapless.guarantee": True}
    monkeypatch.setattr(publishing, "producer_config", lambda _: config)
    topic = NewTopic("small", 2, 1, config={"max.message.bytes": "500"})
    admin = AdminClient(client_config(town.broker.bootstrap))
    admin.create_topics([topic])["small"].result(20)
    publisher = Publisher(town.broker.bootstrap, FolderRegistry(), 2)
    for partition in (0, 1):
        publisher.send("small", partition, b"k", random.randbytes(600))
    with pytest.raises(Unreachable, match="unable to satisfy gap-less guarantee"):
        publisher.flush()


def test_after_a_fix_dead_letters_go_through_once(town: Town) -> None:
    still = headwater("dlq", "replay", DLQ, "--json")
    assert still.code == 1
    assert still.data["reasons"] == {"unknown-change-kind": 1}

    town.stop_intake()
    town.edit("{N: created, C: corrected}", CODES)
    town.start_intake()

    # The first letter was put back before; the one its replay became goes now.
    replayed = headwater("dlq", "replay", "landlord.rent-accounts", "--reason", "unknown-change-kind", "--json")
    assert replayed.code == 0, replayed.err
    told = replayed.data
    assert (told["replayed"], told["before"], told["accepted"]) == (1, 1, 1)

    refused = headwater("dlq", "replay", DLQ)
    assert refused.code == 1
    assert "--again" in refused.err
    letters = list(read_topic(town.broker.bootstrap, DLQ))
    assert headwater("dlq", "replay", DLQ, "--offset", letters[0].offset()).code == 1
    assert headwater("dlq", "show", DLQ, letters[0].offset(), "--json").data["replayed"]
    again = headwater("dlq", "replay", DLQ, "--offset", letters[0].offset(), "--again")
    assert again.code == 0, again.err
    assert "1 accepted, 0 rejected" in again.out


def test_a_replay_is_the_original(town: Town) -> None:
    source = list(read_topic(town.broker.bootstrap, TOPIC))
    letter = next(iter(read_topic(town.broker.bootstrap, DLQ)))
    first, *replays = [one for one in source if one.value() == letter.value()]
    assert len(replays) == 3
    for one in replays:
        names = [name for name, _ in one.headers()]
        assert (one.key(), one.partition()) == (first.key(), first.partition())
        assert one.headers()[:-1] == first.headers()
        assert names[-1] == "headwater.replayed-from"
        assert names.count("headwater.replayed-from") == 1
    assert dict(replays[0].headers())["headwater.replayed-from"] == f"{DLQ}/0/{letter.offset()}".encode()


@pytest.mark.parametrize(
    "words",
    [
        ["publish", "landlord.rent-accounts"],
        ["publish", "landlord.rent-accounts", "/nowhere.jsonl"],
        ["publish", "landlord.nothing", "--heartbeat"],
        ["publish", "rent-accounts", "--agency", "court", "--heartbeat"],
        ["publish", "landlord.rent-accounts", "--heartbeat", "--up-to", "soon"],
        ["publish", "landlord.rent-accounts", __file__, "--up-to", "2026-01-01"],
        ["dlq", "show", "events.nothing", "0"],
        ["dlq", "show", DLQ, "9999"],
        ["dlq", "replay", DLQ, "--reason", "nothing"],
    ],
)
def test_wrong_use_ends_with_2_and_a_remedy(town: Town, words: list[str]) -> None:
    ended = headwater(*words)
    assert ended.code == 2
    assert "remedy" in ended.err


def test_no_receipt_is_an_unreachable_intake_and_waiting_can_be_left_out(town: Town, tmp_path: Path) -> None:
    town.stop_intake()
    file = tmp_path / "late.jsonl"
    file.write_text(json.dumps(record("RA-90")))
    silent = headwater("publish", "landlord.rent-accounts", file, "--timeout", "1")
    assert silent.code == 3
    assert "1 published" in silent.out
    assert "do not send them again" in silent.err
    assert headwater("publish", "landlord.rent-accounts", file, "--no-wait").code == 0


def test_no_broker_is_told_with_its_address(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADWATER_KAFKA", "127.0.0.1:1")
    ended = headwater("dlq", "list")
    assert ended.code == 3
    assert "127.0.0.1:1" in ended.err
