"""Partitions held and released: in time, once each, at the right position, and shown."""

from __future__ import annotations

from typing import Any

from faust.types import TP

from processors.pauses import Pause, PauseKind
from sinks.metrics import Meters
from streams.ending import Ending
from streams.observing.health import Health
from streams.pauses import FeedOrders
from streams.settings import Settings
from streams.stages.gauges import StageGauges
from streams.stages.holding import Holding
from streams.stages.task import Stage
from streams.stages.worker import StageWorker

ONE, TWO, OTHER = TP("events.a.b", 0), TP("events.a.b", 1), TP("events.c.d", 0)
ORDER = Pause(PauseKind.FEED, "a.b", True, "", "els", 5_000)


class Way:
    """A holding with a consumer that notes what it is told."""

    def __init__(self) -> None:
        self.orders = FeedOrders()
        self.meters = Meters("intake")
        self.told: list[tuple[str, Any]] = []
        self.holding = Holding(
            lambda topic: self.orders.holding(topic.removeprefix("events.")),
            lambda: self,
            lambda tp, position: self.told.append(("rewind", (tp, position))),
            StageGauges("intake", self.meters, is_wall=True),
        )

    def pause_partitions(self, tps: list[TP]) -> None:
        self.told.append(("pause", *tps))

    def resume_partitions(self, tps: list[TP]) -> None:
        self.told.append(("resume", *tps))

    @property
    def shown(self) -> float | None:
        labels = {"feed": "a.b", "topic": "events.a.b", "by": "officer"}
        return self.meters.registry.get_sample_value("headwater_feed_held_since_timestamp_seconds", labels)


def go_on() -> Pause:
    return Pause(PauseKind.FEED, "a.b", False, "", "els", 9_000)


def test_what_nobody_holds_is_left_alone() -> None:
    way = Way()
    way.orders.note(Pause(PauseKind.RULE, "a.b", True, "", "els", 5_000))
    assert not way.holding.look(ONE, 7)
    assert (way.told, way.shown) == ([], None)


def test_a_feed_is_held_once_and_goes_on_where_it_was() -> None:
    way = Way()
    way.orders.note(ORDER)
    assert [way.holding.look(tp, 7) for tp in (ONE, ONE, TWO, OTHER)] == [True, True, True, False]
    assert way.told == [("pause", ONE), ("pause", TWO)]
    assert way.shown == 5
    way.orders.note(go_on())
    assert not way.holding.look(ONE, 8)
    assert way.told[2:] == [("rewind", (ONE, 8)), ("resume", ONE)], "sent back before it is fetched again"
    assert way.shown == 5, "its other partition is still held"
    assert not way.holding.look(TWO, 9)
    assert way.shown is None


def test_a_partition_that_is_another_workers_now_is_not_shown_here() -> None:
    way = Way()
    way.orders.note(ORDER)
    way.holding.look(ONE, 7)
    way.holding.forget(ONE)
    assert not way.holding.is_held(ONE)
    assert way.shown is None


def test_the_watchdog_is_not_told_of_what_is_held(tmp_path: Any, monkeypatch: Any) -> None:
    """It would take it for standing still, and end the stage again and again."""
    way = Way()
    settings = Settings(data=tmp_path, worker="1")
    worker = StageWorker(
        Stage("intake", (ONE.topic, OTHER.topic), lambda *_: None),  # type: ignore[arg-type, return-value]
        "127.0.0.1:1", settings, Meters("intake"), Health(), Ending("intake"),
    )  # fmt: skip
    monkeypatch.setattr(worker, "_holding", way.holding)
    at_seven = type("Work", (), {"progress": 7.0})()
    monkeypatch.setattr(worker, "_work", {ONE: at_seven, OTHER: at_seven})
    assert worker._positions() == {tuple(ONE): 7, tuple(OTHER): 7}
    way.orders.note(ORDER)
    way.holding.look(ONE, 7)
    assert worker._positions() == {tuple(OTHER): 7}
