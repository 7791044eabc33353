"""Leaves the records of a partition where they are while the stage asks for it.

Faust's own pause keeps a partition out of every fetch; it stays assigned, what was fetched already is
dropped, and on release the consumer is sent back to the position that was committed last. Kafka's
client holds at most one fetch of a paused partition, so neither time nor memory is spent on it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import structlog
from aiokafka.errors import KafkaError
from faust.types import TP

log = structlog.get_logger()


class Holding:
    """The partitions of one worker that are held.

    Args:
        is_held: whether the records of a topic are to stay where they are.
        consumer: the Faust application's consumer, once it has one.
        rewind: fetches a partition from an offset on.
    """

    def __init__(
        self, is_held: Callable[[str], bool], consumer: Callable[[], Any], rewind: Callable[[TP, int], None]
    ) -> None:
        self._is_held = is_held
        self._consumer = consumer
        self._rewind = rewind
        self._held: set[TP] = set()

    def __contains__(self, tp: TP) -> bool:
        """Whether the partition was held when it was looked at last."""
        return tp in self._held

    def look(self, tp: TP, position: int) -> bool:
        """Holds a partition, or lets it go on at `position`, as the stage now asks; returns whether it is held."""
        is_held = self._is_held(tp.topic)
        if is_held and tp not in self._held:
            self._consumer().pause_partitions([tp])
            self._held.add(tp)
            log.info("partition held", topic=tp.topic, partition=tp.partition, position=position)
        elif not is_held and tp in self._held:
            self._rewind(tp, position)
            self._consumer().resume_partitions([tp])
            self._held.discard(tp)
            log.info("partition goes on", topic=tp.topic, partition=tp.partition, position=position)
        return is_held

    def forget(self, tp: TP) -> None:
        """Another worker has the partition now."""
        self._held.discard(tp)

    async def end_of(self, tp: TP) -> int | None:
        """End of a held partition: what is not fetched does not tell it by itself; None: Kafka does not say."""
        with suppress(KafkaError):
            ends = await self._consumer().highwaters(tp)
            return int(ends[tp])
        return None
