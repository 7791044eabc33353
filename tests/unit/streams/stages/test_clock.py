"""The clock of a correlate task: marks in, `heard` and `now` out."""

from __future__ import annotations

import time

from processors.events import Mark
from streams.stages.clock import MarkedClock


def feeds(*names: str) -> MarkedClock:
    return MarkedClock(names, is_wall=False)


def wall(*names: str) -> MarkedClock:
    return MarkedClock(names, is_wall=True)


def test_now_is_the_smallest_mark_once_every_feed_was_heard() -> None:
    clock = feeds("a", "b")
    clock.mark(Mark("a", 0, 1, 50))
    assert (clock.now, dict(clock.heard.feeds)) == (0, {"a": 50})
    clock.mark(Mark("b", 0, 1, 20))
    assert clock.now == 20
    clock.mark(Mark("b", 0, 1, 70))
    assert clock.now == 50


def test_a_feed_is_heard_up_to_its_slowest_partition() -> None:
    clock = feeds("a")
    clock.mark(Mark("a", 1, 2, 90))
    assert (clock.now, dict(clock.heard.feeds)) == (0, {})
    clock.mark(Mark("a", 0, 2, 30))
    assert (clock.now, dict(clock.heard.feeds)) == (30, {"a": 30})


def test_a_mark_that_comes_late_takes_nothing_back() -> None:
    clock = feeds("a")
    clock.mark(Mark("a", 0, 1, 90))
    clock.mark(Mark("a", 0, 1, 10))
    assert (clock.now, dict(clock.heard.feeds)) == (90, {"a": 90})


def test_a_feed_nobody_waits_for_counts_for_nothing() -> None:
    clock = feeds("a")
    clock.mark(Mark("unknown", 0, 1, 90))
    assert (clock.now, dict(clock.heard.feeds)) == (0, {})


def test_heard_is_a_value_that_later_marks_do_not_change() -> None:
    clock = feeds("a")
    clock.mark(Mark("a", 0, 1, 10))
    before = clock.heard
    clock.mark(Mark("a", 0, 1, 20))
    assert dict(before.feeds) == {"a": 10}


def test_a_feed_is_known_from_where_the_last_of_its_partitions_began() -> None:
    clock = feeds("a", "b")
    clock.mark(Mark("a", 0, 2, 90, 10))
    assert dict(clock.heard.began) == {}
    clock.mark(Mark("a", 1, 2, 90, 30))
    clock.mark(Mark("b", 0, 1, 90))
    assert dict(clock.heard.began) == {"a": 30}, "nobody said from when on `b` is complete"
    clock.mark(Mark("a", 1, 2, 90, 20))
    assert dict(clock.heard.began) == {"a": 20}, "the contract says more than it did"


def test_the_newest_marks_alone_give_the_clock_that_all_of_them_gave() -> None:
    whole, compacted = feeds("a"), feeds("a")
    for heard in (10, 20, 30):
        whole.mark(Mark("a", 0, 1, heard, 5))
    compacted.mark(Mark("a", 0, 1, 30, 5))
    assert (whole.heard, whole.now) == (compacted.heard, compacted.now)


def test_the_feeds_clock_asks_no_machine() -> None:
    clock = feeds("a")
    clock.append(70)
    clock.idle()
    assert clock.now == 0


def test_the_wall_clock_goes_with_the_log_and_with_the_machine_when_idle() -> None:
    clock = wall("a")
    clock.mark(Mark("a", 0, 1, 90))
    assert (clock.now, dict(clock.heard.feeds)) == (0, {"a": 90})
    clock.append(70)
    clock.append(60)
    assert clock.now == 70, "a backlog is decided as of then, and a clock never goes back"
    before = time.time_ns() // 1_000_000
    clock.idle()
    assert before <= clock.now <= time.time_ns() // 1_000_000
