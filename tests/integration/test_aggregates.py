"""Weekly aggregates on a real Kafka: each week once, whatever is killed, and never before all is counted."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from processors.disclosure.model import ALL, Cell, Measure
from processors.disclosure.weeks import before, following, week_start
from processors.events import LifeEvent
from processors.offers.model import SituationMark
from schemas.codec import Value
from sinks.aggregates import AggregateFiles
from streams import topics
from streams.broker import start_broker, stop_broker
from streams.composition import Platform
from streams.kafka.clients import client_config
from streams.kafka.log import end_offsets, read_topic
from streams.kafka.transactions import Outgoing, TransactionalSender
from streams.services import aggregate
from streams.services.aggregate import Aggregator, aggregator
from streams.settings import Settings
from tests.integration.towns import clean, headwater

SEED = 20261122
KILLS = 6
FIRST, SECOND, THIRD = "2025-W03", "2025-W04", "2025-W05"
GO_ON = threading.Event()
ENDING = threading.Event()
ENDING.set()


class Place:
    """A platform whose correlate and plan are played by the test."""

    def __init__(self, kafka: str, data: Path) -> None:
        data.mkdir()
        fixed = {"kafka": kafka, "broker_port": None, "deployment": None, "case_db": None, "register_db": None}
        self.settings = Settings(data=data, core_partitions=2, clock="feeds", **fixed)  # type: ignore[arg-type]
        self.platform = Platform(self.settings)
        topics.ensure(self.platform.bootstrap, topics.core(self.settings), self.settings)
        self.files = AggregateFiles(data / "aggregates")
        self._sender = TransactionalSender(self.platform.bootstrap, "test")
        self._sender.open()

    def close(self) -> None:
        self._sender.close()
        admin = AdminClient(client_config(self.platform.bootstrap))
        for gone in admin.delete_topics([topic.name for topic in topics.core(self.settings)]).values():
            gone.result(30)

    def write(self, topic: str, *values: tuple[int, Value]) -> None:
        codec = self.platform.codec
        self._sender.send(
            Outgoing(topic, partition, b"k%d" % n, codec.encode(v)) for n, (partition, v) in enumerate(values)
        )

    def events(self, week: str, persons: int, area: str = "riverbend", **more: object) -> None:
        """So many persons move in that week."""
        at = week_start(week, self.platform.calendar)
        made = LifeEvent("", "moved", "", "", area, "registry-office", "registry-office.life-records", at, at, 1)
        self.write(
            topics.LIFE_EVENTS,
            *(
                (n % 2, replace(made, id=f"{week}-{area}-{n}", person=f"p{n}", household=f"h{n}", **more))  # type: ignore[arg-type]
                for n in range(persons)
            ),
        )

    def clock(self, week: str, settled: bool = True) -> None:
        """Plan puts on both its partitions that a week, and its time to settle, is over."""
        days = self.platform.deployment.disclosure.settle_days if settled else 0
        now = week_start(following(week), self.platform.calendar) + days * 86_400_000
        self.write(topics.SITUATIONS, *((to, SituationMark(0, 1, now)) for to in range(2)))

    def worked_off(self, *stages: str) -> None:
        """The stages have committed everything that is there."""
        source = {"correlate": topics.LIFE_EVENTS, "plan": topics.SITUATIONS}
        for stage in stages or source:
            group = Consumer({**client_config(self.platform.bootstrap), "group.id": f"headwater-{stage}"})
            ends = end_offsets(self.platform.bootstrap, source[stage])
            group.commit(offsets=[TopicPartition(source[stage], *end) for end in ends.items()], asynchronous=False)
            group.close()

    def published(self) -> list[Cell]:
        values = [self.platform.codec.decode(m.value()) for m in read_topic(self.platform.bootstrap, topics.AGGREGATES)]
        assert all(isinstance(value, Cell) for value in values), "there is more than cells on a public topic"
        return [value for value in values if isinstance(value, Cell)]

    def count(self, week: str, area: str = ALL) -> int | None:
        (cell,) = (c for c in self.files.cells(week, Measure.EVENTS) if c.type == "moved" and c.area == area)
        return cell.count


@pytest.fixture(scope="module")
def own_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A broker of its own: the service and its consumer groups have their real names."""
    settings = Settings(kafka=None, broker_port=None, data=tmp_path_factory.mktemp("broker"))
    try:
        yield start_broker(settings).bootstrap
    finally:
        stop_broker(settings)


@pytest.fixture
def place(own_kafka: str, tmp_path: Path) -> Iterator[Place]:
    made = Place(own_kafka, tmp_path / "data")
    try:
        yield made
    finally:
        made.close()


def steps(worker: Aggregator, wanted: Sequence[str], limit_s: float = 30) -> list[str]:
    """Lets the aggregator work until it has released those weeks."""
    released: list[str] = []
    deadline = time.monotonic() + limit_s
    while len(released) < len(wanted) and time.monotonic() < deadline:
        released += worker.step(GO_ON)
    assert released == list(wanted)
    return released


def idle(worker: Aggregator) -> None:
    """Lets it read what is there; it must release nothing."""
    for _ in range(6):
        assert worker.step(ENDING) == []


