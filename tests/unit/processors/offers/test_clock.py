"""Plan's clock is the smallest of all who tell it situations, and never goes back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from processors.offers.clock import SituationClock
from processors.offers.model import SituationMark

SOURCES = 3
MARKS = st.lists(st.builds(SituationMark, st.integers(0, SOURCES - 1), st.just(SOURCES), st.integers(0, 20)))


@given(MARKS)
def test_the_clock_is_the_smallest_of_the_newest_once_all_were_heard(marks: list[SituationMark]) -> None:
    clock, before = SituationClock(), -1
    for count, mark in enumerate(marks, 1):
        clock.hear(mark)
        heard = [[one.now for one in marks[:count] if one.source_partition == n] for n in range(SOURCES)]
        assert clock.now == (min(map(max, heard)) if all(heard) else None)
        if clock.now is not None:
            assert clock.now >= before
            before = clock.now
