"""What a fetch returned is handed over or left aside, each record once, however it is taken out."""

from __future__ import annotations

import struct
from collections import OrderedDict
from collections.abc import Sequence
from types import SimpleNamespace

from aiokafka.consumer.fetcher import READ_COMMITTED, FetchResult, PartitionRecords
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.structs import TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from streams.kafka.records import RawRecord, UnpackedRecord
from streams.kafka.unpacking import Results

TP = TopicPartition("in", 3)
ASIDE = ("kind", b"aside")
BATCHES = st.lists(st.lists(st.booleans(), min_size=1, max_size=6), min_size=1, max_size=5)


def fetched(batches: Sequence[Sequence[bool]]) -> FetchResult:
    """A fetch as aiokafka keeps it: a record for each flag, which says whether it is to be left aside."""
    data, offset = b"", 0
    for flags in batches:
        builder = DefaultRecordBatchBuilder(2, 0, False, -1, -1, -1, 1 << 20)
        for place, is_aside in enumerate(flags):
            headers = [("other", b""), ASIDE] if is_aside else []
            builder.append(place, 1_000 + offset + place, b"k%d" % (offset + place), b"v", headers)
        data += struct.pack(">q", offset) + bytes(builder.build())[8:]
        offset += len(flags)
    records = PartitionRecords(TP, MemoryRecords(data), [], 0, None, None, True, READ_COMMITTED)
    state = SimpleNamespace(paused=False, position=0)
    state.consumed_to = lambda position: setattr(state, "position", position)
    assignment = SimpleNamespace(active=True, state_value=lambda _tp: state)
    return FetchResult(TP, assignment=assignment, partition_records=records, backoff=0)


def is_aside(record: UnpackedRecord) -> bool:
    return ASIDE in record.headers


@given(BATCHES, st.integers(1, 8))
def test_every_record_is_handed_over_or_left_aside_the_first_and_the_last_are_handed_over(
    batches: list[list[bool]], most: int
) -> None:
    flags = [flag for batch in batches for flag in batch]
    results = Results(OrderedDict({TP: fetched(batches)}), is_aside)
    result, handed, aside = results[TP], list[RawRecord](), list[int]()
    while result.has_more():
        handed += result.getall(most)
        aside += results.take_aside().get(TP, ())
        position = result._assignment.state_value(TP).position
        assert sorted([*aside, *(record.offset for record in handed)]) == list(range(position))
    assert position == len(flags)
    first = flags.index(True) if True in flags else None
    wanted = [at for at, flag in enumerate(flags) if not flag or at in {first, len(flags) - 1}]
    assert [record.offset for record in handed] == wanted
    assert aside == sorted(aside)


@given(BATCHES)
def test_records_are_as_aiokafka_unpacks_them(batches: list[list[bool]]) -> None:
    plain = {record.offset: record for record in fetched(batches).getall()}
    result = Results(OrderedDict({TP: fetched(batches)}), is_aside)[TP]
    for ours in result.getall():
        theirs = plain[ours.offset]
        for name in ("topic", "partition", "offset", "timestamp", "key", "value"):
            assert getattr(ours, name) == getattr(theirs, name)
        assert tuple(ours.headers) == theirs.headers


def test_results_that_come_later_are_unpacked_so_too_and_errors_are_left_alone() -> None:
    results = Results(OrderedDict(), is_aside)
    results[TP] = fetched([[True, True, False, True, True]])
    assert [record.offset for record in results[TP].getall()] == [0, 2, 4]
    error = SimpleNamespace()
    results[TP] = error
    assert results[TP] is error
