"""The surge brake on any history: cut anywhere, it says the same; what is usual never trips it."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from processors.surge import ENOUGH_DAYS, Brake, Volume, take

BRAKE = Brake(factor=3, floor=20)
days = st.lists(st.one_of(st.none(), st.integers(1, 40)), max_size=200).map(
    lambda found: sorted(found, key=lambda day: day or 0)
)
volumes = st.builds(
    Volume,
    st.integers(0, 5),
    st.integers(0, 100),
    st.integers(0, 30),
    st.floats(0, 50).map(lambda usual: round(usual, 2)),
)


@given(volumes, days, st.integers(-1, 40), st.lists(st.integers(0, 200), max_size=5))
def test_cut_into_chunks_anywhere_it_takes_the_same(
    volume: Volume, run: list[int | None], released: int, cuts: list[int]
) -> None:
    whole = take(volume, run, BRAKE, released)
    count, is_surge, kept = 0, False, volume
    for start, end in pairwise([0, *sorted(min(cut, len(run)) for cut in cuts), len(run)]):
        if not is_surge:
            found = take(Volume.unpack(kept.pack()), run[start:end], BRAKE, released)
            count, kept, is_surge = count + found.count, found.volume, found.is_surge
    assert (count, kept, is_surge) == (whole.count, whole.volume, whole.is_surge)


@given(volumes, days, st.integers(-1, 40))
def test_it_stops_exactly_at_the_limit_and_never_on_a_released_day(
    volume: Volume, run: list[int | None], released: int
) -> None:
    found = take(volume, run, BRAKE, released)
    if not found.is_surge:
        assert found.count == len(run)
        return
    limit = found.volume.limit(BRAKE)
    assert limit is not None
    assert found.volume.days >= ENOUGH_DAYS
    assert found.volume.day > released
    assert found.volume.count >= int(limit)
    assert take(found.volume, run[found.count :], BRAKE, released).count == 0, "it stays at the limit"
    assert take(found.volume, run[found.count :], BRAKE, max(found.volume.day, 40)).count == len(run) - found.count


@given(st.integers(1, 50), st.integers(1, 9), st.integers(15, 200))
def test_as_much_as_ever_is_never_a_surge_in_any_rhythm(daily: int, every: int, number: int) -> None:
    volume = Volume()
    for day in range(1, number * every, every):
        found = take(volume, [day] * daily, Brake(factor=1.5, floor=1), -1)
        assert not found.is_surge
        volume = found.volume


@given(days)
def test_without_a_brake_everything_is_taken_and_counted(run: list[int | None]) -> None:
    found = take(Volume(), run, None, -1)
    assert (found.count, found.is_surge) == (len(run), False)
