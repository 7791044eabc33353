"""What a reader of receipts knows of each record, against a plain list of every record's fate."""

from __future__ import annotations

import pytest
from confluent_kafka import KafkaError, KafkaException
from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import internal_codec
from schemas.receipts import Receipt, ReceiptCounts, RejectedRecord
from schemas.registry import FolderRegistry
from streams.errors import Unreachable
from streams.gateway import fates
from streams.gateway.fates import Answered, FateReader, State
from streams.kafka import tail
from streams.kafka.tail import Source
from tests.browser.duty_town import wait_for


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


def test_a_fault_does_not_end_the_reader_and_is_logged_without_its_message(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    turns: list[str] = []

    def faulty(bootstrap: str, names: list[str]) -> list[Source]:
        turns.append(bootstrap)
        raise LookupError("85031512345")

    monkeypatch.setattr(fates, "sources_of", faulty)
    monkeypatch.setattr(fates, "_PAUSE_S", 0.01)
    reader = FateReader("nowhere:1", internal_codec(FolderRegistry()), ["landlord"])
    assert not reader.is_alive()
    reader.start()
    try:
        wait_for(lambda: len(turns) > 2)
        assert reader.is_alive()
    finally:
        reader.close()
    printed = "".join(capfd.readouterr())
    assert "LookupError" in printed
    assert "85031512345" not in printed


def test_a_broker_that_goes_between_two_questions_is_unreachable(monkeypatch: pytest.MonkeyPatch):
    class Gone:
        def __init__(self, config: object) -> None: ...

        def list_topics(self, timeout: float) -> None:
            raise KafkaException(KafkaError(KafkaError._TRANSPORT))

    monkeypatch.setattr(tail, "require_reachable", lambda bootstrap: None)
    monkeypatch.setattr(tail, "AdminClient", Gone)
    with pytest.raises(Unreachable):
        tail.sources_of("nowhere:1", ["receipts.landlord"])
