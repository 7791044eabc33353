"""When a partition counts as standing still; time and the broker's answers are data."""

from __future__ import annotations

from streams.stages.watchdog import LATE, Watch

ONE, TWO = ("t", 0), ("t", 1)
PATIENCE, LOOK = 120.0, 5.0


def watched(*seen: tuple[float, dict, dict]) -> list[list]:
    """What a watch says to each of (time, positions, ends)."""
    watch = Watch(PATIENCE, LOOK)
    return [watch.look(*each) for each in seen]


def every_look(until: float, position: object, end: object) -> list[list]:
    """The same partition looked at again and again; `position` and `end` are functions of time."""
    times = [number * LOOK for number in range(int(until / LOOK) + 1)]
    return watched(*((now, {ONE: position(now)}, {} if end(now) is None else {ONE: end(now)}) for now in times))


def test_what_waits_and_does_not_move_is_stuck_when_patience_is_over_and_not_before() -> None:
    said = every_look(PATIENCE, lambda _: 7, lambda _: 8)
    assert said[-1] == [ONE]
    assert not any(said[:-1])


def test_an_idle_partition_is_never_stuck() -> None:
    assert not any(every_look(10 * PATIENCE, lambda _: 7, lambda _: 7))


def test_a_record_after_long_idleness_gives_the_whole_patience() -> None:
    said = every_look(3 * PATIENCE, lambda _: 7, lambda now: 7 if now < 2 * PATIENCE else 8)
    assert said[-1] == [ONE]
    assert not any(said[:-1])


def test_whoever_moves_however_slowly_is_not_stuck() -> None:
    assert not any(every_look(10 * PATIENCE, lambda now: int(now / (PATIENCE - LOOK)), lambda _: 1_000_000))


def test_going_back_is_a_move_too() -> None:
    assert not any(every_look(1.5 * PATIENCE, lambda now: 900 if now < PATIENCE else 100, lambda _: 1000))


def test_a_broker_that_is_away_proves_nothing_and_its_return_begins_anew() -> None:
    assert not any(every_look(10 * PATIENCE, lambda _: 7, lambda _: None))
    back = every_look(2 * PATIENCE, lambda _: 7, lambda now: None if now == PATIENCE - LOOK else 8)
    assert [said for said in back if said] == [[ONE]]
    assert back[-1] == [ONE]


def test_a_partition_that_is_no_longer_worked_on_is_forgotten() -> None:
    """Revoked or held, and taken up again at the same position."""
    waiting = ({ONE: 7}, {ONE: 8})
    times = [number * LOOK for number in range(49)]
    seen = [(now, {}, {ONE: 8}) if now == PATIENCE - LOOK else (now, *waiting) for now in times]
    assert [now for (now, *_), said in zip(seen, watched(*seen), strict=True) if said] == [2 * PATIENCE]


def test_each_partition_is_judged_by_itself() -> None:
    seen = [(number * LOOK, {ONE: 7, TWO: number}, {ONE: 8, TWO: 1000}) for number in range(25)]
    assert watched(*seen)[-1] == [ONE]


def test_after_a_time_without_looks_nothing_is_proved() -> None:
    """The process was stopped, or its machine slept: the stage had no turn either."""
    before = [(number * LOOK, {ONE: 7}, {ONE: 8}) for number in range(24)]
    gap = before[-1][0] + LATE * LOOK
    assert watched(*before, (gap, {ONE: 7}, {ONE: 8}))[-1] == [ONE]
    assert watched(*before, (gap + 0.1, {ONE: 7}, {ONE: 8}))[-1] == []


def test_the_end_is_asked_only_of_what_has_not_moved() -> None:
    watch = Watch(PATIENCE, LOOK)
    assert watch.unmoved({ONE: 1, TWO: 5}) == []
    assert watch.unmoved({ONE: 1, TWO: 6}) == [ONE]
    assert watch.unmoved({TWO: 6}) == [TWO]
