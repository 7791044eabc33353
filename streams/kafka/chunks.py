"""Faust consumes chunks: one message per partition and fetch, holding all its records.

A plain Faust agent pays its per-message cost for every event (about 8,000 events/s per core on this
workload); handing over what one fetch returned as one message costs it once per chunk. Nothing is
decoded and nothing is committed here: records stay raw bytes, and the input position is committed
by the stage's transaction together with its outputs (`streams.kafka.transactions`).

Written against faust-streaming 0.15.3 and aiokafka 0.14.0 (`streams.kafka.proved` refuses others); it relies on

* `ThreadDelegateConsumer.getmany` being what Faust's fetcher iterates, and `_fetch_records` running
  in the consumer's thread;
* a partition's `position` in aiokafka's subscription state advancing only when fetched records are
  handed over (transaction markers included) or on a seek;
* `_read_offset` being what Faust compares a message with before it hands it over, None passing all;
* `_isolation_level`, `_partition_assignment_strategy` and `_fetch_max_wait_ms` being read when aiokafka's consumer
  starts;
* a full buffer keeping Faust's fetcher waiting in `put`, so that nothing is needed from `on_buffer_full`;
* what `streams.kafka.unpacking` names;
* Faust committing by `_commit` alone, which does nothing here;
* a member with a `group_instance_id` not leaving its group when it ends, so that a restart moves no partition.

`tests/integration/test_transport.py` fails loudly when an upgrade breaks one of them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import aiokafka
from aiokafka.errors import IllegalStateError
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage

from streams.kafka.records import RawRecord
from streams.kafka.unpacking import LeavesAside, Results

FETCH_WAIT_MS = 100
"""How long the broker may hold back a fetch that finds nothing: partitions that are not in it wait meanwhile."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """What one fetch returned for one partition.

    Attributes:
        records: raw records in offset order, transaction markers and records `aside` left out; may be empty when
            only markers were passed.
        before: position of the partition before the fetch; None when it had none yet.
        after: position after it; what a transaction over these records commits.
        aside: offsets of records between the positions that the stage leaves aside unread, ascending.
    """

    records: Sequence[RawRecord]
    before: int | None
    after: int
    aside: Sequence[int] = ()

    @property
    def is_whole(self) -> bool:
        """Whether the records lie between the positions: a seek during the fetch may have moved one of them."""
        records = self.records
        return not records or (records[0].offset >= (self.before or 0) and records[-1].offset < self.after)


class ChunkConsumerThread(driver.AIOKafkaConsumerThread):
    """Fetches in aiokafka's thread and notes each partition's position around the fetch."""

    def _create_worker_consumer(self, transport: driver.Transport) -> aiokafka.AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        # Faust offers no setting for the first, and reads uncommitted records. The second it uses by itself as
        # long as standby replicas are set, which is its default; else it assigns round-robin (neither sticky
        # nor co-partitioned) to an application without tables. The third is 1.5 s in Faust: as long a partition
        # with records would wait for one without.
        consumer._isolation_level = "read_committed"
        consumer._partition_assignment_strategy = [self.app.assignor]
        consumer._fetch_max_wait_ms = FETCH_WAIT_MS
        return consumer

    async def _fetch_records(
        self,
        consumer: aiokafka.AIOKafkaConsumer,
        active_partitions: set[TP],
        timeout: float | None = None,
        max_records: int | None = None,
    ) -> Mapping[TP, Any]:
        self._rewind(consumer)
        results = self._take_over_results(consumer)
        results.take_aside()
        before = _positions(consumer)
        fetched = await super()._fetch_records(consumer, active_partitions, timeout, max_records)
        after, aside = _positions(consumer), results.take_aside()
        return {
            tp: Chunk(fetched.get(tp, ()), before.get(tp), position, aside.get(tp, ()))
            for tp, position in after.items()
            if tp in fetched or (before.get(tp) is not None and before[tp] != position)
        }

    def _take_over_results(self, consumer: aiokafka.AIOKafkaConsumer) -> Results:
        """Takes the place of what the fetcher keeps its results in, which aiokafka makes when the consumer starts."""
        fetcher = consumer._fetcher
        if not isinstance(fetcher._records, Results):
            fetcher._records = Results(fetcher._records, self.transport.leaves_aside)  # type: ignore[attr-defined]
        return fetcher._records

    def _rewind(self, consumer: aiokafka.AIOKafkaConsumer) -> None:
        """Seeks where the stage asked to, between two fetches: in the middle of one, `before` would not hold."""
        rewinds = self.consumer.rewinds  # type: ignore[attr-defined]  # a ChunkConsumer
        for tp in list(rewinds):
            with suppress(IllegalStateError):  # revoked meanwhile
                consumer.seek(tp, rewinds.pop(tp))


def _positions(consumer: aiokafka.AIOKafkaConsumer) -> dict[TP, int]:
    subscription = consumer._subscription.subscription
    assignment = subscription.assignment if subscription is not None else None
    if assignment is None or not assignment.active:
        return {}
    states = ((tp, assignment.state_value(tp)) for tp in assignment.tps)
    return {TP(tp.topic, tp.partition): state._position for tp, state in states if state.has_valid_position}


def last_stable_offset(consumer: Any, tp: TP) -> int | None:  # noqa: ANN401 - Faust's consumer, behind two interfaces
    """End of a partition for a reader of committed records, as its last fetch saw it; None before one."""
    try:
        offset: int | None = consumer._thread._ensure_consumer().last_stable_offset(tp)
    except (AssertionError, IllegalStateError):  # revoked meanwhile
        return None
    return offset


class ChunkConsumer(driver.Consumer):
    """A Faust consumer whose messages are chunks and which never commits.

    Attributes:
        rewinds: where to fetch again, by partition.
    """

    def __init__(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 - Faust's
        self.rewinds: dict[TP, int] = {}
        super().__init__(*args, **options)

    def rewind(self, tp: TP, offset: int) -> None:
        """Fetches a partition from that offset on, beginning with the next fetch."""
        self.rewinds[tp] = offset

    def on_buffer_full(self, tp: TP) -> None:
        """Does nothing: Faust would leave the partition out, and sleep for a second once all are left out.

        A full buffer holds the fetcher back as it is: it waits until there is room.
        """

    def on_buffer_drop(self, tp: TP) -> None:
        """Does nothing, see `on_buffer_full`."""

    def _new_consumer_thread(self) -> ChunkConsumerThread:
        return ChunkConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Any]]:
        """Yields one message per partition; its value is the `Chunk`."""
        chunks, _ = await self._wait_next_records(timeout)
        if not chunks or self.should_stop:
            return
        generation = self.app.consumer_generation_id
        for tp, chunk in chunks.items():
            # What is dropped here is fetched again: the stage compares positions and seeks back.
            if not self.flow_active or self.app.consumer_generation_id != generation:
                return
            # Faust drops what lies before the newest offset it handed over: a chunk fetched again, too.
            self._read_offset[tp] = None
            yield tp, self._chunk_message(tp, chunk)

    def _chunk_message(self, tp: TP, chunk: Any) -> ConsumerMessage:  # noqa: ANN401 - a Chunk, typed as records by Faust
        return ConsumerMessage(
            tp.topic, tp.partition, chunk.after - 1, 0.0, 0, None, None, chunk, None, None, None, tp,
            generation_id=self.app.consumer_generation_id,
        )  # fmt: skip

    async def _commit(self, offsets: object) -> bool:
        """Does nothing: the stage's transaction commits the position."""
        del offsets
        return True


class ChunkTransport(driver.Transport):
    """Faust's aiokafka transport with the chunk consumer.

    Args:
        leaves_aside: which records no chunk needs to hold.
    """

    Consumer = ChunkConsumer

    def __init__(self, *args: Any, leaves_aside: LeavesAside, **options: Any) -> None:  # noqa: ANN401 - Faust's
        super().__init__(*args, **options)
        self.leaves_aside = leaves_aside
