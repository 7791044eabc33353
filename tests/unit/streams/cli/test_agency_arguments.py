"""`headwater topics`, `publish`, `receipts`, `dlq`: arguments and what is printed; no broker."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from typer.testing import CliRunner

import infra
from schemas.contract import Contract
from schemas.deployment import Deployment
from schemas.files import Entry
from schemas.outcomes import Rejection
from schemas.receipts import Receipt, ReceiptCounts, RejectedRecord
from streams import cli
from streams.agencies.dead_letter_box import REPLAYED_FROM, Box, DeadLetter
from streams.agencies.receipts import Awaited, as_data, summed
from streams.agencies.sending import HEARTBEAT, Landings, Place
from streams.cli import outcome
from streams.cli.dlq import grouped
from streams.cli.publish import choose, record_of
from streams.cli.receipts import in_words, lines, show
from streams.errors import Unreachable, WrongUse

DEMO = Path(infra.__file__).parent / "demo"
BOX = Box("events.a.b.v1.intake.dlq", "events.a.b.v1", "intake")


@pytest.fixture(scope="module")
def contracts() -> dict[str, Contract]:
    return dict(Deployment.load(DEMO).contracts)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("HEADWATER_KAFKA", "HEADWATER_DEPLOYMENT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HEADWATER_DATA", str(tmp_path))


def receipt(first: int, last: int, *rejected: int, partition: int = 0) -> Receipt:
    refused = tuple(RejectedRecord(offset, None, "not-avro", "`a[b=c].d` \x1b[31m") for offset in rejected)
    counts = ReceiptCounts(processed=last - first + 1 - len(refused), withheld=1, rejected=len(refused))
    return Receipt("a", "a.b", "events.a.b.v1", partition, first, last, counts, 9, refused, 1_000)


def letter(offset: int, reason: str | None, *headers: tuple[str, bytes | None]) -> DeadLetter:
    own = (("__connect.errors.exception.class.name", reason.encode()),) if reason else ()
    return DeadLetter(BOX, 0, offset, 1_000, b"k", b"v", (*headers, *own))


def test_topics_need_no_broker() -> None:
    result = CliRunner().invoke(cli.app, ["topics", "--json"])
    assert result.exit_code == 0
    rows = {row["name"]: row for row in json.loads(result.stdout)}
    assert rows["receipts.court"]["retention_ms"] == 30 * 86_400_000
    assert rows["life-events.v1"]["cleanup"] == "compact"
    assert "differences" not in rows["life-events.v1"]
    shown = CliRunner().invoke(cli.app, ["topics"]).stdout
    assert "events.employment-service.job-declarations.v1.intake.dlq" in shown


@pytest.mark.parametrize("words", ["topics --live", "receipts", "dlq list", "dlq replay ngo.help-requests"])
def test_without_a_broker_the_remedy_is_told(words: str) -> None:
    assert isinstance(CliRunner().invoke(cli.app, words.split()).exception, Unreachable)


@pytest.mark.parametrize(
    ("named", "agency"),
    [("court.eviction-proceedings", None), ("court/eviction-proceedings", "court"), ("eviction-proceedings", "court")],
)
def test_a_contract_is_named_by_feed_or_by_agency(
    contracts: dict[str, Contract], named: str, agency: str | None
) -> None:
    assert choose(contracts, named, agency).feed == "court.eviction-proceedings"


def test_a_contract_that_is_not_there_or_not_the_agencys_is_wrong_use(contracts: dict[str, Contract]) -> None:
    with pytest.raises(WrongUse, match=r"ngo\.help-requests"):
        choose(contracts, "nothing")
    with pytest.raises(WrongUse, match="of `ngo`"):
        choose(contracts, "court.eviction-proceedings", "ngo")
    twice = {"x": contracts["ngo.help-requests"], "y": contracts["ngo.help-requests"]}
    with pytest.raises(WrongUse, match="--agency"):
        choose(twice, "help-requests")


def test_bytes_that_are_no_record_are_unfit(contracts: dict[str, Contract]) -> None:
    for datum, reason in ((b"\x02", "not-avro"), (b"x" * 1_000_001, "too-large")):
        found = record_of(Entry(1, datum), contracts["ngo.help-requests"])
        assert isinstance(found, Rejection)
        assert found.reason == reason


def test_receipts_are_summed_by_partition_and_ranges_that_touch_are_one(capsys: pytest.CaptureFixture[str]) -> None:
    found = summed([receipt(0, 4, 2), receipt(5, 9, partition=1), receipt(5, 6), receipt(9, 9, 9)])
    assert [(one.partition, one.accepted) for one in found] == [(0, [(0, 1), (3, 6)]), (1, [(5, 9)])]
    assert found[0].counts == Counter(processed=6, withheld=3, rejected=2, events=27, heartbeats=0)
    show(found)
    shown = capsys.readouterr().out
    assert "events.a.b.v1/0/2: not-avro: `a[b=c].d` ?[31m" in shown
    assert "0-1, 3-6" in shown
    show([])
    assert capsys.readouterr().out == "no receipts\n"


def test_many_ranges_are_cut_to_the_newest() -> None:
    assert in_words([]) == "none"
    assert in_words([(n, n) for n in range(0, 20, 2)]) == "4 more, 8, 10, 12, 14, 16, 18"


def test_a_receipt_as_lines_and_as_data() -> None:
    run, refused = lines(receipt(0, 4, 2))
    assert run == "1970-01-01T00:00:01Z events.a.b.v1/0 0-4: 4 processed, 1 withheld, 1 rejected, 9 events"
    assert refused.startswith("  events.a.b.v1/0/2: not-avro")
    told = as_data(receipt(0, 4, 4))
    assert told["accepted"] == [[0, 3]]
    assert told["rejected"][0]["offset"] == 4


def awaited(*offsets: int) -> Awaited:
    landings = Landings()
    for offset in offsets:
        landings.add(0, offset, Place("f", offset))
    landings.add(1, 7, HEARTBEAT)
    return Awaited("events.a.b.v1", landings)


def test_receipts_answer_only_the_records_that_were_sent(capsys: pytest.CaptureFixture[str]) -> None:
    one = awaited(5, 6, 9, 12)
    assert one.outstanding == 5
    assert one.take(receipt(0, 4)) == 0
    assert one.take(receipt(3, 9, 4, 6)) == 3
    assert one.take(receipt(3, 9, 4, 6)) == 0  # the same run, taken a second time by intake
    assert (one.accepted, one.withheld, one.outstanding) == (2, 0, 2)
    assert [str(refused.place) for refused in one.refused] == ["f:6"]
    assert one.take(receipt(7, 7, partition=1)) == 1
    assert (one.heartbeats, one.withheld) == (1, 1)
    outcome.show(one)
    said = capsys.readouterr()
    assert "2 accepted, 1 rejected" in said.out
    assert "1 without a receipt" in said.out
    assert "f:6: not-avro" in said.err
    with pytest.raises(Unreachable, match="do not send them again"):
        outcome.conclude(one, "a", 1)


def test_a_rejected_heartbeat_is_no_record() -> None:
    one = awaited()
    one.take(receipt(7, 7, 7, partition=1))
    assert str(one.refused[0].place) == "heartbeat"
    assert outcome.as_data(one)["reasons"] == {"not-avro": 1}


def test_receipts_of_another_topic_are_not_taken() -> None:
    other = Awaited("events.a.c.v1", awaited(5).landings)
    assert other.take(receipt(0, 9)) == 0


def test_dead_letters_are_grouped_by_topic_and_reason() -> None:
    rows = grouped([letter(0, "not-avro"), letter(2, "not-avro"), letter(3, None)])
    assert [(row["reason"], row["count"], row["first_offset"], row["last_offset"]) for row in rows] == [
        ("not-avro", 2, 0, 2),
        ("unknown", 1, 3, 3),
    ]


def test_a_letter_trusts_the_last_header_and_goes_back_without_the_stages_own() -> None:
    one = letter(
        3, "not-avro",
        ("__connect.errors.exception.class.name", b"forged"), ("ce_id", b"1"), ("empty", None),
        (REPLAYED_FROM, b"x/0/1"),
        ("__connect.errors.partition", b"1"), ("__connect.errors.offset", b"44"),
    )  # fmt: skip
    assert (one.reason, one.replayed_from) == ("not-avro", "x/0/1")
    assert one.source == (("events.a.b.v1", 1), 44)
    assert list(one.original_headers) == [
        ("ce_id", b"1"),
        ("empty", None),
        (REPLAYED_FROM, f"{BOX.topic}/0/3".encode()),
    ]
    assert "v" not in repr(one).replace("events.a.b.v1", "").replace("avro", "")


@pytest.mark.parametrize("partition", [b"", b"-1", b"x", None])
def test_a_letter_that_does_not_say_where_it_came_from(partition: bytes | None) -> None:
    headers = (("__connect.errors.partition", partition), ("__connect.errors.offset", b"1"))
    assert letter(0, "not-avro", *headers).source is None
