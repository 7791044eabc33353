"""What comes in is poisoned, disordered, repeated, or from clocks that are wrong."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any

from confluent_kafka import ConsumerGroupTopicPartitions, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from ruamel.yaml import YAML

from processors.events import HouseholdEvent, LifeEvent, Mark
from processors.offers.model import OfferRecord, Situation
from streams import topics
from streams.agencies.dead_letter_box import Box, boxes, put_back, read_letters, sort
from streams.agencies.sending import TrackingPublisher
from streams.composition import DEMO
from streams.kafka.log import read_topic
from streams.processes import FAUST_STAGES
from streams.simulation.feeds import Heartbeat
from tests.faults.cases import Case
from tests.faults.losing_state import while_dead, wipe
from tests.faults.rig import Feeds, Line, Rig, Setup

HOUR, DAY = 3_600_000, 86_400_000
INNER = {
    topics.LIFE_EVENTS: LifeEvent,
    topics.HOUSEHOLD_EVENTS: HouseholdEvent,
    topics.SITUATIONS: Situation,
    topics.OFFERS: OfferRecord,
}
READER = {
    topics.LIFE_EVENTS: "correlate",
    topics.HOUSEHOLD_EVENTS: "households",
    topics.SITUATIONS: "plan",
    topics.OFFERS: "deliver",
}


# Poison.


def _poison(rig: Rig) -> None:
    """Spoiled records among good ones, in every stage's input; then every dead letter is put back."""
    rig.publish(0, 2)
    rig.struck += rig.publish_poison()
    rig.await_until(lambda: all(_newest(rig, topic) for topic in INNER), "every topic to have a record to spoil")
    for topic in INNER:
        rig.struck += _spoil(rig, topic)
    rig.publish(1, 2)
    rig.settle()
    before = sum(_letters(rig))
    _put_back(rig, boxes(rig.platform.topics))
    rig.await_until(lambda: sum(_letters(rig)) == 2 * before, "every letter that was put back to be refused again")
    while_dead(rig, lambda: wipe(rig))  # state is made anew from a log with poison in it


def _newest(rig: Rig, topic: str) -> bytes | None:
    """A good record of a topic."""
    found = None
    for message in read_topic(rig.platform.bootstrap, topic):
        if isinstance(rig.platform.codec.decode(message.value()), INNER[topic]):
            found = message.value()
    return found  # type: ignore[return-value]