def test_a_week_goes_out_once_when_everything_on_its_way_was_counted(place: Place):
    place.events(FIRST, 24)
    place.events(FIRST, 3, "millbrook")
    place.clock(FIRST, settled=False)
    place.worked_off()
    with aggregator(place.platform) as worker:
        idle(worker)
        place.clock(FIRST)
        idle(worker)  # the new marks wait for plan
        place.events(FIRST, 16, "highfield")
        place.worked_off("plan")
        idle(worker)  # the new events wait for correlate
        place.worked_off()
        steps(worker, [FIRST])
        assert place.count(FIRST) is None
        assert {area: place.count(FIRST, area) for area in ("riverbend", "highfield", "millbrook")} == {
            "riverbend": 25, "highfield": 15, "millbrook": None
        }  # fmt: skip
        assert worker.dropped.total() == 0

        place.events(FIRST, 40, "millbrook", recorded_at=0)  # late: it changes nothing that is out
        place.events(SECOND, 10)
        place.clock(SECOND)
        place.worked_off()
        steps(worker, [SECOND])
        assert worker.dropped == {Measure.EVENTS: 40}
    cells = place.published()
    assert Counter((c.week, c.measure, c.area, c.type) for c in cells).most_common(1)[0][1] == 1
    assert sorted(place.files.cells(), key=repr) == sorted(cells, key=repr)
    assert place.files.weeks() == [SECOND, FIRST]


def test_every_week_has_the_same_rows(place: Place):
    place.events(FIRST, 1)
    place.clock(SECOND)
    place.worked_off()
    with aggregator(place.platform) as worker:
        steps(worker, [FIRST, SECOND])
    rows = [{(c.measure, c.area, c.type) for c in place.files.cells(week)} for week in (FIRST, SECOND)]
    assert rows[0] == rows[1]
    areas, known = len(place.platform.deployment.areas) + 1, aggregate.known_to(place.platform)
    assert len(rows[0]) == areas * sum(map(len, known.types.values()))
    assert place.count(SECOND) == 0
    (place.settings.data / "aggregates" / f"{FIRST}.parquet").write_bytes(b"PAR1")
    place.files.write(SECOND, [Cell(SECOND, Measure.EVENTS, ALL, "moved", 5)])
    with aggregator(place.platform):
        assert set(place.files.cells()) == set(place.published()), "damaged and foreign files are made again"


def test_a_new_process_fences_the_old_one_and_goes_on_where_it_stood(place: Place):
    place.events(FIRST, 12)
    place.clock(FIRST)
    place.worked_off()
    with aggregator(place.platform) as old:
        steps(old, [FIRST])
        place.events(FIRST, 5, "millbrook", recorded_at=0)
        place.events(SECOND, 14)
        place.clock(SECOND)
        place.worked_off()
        (place.settings.data / "aggregates" / f"{FIRST}.parquet").unlink()
        with aggregator(place.platform) as new:
            assert place.files.weeks() == [FIRST], "a missing file is made again"
            with pytest.raises(KafkaException):
                steps(old, [SECOND])
            assert place.files.weeks() == [FIRST], "what was not committed is in no file"
            steps(new, [SECOND])
            assert new.dropped == {Measure.EVENTS: 5}
    assert place.count(SECOND) == 15
    assert {c.week for c in place.published()} == {FIRST, SECOND}


def test_killed_at_any_point_no_week_is_lost_or_comes_twice(place: Place):
    dice = random.Random(SEED)
    weeks = [before("2025-W40", back) for back in range(37, -1, -1)]
    for at, week in enumerate(weeks):
        place.events(week, 10 + at)
    told = 0
    for kill in range(KILLS):
        told = min(len(weeks) - 1, told + dice.randint(1, 6))
        place.clock(weeks[told - 1])
        place.worked_off()
        process = start(place)
        if kill % 2:
            time.sleep(dice.uniform(0, 3))  # anywhere, starting included
        else:
            await_commit(place, process)  # between the commit and the files
        process.send_signal(signal.SIGKILL)
        process.wait()
    place.clock(weeks[-1])
    place.worked_off()
    process = start(place)
    wait_for(lambda: len(place.files.weeks()) == len(weeks), 60)
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0, log_of(place)

    cells = place.published()
    assert Counter((c.week, c.measure, c.area, c.type) for c in cells).most_common(1)[0][1] == 1
    assert sorted(place.files.cells(), key=repr) == sorted(cells, key=repr)
    assert [place.count(week) for week in weeks] == [(10 + at + 2) // 5 * 5 for at in range(len(weeks))]
    show = headwater(place.settings.data, "aggregates", "show", "--week", weeks[3], "--measure", "events", "--json")
    assert [row["count"] for row in show.data if (row["type"], row["area"]) == ("moved", ALL)] == [15]


def await_commit(place: Place, process: subprocess.Popen[bytes]) -> None:
    """Until the topic grows."""
    before_it = end_offsets(place.platform.bootstrap, topics.AGGREGATES)
    grown = wait_for(lambda: end_offsets(place.platform.bootstrap, topics.AGGREGATES) != before_it, 40)
    assert grown, f"{process.poll()} {log_of(place)}"


def start(place: Place) -> subprocess.Popen[bytes]:
    settings = {"kafka": place.platform.bootstrap, "core_partitions": 2, "clock": "feeds"}
    environment = clean(place.settings.data, **{name.upper(): value for name, value in settings.items()})
    with (place.settings.data / "aggregate.log").open("ab") as said:
        return subprocess.Popen(
            [sys.executable, "-m", "streams.services", "aggregate"], env=environment, stdout=said, stderr=said
        )


def log_of(place: Place) -> str:
    return (place.settings.data / "aggregate.log").read_text()[-3000:]


def wait_for(is_so: Callable[[], bool], limit_s: float) -> bool:
    deadline = time.monotonic() + limit_s
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
