"""Leaves the records of a partition where they are while the stage asks for it.

Faust's own pause keeps a partition out of every fetch; it stays assigned, what was fetched already is
dropped, and on release the consumer is sent back to the position up to which it was worked on. Kafka's
client holds at most one fetch of a paused partition, so neither time nor memory is spent on it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import structlog
from aiokafka.errors import KafkaError
from faust.types import TP

from processors.pauses import Pause
from streams.stages.gauges import StageGauges

log = structlog.get_logger()


class Holding:
    """The partitions of one worker that are held.

    Args:
        held_by: the order by which the records of a topic are to stay where they are.
        consumer: the Faust application's consumer, once it has one.
        rewind: fetches a partition from an offset on.
        gauges: show what is held.
    """

    def __init__(
        self,
        held_by: Callable[[str], Pause | None],
        consumer: Callable[[], Any],
        rewind: Callable[[TP, int], None],
        gauges: StageGauges,
    ) -> None:
        self._held_by = held_by
        self._gauges = gauges
        self._consumer = consumer
        self._rewind = rewind
        self._held: dict[TP, Pause] = {}

    def look(self, tp: TP, position: int) -> bool:
        """Holds a partition, or lets it go on at `position`, as the stage now asks; returns whether it is held."""
        order = self._held_by(tp.topic)
        if order is not None and tp not in self._held:
            self._consumer().pause_partitions([tp])
            self._held[tp] = order
            self._gauges.holds(tp.topic, order)
            log.info("partition held", topic=tp.topic, partition=tp.partition, position=position)
        elif order is None and tp in self._held:
            self._rewind(tp, position)
            self._consumer().resume_partitions([tp])
            self.forget(tp)
            log.info("partition goes on", topic=tp.topic, partition=tp.partition, position=position)
        return order is not None

    def is_held(self, tp: TP) -> bool:
        """Whether the partition was held when it was last looked at; may be asked by another thread."""
        return tp in self._held

    def forget(self, tp: TP) -> None:
        """Says no more that the partition is held: it goes on, or is another worker's now."""
        order = self._held.pop(tp, None)
        if order is not None and all(other.topic != tp.topic for other in self._held):
            self._gauges.holds_no_more(tp.topic, order)

    async def end_of(self, tp: TP) -> int | None:
        """End of a held partition: what is not fetched does not tell it by itself; None: Kafka does not say."""
        with suppress(KafkaError):
            ends = await self._consumer().highwaters(tp)
            return int(ends[tp])
        return None
