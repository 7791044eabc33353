"""The whole way with real processes: every expected offer and no other, on SQLite and on PostgreSQL."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import orjson
import pytest
import sqlalchemy
from confluent_kafka import Message, Producer

from processors.events import LifeEvent
from processors.offers.model import OfferRecord
from schemas.outcomes import Mapped
from schemas.reading import intake_record
from schemas.receipts import Receipt
from streams import topics
from streams.composition import Platform, case_store, wall_ms
from streams.demo.officers import Officers
from streams.demo.poison import poison
from streams.kafka.clients import client_config
from streams.kafka.log import read_topic
from streams.settings import Settings
from streams.simulation.feeds import read_feed
from streams.verification.accounting import Accountant
from tests.integration.towns import (
    check_offers_once,
    check_right,
    copy_deployment,
    headwater,
    make_town,
    new_demo,
    replace_in,
)

CONNECT = "__connect.errors."


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_town(tmp_path_factory.mktemp("town") / "history")


# On SQLite, by the command a newcomer types; what it leaves is looked at afterwards.


@dataclass
class Kept:
    """What `headwater demo --once` leaves, with the broker on it started again."""

    data: Path
    history: Path
    code: int
    said: str
    summary: dict[str, Any]
    platform: Platform
    settings: Settings
    cache: dict[str, list[Message]] = field(default_factory=dict)

    def read(self, topic: str) -> list[Message]:
        if topic not in self.cache:
            self.cache[topic] = list(read_topic(self.platform.bootstrap, topic))
        return self.cache[topic]


@pytest.fixture(scope="module")
def kept(history: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kept]:
    data = tmp_path_factory.mktemp("data")
    file = data / "summary.json"
    ended = headwater(data, "demo", "--history", history, "--once", "--json", file)
    assert ended.code in (0, 1), ended.err
    demo = data / "demo"
    assert headwater(demo, "broker", "start").code == 0
    fixed = {"kafka": None, "broker_port": None, "deployment": None, "case_db": None, "register_db": None}
    settings = Settings(data=demo, **fixed)  # type: ignore[arg-type]
    try:
        yield Kept(
            data, history, ended.code, ended.out + ended.err, json.loads(file.read_text()), Platform(settings), settings
        )
    finally:
        assert headwater(demo, "broker", "stop").code == 0


def test_the_demo_finds_every_expected_offer_and_no_other(kept: Kept) -> None:
    assert kept.code == 0, kept.said
    expected = json.loads((kept.history / "expected.json").read_text())
    assert kept.summary["offers"] == {
        "expected": len(expected["offers"]), "found": len(expected["offers"]), "missing": 0, "extra": 0
    }  # fmt: skip
    assert kept.summary["suppressed"] == dict(Counter(each["reason"] for each in expected["suppressed"]))
    check_offers_once(kept.platform)


def test_the_summary_has_exactly_the_keys_that_were_promised(kept: Kept) -> None:
    """`interfaces.md`: scripts rely on them."""
    summary = kept.summary
    assert set(summary) == {"events", "situations", "offers", "suppressed", "seconds"}
    assert set(summary["events"]) == {"in", "processed", "duplicate", "rejected", "pending"}
    assert set(summary["offers"]) == {"expected", "found", "missing", "extra"}
    events = summary["events"]
    assert events["in"] == events["processed"] + events["duplicate"] + events["rejected"] + events["pending"]
    manifest = json.loads((kept.history / "manifest.json").read_text())
    assert events["in"] == manifest["records"] + len(spoiled(kept))
    assert events["pending"] == 0
    assert events["duplicate"] > 0, "a town without duplicates proves little"


def test_a_replay_of_everything_finds_what_was_decided_and_nothing_else(kept: Kept) -> None:
    replayed = headwater(
        kept.settings.data, "replay", "--from", "2020-01-01", "--dry-run", "--json", CLOCK="feeds"
    )  # fmt: skip
    assert replayed.code == 0, replayed.err
    assert replayed.data["exact"]
    rules = replayed.data["rules"]
    assert {name: each for name, each in rules.items() if each["new"] or each["gone"]} == {}
    assert sum(each["unchanged"] for each in rules.values()) == kept.summary["situations"]


def test_verify_proves_the_accounting_of_what_was_kept(kept: Kept) -> None:
    ended = headwater(kept.settings.data, "verify", "--json")
    assert ended.code == 0, ended.out + ended.err
    assert ended.data["holds"] is True
    assert ended.data["received"] == kept.summary["events"]["in"]
    assert ended.data["situations"] == kept.summary["situations"]
    assert headwater(kept.settings.data, "verify").code == 0


def test_offers_lists_what_was_kept_and_no_identity(kept: Kept) -> None:
    ended = headwater(kept.settings.data, "offers", "--json", "--state", "lapsed", "--limit", "1000")
    assert ended.code == 0, ended.err
    assert sum(ended.data["counts"].values()) == kept.summary["offers"]["found"]
    assert ended.data["suppressed"] == kept.summary["suppressed"]
    assert len(ended.data["offers"]) == ended.data["counts"]["lapsed"]
    assert all(each["situations"] and each["services"] for each in ended.data["offers"])
    assert [name for name in identities(kept) if name in ended.out] == []


# Poison.


def test_each_dead_letter_is_the_record_as_it_came_and_says_why(kept: Kept) -> None:
    for contract in kept.platform.deployment.contracts.values():
        letters = kept.read(topics.dead_letters(contract.topic, "intake"))
        wanted = [each for feed, each in spoiled(kept) if feed == contract.feed]
        found = {origin(letter): letter for letter in letters}
        assert len(found) == len(letters), "a record has two dead letters"
        sent = {
            (message.topic(), message.partition(), message.offset()): message for message in kept.read(contract.topic)
        }
        for place, letter in found.items():
            record = sent[place]
            own = [pair for pair in letter.headers() or [] if not pair[0].startswith(CONNECT)]
            assert (letter.key(), letter.value()) == (record.key(), record.value()), f"bytes were changed: {place}"
            assert own == (record.headers() or []), f"headers were changed: {place}"
            context = {name: text for name, text in letter.headers() or [] if name.startswith(CONNECT)}
            assert set(context) == {
                f"{CONNECT}{name}"
                for name in ("topic", "partition", "offset", "stage", "exception.class.name", "exception.message")
            }
        reasons = Counter(reason_of(letter) for letter in found.values() if is_spoiled(letter, wanted))
        assert reasons == Counter(each.reason.value for each in wanted)


def test_no_reason_holds_personal_data(kept: Kept) -> None:
    names = identities(kept)
    reasons = [
        dict(letter.headers() or [])[f"{CONNECT}exception.message"].decode()
        for contract in kept.platform.deployment.contracts.values()
        for letter in kept.read(topics.dead_letters(contract.topic, "intake"))
    ]
    assert len(names) > 1000
    assert [reason for reason in reasons if any(name in reason for name in names)] == []


def test_neighbours_of_poison_are_unaffected(kept: Kept) -> None:
    """Each record that makes events when it is read alone made them among the others too, and no other did."""
    platform, partitions = kept.platform, kept.settings.event_partitions
    wanted = set()
    for contract in platform.deployment.contracts.values():
        for m in kept.read(contract.topic):
            alone = intake_record(contract, platform.registry, m.key(), m.value(), m.headers(), wall_ms())
            types = {event.type for event in alone.events} if isinstance(alone, Mapped) else set()
            if types & platform.deployment.granted_types:
                wanted.add((contract.feed, (m.offset() or 0) * partitions + (m.partition() or 0)))
    assert len(wanted) > 1000
    assert {(event.feed, event.arrival) for event in values(kept, topics.LIFE_EVENTS, LifeEvent)} == wanted


def test_receipts_name_offsets_and_reasons_and_leave_no_gap(kept: Kept) -> None:
    for contract in kept.platform.deployment.contracts.values():
        receipts = [r for r in values(kept, topics.receipts(contract.agency), Receipt) if r.feed == contract.feed]
        letters = {origin(each)[1:]: each for each in kept.read(topics.dead_letters(contract.topic, "intake"))}
        named = {(r.partition, one.offset): one.reason for r in receipts for one in r.rejected}
        assert named == {place: reason_of(letter) for place, letter in letters.items()}
        for partition in range(kept.settings.event_partitions):
            ranges = sorted((r.first_offset, r.last_offset) for r in receipts if r.partition == partition)
            assert ranges, f"no receipt for {contract.topic}/{partition}"
            assert all(first > last for (_, last), (first, _) in pairwise(ranges)), "told twice"
            offsets = [m.offset() for m in kept.read(contract.topic) if m.partition() == partition]
            assert all(any(first <= one <= last for first, last in ranges) for one in offsets), "not told at all"


# The verifier sees what is wrong. Last on this data, since it spoils it.


def draw_up(kept: Kept, codec: Any = None) -> list[str]:
    """Equations that do not hold."""
    with case_store(kept.settings) as store:
        contracts = kept.platform.deployment.contracts.values()
        account = Accountant(kept.platform.bootstrap, codec or kept.platform.codec, contracts, store).draw_up()
    return [f"{each.left} | {each.right}" for each in account.equations if not each.holds]


def test_the_verifier_finds_a_lost_offer_a_changed_one_and_a_lost_suppression(kept: Kept) -> None:
    assert draw_up(kept) == []
    engine = sqlalchemy.create_engine(f"sqlite:///{kept.settings.data / 'cases.db'}")
    with engine.begin() as connection:
        lost = connection.execute(sqlalchemy.text("delete from suppressed where rowid = 1")).rowcount
    assert lost == 1
    assert draw_up(kept) == [f"suppressed on {topics.OFFERS} | suppressed in the case database"]
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("update offers set version = version - 1 where rowid = 1"))
    assert f"offers in the case database | the same, newest version, on {topics.OFFERS}" in draw_up(kept)
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("delete from offers where rowid = 1"))
    assert f"offers on {topics.OFFERS} | offers in the case database" in draw_up(kept)
    engine.dispose()


def test_the_verifier_finds_an_offer_version_told_twice(kept: Kept) -> None:
    offer = next(m for m in kept.read(topics.OFFERS) if is_offer(kept, m))
    send(kept, topics.OFFERS, offer.partition() or 0, offer.key(), offer.value())
    assert f"versions of offers on {topics.OFFERS} | different ones: none told twice" in draw_up(kept)


def test_the_verifier_finds_a_dead_letter_too_many_and_a_life_event_too_many(kept: Kept) -> None:
    contract = next(iter(kept.platform.deployment.contracts.values()))
    send(kept, topics.dead_letters(contract.topic, "intake"), 0, b"k", b"v")
    event = next(
        m for m in kept.read(topics.LIFE_EVENTS) if isinstance(kept.platform.codec.decode(m.value()), LifeEvent)
    )
    send(kept, topics.LIFE_EVENTS, event.partition() or 0, event.key(), event.value())
    broken = draw_up(kept)
    assert "rejected in receipts | dead letters of intake" in broken
    assert f"events made, by receipts | events on {topics.LIFE_EVENTS}" in broken


def test_the_verifier_finds_a_record_nobody_took(kept: Kept) -> None:
    contract = next(iter(kept.platform.deployment.contracts.values()))
    send(kept, contract.topic, 0, b"k", b"never taken")
    ended = headwater(kept.settings.data, "verify", "--json")
    assert ended.code == 1, "other equations are broken by now"
    assert ended.data["pending"] == 1
    assert ended.data["holds"] is False


# On PostgreSQL, and with a rule that is not what it was.


def test_the_same_on_postgresql(
    history: Path, tmp_path: Path, postgres_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADWATER_CASE_DB", postgres_database)
    monkeypatch.setenv("HEADWATER_REGISTER_DB", postgres_database)
    demo = new_demo(tmp_path, history, case_db=postgres_database, register_db=postgres_database)
    with demo.running() as (platform, supervisor):
        played = demo.play(platform, supervisor)
        told: list[str] = []
        afterwards = Officers(demo, platform, supervisor, told.append).work(played.accounting.clock)
        check_offers_once(platform)
    check_right(played)
    assert played.restarts == 0
    assert afterwards.received == played.accounting.received + 2
    assert afterwards.offers == played.accounting.offers + Counter({"withdrawn": 1})
    assert "twice" in "".join(told), "the offer says why"
    assert list((tmp_path / "demo").glob("*.db")) == [], "something was written to SQLite"


def test_a_broken_rule_is_reported_as_missing_and_extra_offers(history: Path, tmp_path: Path) -> None:
    """The truth shares no code with the rules: it notices what the rules no longer say."""
    place = copy_deployment(tmp_path / "place")
    (place / "rules" / "justice" / "release-without-address.yaml").unlink()
    weaker = place / "rules" / "health-and-care" / "discharge-without-home-care.yaml"
    replace_in(weaker, "home_care_plan == false && stay_days >= 5", "home_care_plan == false && stay_days >= 1")
    replace_in(weaker, "stay_days: 2}", "stay_days: 0}")
    data = tmp_path / "data"
    data.mkdir()
    file = tmp_path / "summary.json"
    ended = headwater(data, "demo", "--history", history, "--officers", "--once", "--json", file, DEPLOYMENT=place)
    assert ended.code == 1, ended.out + ended.err
    assert "equations of the accounting hold after that" in ended.out, "what officers do is shown all the same"
    offers = json.loads(file.read_text())["offers"]
    assert offers["missing"] > 0, "offers of the rule that was removed are expected"
    assert offers["extra"] > 0, "offers of the rule that was weakened are not expected"
    assert "missing" in ended.out
    assert "Traceback" not in ended.err


# Ground to stand on.


def spoiled(kept: Kept) -> list[tuple[str, Any]]:
    """What the demo spoils on purpose, by feed."""
    found = []
    for feed, contract in kept.platform.deployment.contracts.items():
        path = kept.history / "feeds" / f"{feed}.jsonl"
        first = next((line for line in read_feed(path) if isinstance(line, dict)), None)
        if first is not None:
            found += [(feed, each) for each in poison(contract, kept.platform.registry, first)]
    return found


def is_spoiled(letter: Message, wanted: list[Any]) -> bool:
    return any((letter.key(), letter.value()) == (each.key, each.value) for each in wanted)


def origin(letter: Message) -> tuple[str, int, int]:
    context = {name: text.decode() for name, text in letter.headers() or [] if name.startswith(CONNECT)}
    return context[f"{CONNECT}topic"], int(context[f"{CONNECT}partition"]), int(context[f"{CONNECT}offset"])


def reason_of(letter: Message) -> str:
    return dict(letter.headers() or [])[f"{CONNECT}exception.class.name"].decode()


def identities(kept: Kept) -> set[str]:
    """Names and ids of the town's people, as no reason and no list may show them."""
    found: set[str] = set()
    for line in (kept.history / "population.jsonl").read_bytes().splitlines():
        for member in orjson.loads(line)["members"]:
            found |= {value for _, value in member["ids"] if len(value) > 5} | {member["name"]}
    return found


def values(kept: Kept, topic: str, kind: type[Any]) -> Iterator[Any]:
    for message in kept.read(topic):
        value = kept.platform.codec.decode(message.value())
        if isinstance(value, kind):
            yield value


def is_offer(kept: Kept, message: Message) -> bool:
    value = kept.platform.codec.decode(message.value())
    return isinstance(value, OfferRecord) and value.version > 0


def send(kept: Kept, topic: str, partition: int, key: bytes | None, value: bytes | None) -> None:
    producer = Producer(client_config(kept.platform.bootstrap))
    producer.produce(topic, value, key, partition)
    assert producer.flush(20) == 0
