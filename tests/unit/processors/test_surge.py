"""The surge brake, case by case."""

from __future__ import annotations

import pytest

from processors.surge import Brake, Volume, take

BRAKE = Brake()


def after(*daily: int) -> Volume:
    """The volume at the beginning of the day after days with so many records."""
    volume = Volume()
    for day, count in enumerate(daily, start=1):
        volume = take(volume, [day] * count, None, -1).volume
    return volume.on(len(daily) + 1, BRAKE)


def test_a_flood_is_taken_up_to_ten_times_the_usual() -> None:
    volume = after(*[200] * 14)
    assert (volume.days, volume.usual) == (14, 200)
    flood = take(volume, [15] * 5_000, BRAKE, -1)
    assert (flood.count, flood.is_surge) == (2_000, True)
    assert not take(volume, [15] * 2_000, BRAKE, -1).is_surge


def test_small_feeds_have_a_floor_and_young_ones_no_limit() -> None:
    assert take(after(*[2] * 14), [15] * 5_000, BRAKE, -1).count == 1_000
    assert take(after(*[200] * 13), [14] * 50_000, BRAKE, -1).count == 50_000


def test_a_release_holds_to_the_end_of_its_day() -> None:
    volume = after(*[200] * 14)
    assert take(volume, [15] * 5_000, BRAKE, released=15).count == 5_000
    over_night = take(volume, [15] * 5_000 + [16] * 5_000, BRAKE, released=15)
    assert over_night.is_surge
    assert over_night.count < 10_000
    assert over_night.volume.day == 16


def test_a_flood_let_through_does_not_make_the_next_one_usual() -> None:
    flooded = take(after(*[200] * 14), [15] * 100_000, BRAKE, released=15).volume
    assert flooded.on(16, BRAKE).usual == 200 + 0.1 * (2_000 - 200)


def test_a_file_a_month_is_usual() -> None:
    volume = Volume()
    for month in range(1, 15):
        volume = take(volume, [month * 30] * 20_000, BRAKE, -1).volume
    assert not take(volume, [15 * 30] * 20_000, BRAKE, -1).is_surge
    assert take(volume, [15 * 30] * 200_001, BRAKE, -1).count == 200_000


def test_a_record_of_an_earlier_day_counts_today() -> None:
    assert Volume(day=20, count=5).on(19, BRAKE) == Volume(day=20, count=5)


def test_partitions_share_the_floor() -> None:
    assert Brake(10, 1_000).shared_among(2) == Brake(10, 500)
    assert Brake(10, 1).shared_among(2) == Brake(10, 1)


@pytest.mark.parametrize(("factor", "floor"), [(1, 10), (0, 10), (10, 0), (float("nan"), 10)])
def test_limits_that_would_hold_an_ordinary_day_are_refused(factor: float, floor: int) -> None:
    with pytest.raises(ValueError, match="factor above 1"):
        Brake(factor, floor)
