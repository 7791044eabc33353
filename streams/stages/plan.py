"""Plan: situations of a planning area become one joined-up offer per household.

One task per partition of `situations.v1` owns all households of its areas. Its state is the fold of
that partition, nothing else: on start the log is run through the same pure function and the records
it gives, which were committed then, are left aside. Writes `offers.v1`, alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from processors.events import Control
from processors.offers.model import OfferRecord, OfferState, Situation, SituationMark
from processors.offers.plan import PartitionState, advance
from processors.offers.policy import ContactPolicy
from schemas.codec import Codec
from streams import topics
from streams.kafka.log import read_partition
from streams.kafka.records import RawRecord
from streams.kafka.transactions import Outgoing, Position
from streams.stages.decoding import decode_all

FOLD_BATCH = 1000

Input = Situation | SituationMark | Control
INPUTS = (Situation, SituationMark, Control)


@dataclass(frozen=True, slots=True)
class PlanContext:
    """What every plan task of a worker shares."""

    bootstrap: str
    codec: Codec
    policy: ContactPolicy


class PlanTask:
    """Planning of the areas of one partition."""

    def __init__(self, partition: int, context: PlanContext) -> None:
        self._partition = partition
        self._context = context
        self._state = PartitionState()

    def open(self, position: Position) -> None:
        """Runs the log up to the committed position through plan again."""
        if not position.offset:
            return
        batch: list[Input] = []
        for message in read_partition(self._context.bootstrap, topics.SITUATIONS, self._partition, position.offset):
            value = self._context.codec.decode(message.value())
            if isinstance(value, INPUTS):
                batch.append(value)
            if len(batch) >= FOLD_BATCH:
                self._advance(batch)
                batch = []
        self._advance(batch)

    def process(self, records: Sequence[RawRecord]) -> list[Outgoing]:
        """One chunk of raw records: what became of offers and situations."""
        inputs, unread = decode_all(self._context.codec, records, INPUTS, "plan")
        return [*map(self._offer, self._advance(inputs)), *unread]

    def tick(self, is_idle: bool) -> list[Outgoing]:
        """Nothing: plan's clock is correlate's marks."""
        del is_idle
        return []

    def note(self) -> str:
        """Nothing: the log itself holds what is needed."""
        return ""

    def close(self) -> None:
        """Nothing to let go of."""

    def _advance(self, inputs: Sequence[Input]) -> list[OfferRecord]:
        self._state, records = advance(self._context.policy, self._state, inputs)
        return records

    def _offer(self, record: OfferRecord) -> Outgoing:
        what = record.cause if record.state is OfferState.SUPPRESSED else record.offer
        key = f"{record.household}|{what}".encode()
        return Outgoing(topics.OFFERS, self._partition, key, self._context.codec.encode(record))
