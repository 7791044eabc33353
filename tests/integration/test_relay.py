"""Relay on real Kafka and a real database: every act once in the outcome, whatever happens in between."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import repeat
from pathlib import Path

import pytest
from confluent_kafka import KafkaException

from processors.events import Control, ControlKind
from processors.offers.actions import ActionKind, OfferAction, OutcomeCode, action_id
from processors.offers.model import OfferState, SituationMark, offer_id
from sinks.case_db import ActResult, CaseStore, Scope, Wish, connect, upgrade
from sinks.metrics import Meters
from streams import topics
from streams.clocks import clock_record
from streams.composition import Platform
from streams.controls import control_records, publish_controls, publish_now, said_now
from streams.kafka.log import read_topic
from streams.kafka.transactions import Outgoing, TransactionalSender, kafka_fault
from streams.services.relay import Relay
from streams.settings import Settings
from tests.contract.records import offer
from tests.integration.towns import clean, headwater

SCOPE = Scope("team", ("a1",))
OFFERS = 120


@dataclass(frozen=True, slots=True)
class Clock:
    """The platform's clock, as far as relay asks it."""

    at: int | None = None

    def now(self) -> int | None:
        """What was heard."""
        return self.at

    newest = now


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A broker of its own: relay's topics and its transactional id have fixed names."""
    folder = tmp_path_factory.mktemp("relay")
    assert headwater(folder, "broker", "start").code == 0
    yield folder
    headwater(folder, "broker", "stop")


@pytest.fixture
def platform(data: Path) -> Platform:
    unset = {"kafka": None, "broker_port": None, "deployment": None, "case_db": None, "register_db": None}
    platform = Platform(Settings(data=data, **unset))  # type: ignore[arg-type]
    topics.ensure(platform.bootstrap, platform.topics, platform.settings)
    return platform


@pytest.fixture
def store(data: Path) -> Iterator[CaseStore]:
    (data / "cases.db").unlink(missing_ok=True)
    engine = connect(f"sqlite:///{data / 'cases.db'}")
    upgrade(engine)
    with closing(CaseStore(engine)) as found:
        yield found


def take(store: CaseStore, household: str, version: int = 1) -> str:
    wish = Wish(offer_id(household, 1), version, ActionKind.TAKEN, None, 600)
    assert store.act(SCOPE, store.enrol("team", "Anna"), wish).result is ActResult.ACCEPTED
    return action_id(wish.offer, version)


def told(platform: Platform, topic: str) -> list[OfferAction | Control]:
    values = (platform.codec.decode(message.value()) for message in read_topic(platform.bootstrap, topic))
    return [value for value in values if isinstance(value, OfferAction | Control)]


