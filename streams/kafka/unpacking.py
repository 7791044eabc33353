"""What becomes of a fetch's bytes: raw records, and of those a stage leaves aside only where they were.

Unpacking costs more than many a stage does with a record, most of it for objects that are kept. A record
left aside at once (an event of a type no rule can look at) costs a fifth of one handed over.

Relies on aiokafka (`streams.kafka.chunks` says which) putting what a fetch returned into its fetcher's `_records` as a
`FetchResult`; on its `_partition_records` being unpacked by `_records_iterator`, which calls `_consumer_record` for
each record and moves `next_fetch_offset` as it is pulled. Deserializers are passed by; there are none.
"""

from __future__ import annotations

from array import array
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from aiokafka.consumer.fetcher import FetchResult
from aiokafka.structs import TopicPartition

from streams.kafka.records import Record, UnpackedRecord

LeavesAside = Callable[[UnpackedRecord], bool]


class Results(OrderedDict[TopicPartition, Any]):
    """Takes the place of a fetcher's results; used by the consumer's thread alone.

    Args:
        results: those that are there already.
        leaves_aside: asked for each record; must not raise.
    """

    def __init__(self, results: OrderedDict[TopicPartition, Any], leaves_aside: LeavesAside) -> None:
        super().__init__()
        self._leaves_aside = leaves_aside
        self._aside = _nothing()
        for tp, result in results.items():
            self[tp] = result

    def __setitem__(self, tp: TopicPartition, result: Any) -> None:  # noqa: ANN401 - a FetchResult, or an error
        if isinstance(result, FetchResult):
            unpacking = result._partition_records
            unpacking._consumer_record = lambda _tp, record: record
            unpacking._records_iterator = self._unpacked(tp, unpacking._records_iterator)
        super().__setitem__(tp, result)

    def take_aside(self) -> Mapping[TopicPartition, array[int]]:
        """Offsets of the records left aside since the last call, ascending."""
        taken, self._aside = self._aside, _nothing()
        return taken

    def _unpacked(self, tp: TopicPartition, records: Iterator[Any]) -> Iterator[Record]:
        """Those handed over; of those left aside the first, for there was traffic, and the last if nothing follows.

        Without the last the fetch would pass for empty though the position has moved, and a stage would not hear how
        far the log has come, and when.
        """
        is_traffic_told, held_back = False, None
        for record in records:
            if self._leaves_aside(record):
                if is_traffic_told:
                    held_back = record
                    self._aside[tp].append(record.offset)
                    continue
                is_traffic_told = True
            held_back = None
            yield _fetched(tp, record)
        if held_back is not None:
            self._aside[tp].pop()
            yield _fetched(tp, held_back)


def _fetched(tp: TopicPartition, record: Any) -> Record:  # noqa: ANN401 - aiokafka's own
    return Record(tp.topic, tp.partition, record.offset, record.timestamp, record.key, record.value, record.headers)


def _nothing() -> defaultdict[TopicPartition, array[int]]:
    return defaultdict(lambda: array("q"))
