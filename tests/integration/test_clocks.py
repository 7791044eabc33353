"""The platform's clock on real Kafka: who reads it, and how it goes before what takes effect where it stands."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from processors.offers.model import SituationMark
from processors.pauses import Pause, PauseKind
from schemas.codec import Value
from streams import clocks, pauses, topics
from streams.clocks import FollowedClock, clock_record, plan_clock, platform_clock, told_the_time
from streams.composition import Platform
from streams.kafka.log import read_topic
from streams.kafka.tail import BATCH
from streams.kafka.transactions import Outgoing
from streams.settings import Settings
from tests.integration.stages_in_process import make_topics, name_topics, write

PARTITIONS = 2
SOURCES = 2 * PARTITIONS
PAUSE = Pause(PauseKind.RULE, "rent", True, "asked for", "test", 0)


@pytest.fixture
def platform(kafka: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Platform]:
    """One with topics of its own, of one partition each."""
    name_topics(kafka, monkeypatch)
    monkeypatch.setattr(topics, "CONTROLS", topics.CLOCKS + ".controls")
    make_topics(kafka, topics.CONTROLS)
    monkeypatch.setattr(clocks, "LOOK_EVERY_S", 0.0)
    yield Platform(Settings(kafka=kafka, deployment=None, core_partitions=PARTITIONS), is_state_kept=False)


def tell(platform: Platform, *marks: tuple[int, int]) -> None:
    """Sources say what time it is."""
    told = [clock_record(platform.codec, source, SOURCES, now) for source, now in marks]
    write(platform.bootstrap, topics.CLOCKS, told)


def put(platform: Platform, *values: Value) -> None:
    """Somebody writes on plan's input."""
    write(platform.bootstrap, topics.SITUATIONS, [outgoing(platform, value) for value in values])


def outgoing(platform: Platform, value: Value) -> Outgoing:
    return Outgoing(topics.SITUATIONS, 0, b"k", platform.codec.encode(value))


def values(platform: Platform, topic: str) -> list[Value | None]:
    return [platform.codec.decode(message.value()) for message in read_topic(platform.bootstrap, topic)]


def test_it_is_the_smallest_of_all_once_each_was_heard(platform: Platform) -> None:
    tell(platform, (0, 10), (1, 20), (2, 30))
    with closing(FollowedClock(platform.bootstrap, platform.codec)) as clock:
        assert clock.now() is None
        assert platform_clock(platform.bootstrap, platform.codec) is None
        tell(platform, (3, 5))
        until(clock, 5)
        tell(platform, (3, 40), (0, 15))
        until(clock, 15)
        assert platform_clock(platform.bootstrap, platform.codec) == 15


def test_whoever_asks_after_a_long_time_hears_the_newest(platform: Platform) -> None:
    """A stage that rebuilds its state does not look meanwhile; a look reads more than one batch."""
    with closing(FollowedClock(platform.bootstrap, platform.codec)) as clock:
        tell(platform, *((source, now) for now in range(12 * BATCH) for source in range(SOURCES)))
        assert clock.newest() == 12 * BATCH - 1
    with closing(FollowedClock(platform.bootstrap, platform.codec)) as clock:
        tell(platform, *((source, 12 * BATCH + now) for now in range(12 * BATCH) for source in range(SOURCES)))
        looks = until(clock, 24 * BATCH - 1)
        assert looks < 12 * SOURCES / 3, "each took a batch"


def test_plans_clock_is_the_largest_it_was_told_and_found_however_far_back(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, codec = platform.bootstrap, platform.codec
    monkeypatch.setattr(clocks, "RECENT", 10)
    assert plan_clock(address, codec) is None
    put(platform, *[PAUSE] * 30)
    assert plan_clock(address, codec) is None
    put(platform, SituationMark(0, 1, 700), SituationMark(0, 1, 600), SituationMark(1, SOURCES, 900))
    assert plan_clock(address, codec) == 700
    put(platform, *[PAUSE] * 500)
    assert plan_clock(address, codec) == 700


def test_the_time_goes_before_what_takes_effect_where_it_stands(platform: Platform) -> None:
    records = [outgoing(platform, PAUSE), Outgoing(topics.OUTCOMES, 1, b"k", b"v")]
    first, *others = told_the_time(platform.codec, records, 700)
    assert platform.codec.decode(first.value) == SituationMark(0, 1, 700)
    assert (first.topic, first.partition) == (topics.SITUATIONS, 0)
    assert others == records
    assert told_the_time(platform.codec, records, None) == records


def test_an_order_holds_from_the_platforms_time_on(platform: Platform) -> None:
    """Plan may be down: without the time before it, the order would hold from when plan was last told the time."""
    tell(platform, *((source, 900 + source) for source in range(SOURCES)))
    pauses.publish(platform.bootstrap, platform.codec, PAUSE, 1)
    assert values(platform, topics.SITUATIONS) == [SituationMark(0, 1, 900), PAUSE]
    assert values(platform, topics.CONTROLS) == [PAUSE]


def until(clock: FollowedClock, now: int) -> int:
    """Looks until it is so late; how often that brought something new."""
    looks, before, deadline = 0, clock.now(), time.monotonic() + 60
    while before != now:
        assert time.monotonic() < deadline, f"it is {before}, not {now}"
        after = clock.now()
        looks += after != before
        before = after
    return looks
