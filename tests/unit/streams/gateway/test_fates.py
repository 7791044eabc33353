"""What a follower knows of each record, against a plain list of every record's fate."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.receipts import Receipt, ReceiptCounts, RejectedRecord
from streams.gateway import fates
from streams.gateway.fates import Answered, State


def receipt(first: int, last: int, rejected: set[int]) -> Receipt:
    refused = tuple(RejectedRecord(offset, None, "missing-person", "nobody") for offset in sorted(rejected))
    return Receipt("a", "a.b", "events.a.b.v1", 0, first, last, ReceiptCounts(), 0, refused, 0)


RUNS = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 5), st.sets(st.integers(0, 5)), st.integers(0, 8)), max_size=12
)


@given(RUNS)
def test_every_offset_has_the_fate_its_newest_receipt_gives_it(runs: list[tuple[int, int, set[int], int]]):
    """Runs follow each other with gaps, and at times intake was set back."""
    answered = Answered()
    plain: dict[int, State] = {}
    end = 0
    for gap, length, rejected, back in runs:
        first = max(0, end + gap - (back if back > 5 else 0))
        last = first + length
        refused = {first + one for one in rejected if one <= length}
        for offset in [one for one in plain if one >= first]:
            del plain[offset]
        plain.update({one: State.REJECTED if one in refused else State.PROCESSED for one in range(first, last + 1)})
        answered.take(receipt(first, last, refused))
        end = last + 1
    for offset in range(end + 3):
        assert answered.state_of(offset) == plain.get(offset, State.PENDING)


def test_ranges_that_touch_are_one():
    answered = Answered()
    for first in range(0, 1000, 10):
        answered.take(receipt(first, first + 9, set()))
    assert (answered.firsts, answered.lasts) == ([0], [999])


def test_the_oldest_rejections_are_forgotten_and_said_to_be(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(fates, "MOST_REJECTED", 3)
    answered = Answered()
    answered.take(receipt(0, 9, {1, 3, 5, 7, 9}))
    assert [answered.state_of(offset) for offset in (0, 3, 4, 5)] == [None, None, State.PROCESSED, State.REJECTED]
    assert list(answered.rejected) == [5, 7, 9]