def _spoil(rig: Rig, topic: str) -> int:
    good = _newest(rig, topic)
    assert good is not None
    foreign = rig.platform.codec.encode(Mark("no.such", 0, 1, 1)) if topic == topics.OFFERS else None
    spoiled: list[tuple[bytes | None, bytes | None, list[tuple[str, bytes | None]]]] = [
        (b"k", b"", []),
        (b"k", b"no avro at all", []),
        (b"k", b'{"json": true}', [("ce_id", b"1"), ("empty", None), ("twice", b"a"), ("twice", b"b")]),
        (None, b"\x00", [("ce_type", None)]),
        (b"k|\xff|0", b"\x01", [("ce_type", b"\xff\xfe")]),
        (b"", b"\x00\x00\x00\x00\x01", []),
        (b"k", b"\x00\xff\xff\xff\xff" + good[5:], []),
        (b"k", good[: len(good) // 2], []),
        (b"k", good[:-1], []),
        (b"k", good + b"\x00", []),
        (b"k", good[:5] + b"\xff" * 40, []),
        (b"k", good[:5] + bytes(len(good)), []),
        (b"k", b"\x00" * 3_000_000, []),
        *([(b"k", foreign, [])] if foreign else []),
    ]
    # Not one of them may happen to be a value: then it would be no poison.
    spoiled = [each for each in spoiled if not isinstance(rig.platform.codec.decode(each[1]), INNER[topic])]
    producer = Producer({"bootstrap.servers": rig.platform.bootstrap, "message.max.bytes": 10_000_000})
    for number, (key, value, headers) in enumerate(spoiled):
        producer.produce(topic, key=key, value=value, partition=number % rig.settings.core_partitions, headers=headers)
    producer.produce(topic, key=b"erased", value=None, partition=0)  # a tombstone is no poison: nothing comes of it
    assert producer.flush(30) == 0
    return len(spoiled)


def _letters(rig: Rig) -> list[int]:
    names = [
        name
        for name in AdminClient({"bootstrap.servers": rig.platform.bootstrap}).list_topics(timeout=10).topics
        if name.endswith(".dlq")
    ]
    return [sum(1 for _ in read_topic(rig.platform.bootstrap, name)) for name in names]


def _put_back(rig: Rig, of: Sequence[Box]) -> None:
    """As `headwater dlq replay` does."""
    platform = rig.platform
    found = sort(platform.bootstrap, read_letters(platform.bootstrap, of))
    assert not found.lost, "letters that do not say where they came from"
    put_back(TrackingPublisher(platform.bootstrap, platform.registry, rig.settings.event_partitions), found.fresh)


# Disorder.


def _disordered(feeds: Feeds, dice: random.Random) -> Feeds:
    """Every fifth record twice, out of order by up to fifteen places, changes before what they change."""
    return {feed: _shuffled(feed, lines, dice) for feed, lines in feeds.items()}


def _shuffled(feed: str, lines: list[Line], dice: random.Random) -> list[Line]:
    copies = [(place + dice.uniform(0, 60), line) for place, line in enumerate(lines) if dice.random() < 0.2]
    moved = [
        (place + (dice.uniform(-15, 15) if isinstance(line, dict) else 0), line) for place, line in enumerate(lines)
    ]
    early = [
        (place - 40 if isinstance(line, dict) and _names_another(feed, line) else place, line) for place, line in moved
    ]
    records = [(place, line) for place, line in copies if isinstance(line, dict)]
    return [line for _, line in sorted([*early, *records], key=lambda each: each[0])]


def _names_another(feed: str, record: dict[str, Any]) -> bool:
    path = _mapping(feed).get("replaces")
    path = path.get("path") if isinstance(path, dict) else path
    paths = path if isinstance(path, list) else [path] if path else []
    return bool(paths) and _at(record, str(paths[-1])) not in (None, "")


@cache
def _mapping(feed: str) -> dict[str, Any]:
    agency, _, name = feed.partition(".")
    found: dict[str, Any] = YAML(typ="safe").load(DEMO / "contracts" / agency / name / "mapping.yaml")
    return found


def _at(record: Any, path: str) -> Any:
    for name in path.split("."):
        record = record.get(name) if isinstance(record, dict) else None
    return record


# Clocks.


def _skewed(feeds: Feeds, dice: random.Random) -> Feeds:
    """Agencies' clocks are wrong by up to three days; one is years ahead until its last word sets it right."""
    ahead = dice.choice(sorted(feeds))
    return {
        feed: _years_ahead(lines) if feed == ahead else _moved(feed, lines, dice.randint(-3 * DAY, 3 * DAY))
        for feed, lines in feeds.items()
    }


def _moved(feed: str, lines: Iterable[Line], by: int) -> list[Line]:
    return [
        Heartbeat(line.ms + by) if isinstance(line, Heartbeat) else _recorded(feed, line, lambda at: at + by)
        for line in lines
    ]


def _years_ahead(lines: list[Line]) -> list[Line]:
    """Heartbeats from the future are refused, so the feed stands still between records, until the last is right."""
    told: list[Line] = [Heartbeat(line.ms + 1500 * DAY) if isinstance(line, Heartbeat) else line for line in lines]
    return [*told, Heartbeat(max(line.ms for line in lines if isinstance(line, Heartbeat)))]


def _recorded(feed: str, record: dict[str, Any], change: Any) -> dict[str, Any]:
    """The record with another time of recording, where its contract has an instant for that."""
    path = _mapping(feed)["recorded_at"]
    *outer, last = str(path["path"] if isinstance(path, dict) else path).split(".")
    holder = record
    for name in outer:
        holder = holder[name]
    value = holder.get(last)
    if isinstance(value, int) and value > 10**11:
        unit = 1000 if value > 10**14 else 1
        holder[last] = change(value // unit) * unit
    return record


SWITCHES = [int(datetime(2025, *day, 1, tzinfo=UTC).timestamp() * 1000) for day in ((3, 30), (10, 26))]
"""When clocks in Brussels and Amsterdam are put forward and back, 2025."""


def _around_the_switch(feeds: Feeds, dice: random.Random) -> Feeds:
    """Whatever was recorded within ten days of a switch was recorded within an hour of it; heartbeats every quarter."""
    return {feed: _switched(feed, lines, dice) for feed, lines in feeds.items()}


def _switched(feed: str, lines: list[Line], dice: random.Random) -> list[Line]:
    def to_the_hour(at: int) -> int:
        near = next((switch for switch in SWITCHES if abs(at - switch) < 10 * DAY), None)
        return at if near is None else near + dice.randint(-HOUR, HOUR)

    found: list[Line] = []
    for line in lines:
        found.append(line if isinstance(line, Heartbeat) else _recorded(feed, line, to_the_hour))
        switch = next((s for s in SWITCHES if isinstance(line, Heartbeat) and line.ms < s <= line.ms + 7 * DAY), None)
        if switch is not None:
            found += [Heartbeat(switch + quarter * HOUR // 4) for quarter in range(-8, 9)]
    return found


def _strike_nothing(rig: Rig) -> None:
    """The history itself is the fault."""
    rig.publish()
    rig.struck = sum(isinstance(line, dict) for lines in rig.feeds.values() for line in lines)


# Replay.

REPLAYED = "the operator had intake read everything again: that is told again, and known to correlate"


def _from_the_beginning(rig: Rig) -> None:
    """Everything again: agencies send their history twice, and intake's positions are set back to the beginning."""
    rig.publish()
    rig.settle()
    told = _told(rig)
    rig.publish()
    rig.settle()
    _reset(rig, ("intake",))
    assert _told(rig) == told, f"a replay of everything told something new: {told}, then {_told(rig)}"
    rig.struck += 2


def _stage_from_the_beginning(rig: Rig, stage: str) -> None:
    rig.publish()
    rig.settle()
    told = _told(rig)
    _reset(rig, (stage,))
    assert _told(rig) == told, f"{stage} set back to the beginning told something new: {told}, then {_told(rig)}"
    rig.struck += 1


def _reset(rig: Rig, stages: Iterable[str]) -> None:
    """Stops the stages, sets groups back, starts again and lets everything settle."""
    rig.workers.remove(rig.stages)
    rig.stages.stop()
    admin = AdminClient({"bootstrap.servers": rig.platform.bootstrap})
    for stage in stages:
        positions = [TopicPartition(*source, 0) for source in rig.sources(stage)]
        rig.await_until(
            lambda stage=stage, positions=positions: _is_altered(admin, stage, positions), "a group to be empty"
        )  # type: ignore[misc]
    rig.stages = rig.start(FAUST_STAGES)
    rig.settle()


def _is_altered(admin: AdminClient, stage: str, positions: list[TopicPartition]) -> bool:
    """Sets a group back; refused as long as a static member's session is not over."""
    asked = admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(f"headwater-{stage}", positions)])
    try:
        done = [each.result(30) for each in asked.values()]
    except Exception:  # noqa: BLE001 - the group has members still
        return False
    return all(partition.error is None for each in done for partition in each.topic_partitions)


def _told(rig: Rig) -> tuple[int, ...]:
    """How many decisions and offers there are."""
    kinds = (topics.DECISIONS, topics.HOUSEHOLD_DECISIONS, topics.OFFERS)
    return tuple(sum(1 for _ in read_topic(rig.platform.bootstrap, topic)) for topic in kinds)


_OF_INTAKE = {
    "every record of an agency has one outcome on a receipt": REPLAYED,
    "life events are what the agencies' records say, each once": REPLAYED,
    "dead letters of intake are complete and can be put back": REPLAYED,
}
_OF = {
    "correlate": {
        "households hear what their members' life events say, each once": "correlate passes on what it reads again, "
        "and households know it",
    }
}

CASES = [
    Case("poison in every stage's input, dead letters put back", _poison),
    Case("duplicates, shuffles, corrections before originals", _strike_nothing,
         lambda _dice: Setup(change=_disordered), is_as_told=False),
    Case("agencies' clocks ahead and behind", _strike_nothing, lambda _dice: Setup(change=_skewed), is_as_told=False),
    Case("everything around the change to and from summer time", _strike_nothing,
         lambda _dice: Setup(change=_around_the_switch), is_as_told=False),
    Case("everything replayed from earliest", _from_the_beginning, besides=_OF_INTAKE),
    *(
        Case(
            f"positions of {stage} set back to earliest",
            lambda rig, stage=stage: _stage_from_the_beginning(rig, stage),  # type: ignore[misc]
            besides=_OF.get(stage, {}),
        )
        for stage in FAUST_STAGES[1:]
    ),
]  # fmt: skip