def test_nothing_is_lost_and_nothing_changes_order_when_it_is_killed(
    platform: Platform, store: CaseStore, data: Path
) -> None:
    """Killed four times while workers act; told at least once, in order, the same on both topics."""
    store.apply([offer(f"k{number}") for number in range(OFFERS)])
    expected = []
    for round_ in range(4):
        relay = start(data)
        for number in range(round_ * OFFERS // 4, (round_ + 1) * OFFERS // 4):
            expected.append(take(store, f"k{number}"))
        if round_ == 3:
            wait_empty(store)
        else:
            time.sleep(0.3 * round_)
        os.kill(relay.pid, signal.SIGKILL)
        relay.wait()
    for topic in (topics.OUTCOMES, topics.SITUATIONS):
        ids = [each.id for each in told(platform, topic) if isinstance(each, OfferAction)]
        assert list(dict.fromkeys(ids)) == expected


def test_sigterm_ends_it_cleanly_and_soon(data: Path, platform: Platform, store: CaseStore) -> None:
    store.apply([offer("t1")])
    relay = start(data)
    take(store, "t1")
    wait_empty(store)
    relay.terminate()
    assert relay.wait(15) == 0


def test_never_again_opts_out_everybody_the_offer_was_about(platform: Platform, store: CaseStore) -> None:
    anna = store.enrol("team", "Anna")
    store.apply([offer("n1", 2, "m", "n", state=OfferState.CONTACTED, contact=anna.id)])
    wish = Wish(offer_id("n1", 1), 2, ActionKind.CLOSED, OutcomeCode.NEVER_AGAIN, 600)
    assert store.act(SCOPE, anna, wish).result is ActResult.ACCEPTED
    with closing(TransactionalSender(platform.bootstrap, "headwater-relay")) as sender:
        sender.open()
        assert Relay(store, sender, Clock(550), platform, Meters("relay")).step() == 1
    said = Control(ControlKind.OPT_OUT, "p1", "n1", "a1", 550)  # the platform's clock stands before the act's
    assert said in told(platform, topics.CONTROLS)
    assert said in told(platform, topics.LIFE_EVENTS)
    assert marked(platform, 550) == everywhere(platform), "they may have situations in other areas"


def test_plan_is_told_the_time_before_what_was_done(platform: Platform, store: CaseStore) -> None:
    """On the act's own partition: when plan is down it would happen, later, at the last time plan told itself."""
    store.apply([offer("c1")])
    act = take(store, "c1")
    with closing(TransactionalSender(platform.bootstrap, "headwater-relay")) as sender:
        sender.open()
        assert Relay(store, sender, Clock(700), platform, Meters("relay")).step() == 1
    messages = [*read_topic(platform.bootstrap, topics.SITUATIONS)]
    (done,) = (each for each in messages if getattr(platform.codec.decode(each.value()), "id", "") == act)
    before = [each.value() for each in messages if each.partition() == done.partition()][-2]
    assert platform.codec.decode(before) == SituationMark(0, 1, 700)


def marked(platform: Platform, now: int) -> set[int | None]:
    """Partitions on which plan is told that time."""
    return {
        each.partition()
        for each in read_topic(platform.bootstrap, topics.SITUATIONS)
        if platform.codec.decode(each.value()) == SituationMark(0, 1, now)
    }


def everywhere(platform: Platform) -> set[int]:
    return set(range(platform.settings.core_partitions))


def test_the_later_of_two_relays_ends_the_earlier(platform: Platform, store: CaseStore) -> None:
    store.apply([offer("f1")])
    take(store, "f1")
    with (
        closing(TransactionalSender(platform.bootstrap, "headwater-relay")) as earlier,
        closing(TransactionalSender(platform.bootstrap, "headwater-relay")) as later,
    ):
        earlier.open()
        later.open()
        with pytest.raises(KafkaException):
            Relay(store, earlier, Clock(), platform, Meters("relay")).step()
        assert store.outbox_size() == 1
        assert Relay(store, later, Clock(), platform, Meters("relay")).step() == 1
    assert store.outbox_size() == 0


def test_whoever_was_fenced_in_the_middle_of_a_transaction_closes_in_peace(platform: Platform) -> None:
    """What is open is purged, and the fault is told among the reports of it: whoever closes is past hearing it."""
    record = clock_record(platform.codec, 0, 1, 600)
    with closing(TransactionalSender(platform.bootstrap, "fenced")) as later:
        earlier = TransactionalSender(platform.bootstrap, "fenced")
        earlier.open()
        later.open()
        with pytest.raises(KafkaException) as told:
            earlier.send(repeat(record))  # until the broker's answer is known
        assert kafka_fault(told.value).startswith("fenced")
        earlier.close()


def test_what_is_open_when_a_sender_closes_keeps_no_reader_waiting(platform: Platform) -> None:
    """The broker itself would give it up after a minute only."""

    open_, behind = (Control(ControlKind.OPT_OUT, person, "h1", "a1", 1) for person in ("open", "behind"))

    def interrupted() -> Iterator[Outgoing]:
        yield from control_records(platform.codec, open_, 4)
        time.sleep(1)  # so that it is on its way
        raise KeyboardInterrupt

    with closing(TransactionalSender(platform.bootstrap, "interrupted")) as sender:
        sender.open()
        with pytest.raises(KeyboardInterrupt):
            sender.send(interrupted())
    publish_controls(platform.settings, [behind])
    found = told(platform, topics.CONTROLS)
    assert behind in found
    assert open_ not in found


def test_a_persons_word_holds_from_the_platforms_now_on(platform: Platform) -> None:
    """A demo's clock stands in the past: a word stamped by the machine's would wait for it for ever."""
    word = Control(ControlKind.OPT_OUT, "w1", "h1", "a1", 2_000_000_000_000)
    assert publish_now(platform.settings, word) == word  # nobody has said what time it is
    newest = dict.fromkeys(range(10), 900) | {7: 700}
    with closing(TransactionalSender(platform.bootstrap, "clocks")) as sender:
        sender.open()
        sender.send(clock_record(platform.codec, source, len(newest), now) for source, now in newest.items())
    said = replace(word, at=700)
    assert publish_now(platform.settings, word) == said
    assert said in told(platform, topics.LIFE_EVENTS)
    assert marked(platform, 700) == everywhere(platform), "or plan would hear of it before it holds"
    again, records = said_now(platform.bootstrap, platform.codec, word, 2)
    assert again == said
    assert [out.topic for out in records] == [topics.SITUATIONS] * 2 + [topics.CONTROLS, topics.LIFE_EVENTS]


def test_sigterm_ends_it_soon_also_while_kafka_is_away_and_nothing_is_lost(
    platform: Platform, store: CaseStore, data: Path
) -> None:
    store.apply([offer("s1"), offer("s2")])
    relay = start(data)
    take(store, "s1")
    wait_empty(store)
    assert headwater(data, "broker", "stop").code == 0
    try:
        act = take(store, "s2")
        time.sleep(3)
        relay.terminate()
        assert relay.wait(20) == 0
        assert [item.action.id for item in store.outbox(10)] == [act]
    finally:
        assert headwater(data, "broker", "start").code == 0


def start(data: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "streams.services", "relay"], env=clean(data), cwd=data)


def wait_empty(store: CaseStore) -> None:
    deadline = time.monotonic() + 60
    while store.outbox_size():
        assert time.monotonic() < deadline, "the outbox is not emptied"
        time.sleep(0.1)
