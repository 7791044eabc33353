"""Plan: situations of a planning area become one joined-up offer per household.

One task per partition of `situations.v1` owns all households of its areas. Its state is the fold of
that partition, nothing else: on start the log is run through the same pure function and the records
it gives, which were committed then, are left aside. Writes `offers.v1`, alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from processors.events import Control
from processors.offers.actions import OfferAction
from processors.offers.model import OfferRecord, OfferState, Situation, SituationMark
from processors.offers.plan import PartitionState, advance
from processors.offers.policy import ContactPolicy
from processors.pauses import Pause
from schemas.codec import Codec
from streams import topics
from streams.kafka.log import read_partition
from streams.kafka.records import RawRecord
from streams.kafka.transactions import Outgoing, Position
from streams.stages.decoding import decode_all
from streams.stages.tally import Report, Tally

FOLD_BATCH = 1000

Input = Situation | SituationMark | Control | ContactPolicy | OfferAction | Pause
KINDS: dict[type[Input], str] = {
    Situation: "situation",
    SituationMark: "mark",
    Control: "control",
    ContactPolicy: "policy",
    OfferAction: "action",
    Pause: "pause",
}
"""What plan takes, and what each counts as."""
INPUTS = tuple(KINDS)


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
        self._policy = context.policy
        self._is_policy_told = False
        self._tally = Tally()

    def open(self, position: Position) -> None:
        """Runs the log up to the committed position through plan again."""
        self._policy = self._first_policy(position)
        self._fold(position)
        self._is_policy_told = self._state.policy == self._context.policy

    def process(self, records: Sequence[RawRecord]) -> list[Outgoing]:
        """One chunk of raw records: what became of offers and situations."""
        inputs, unread = decode_all(self._context.codec, records, INPUTS, "plan")
        self._tally.results.update(map(_kind, inputs))
        self._tally.results["unread"] += len(unread)
        self._tally.set_aside(unread)
        return [*self._policy_news(), *map(self._offer, self._advance(inputs)), *unread]

    def tick(self, is_idle: bool) -> list[Outgoing]:
        """The contact limits, when they are news; plan's clock is correlate's marks."""
        del is_idle
        return self._policy_news()

    def note(self) -> str:
        """Nothing: the log itself holds what is needed."""
        return ""

    def report(self) -> Report:
        """What became of the records, how many situations wait and for what, and plan's clock."""
        told = self._tally.report(self._state.held, self._state.clock or 0)
        return replace(told, waiting=self._state.waiting)

    def close(self) -> None:
        """Nothing to let go of."""

    def _first_policy(self, position: Position) -> ContactPolicy:
        """What stands before the first policy on the log was planned under it: the first transaction told it."""
        context = self._context
        for message in read_partition(context.bootstrap, topics.SITUATIONS, self._partition, position.offset):
            value = context.codec.decode(message.value())
            if isinstance(value, ContactPolicy):
                return value
        return context.policy

    def _fold(self, position: Position) -> None:
        batch: list[Input] = []
        for message in read_partition(self._context.bootstrap, topics.SITUATIONS, self._partition, position.offset):
            value = self._context.codec.decode(message.value())
            if isinstance(value, INPUTS):
                batch.append(value)
            if len(batch) >= FOLD_BATCH:
                self._advance(batch)
                batch = []
        self._advance(batch)

    def _policy_news(self) -> list[Outgoing]:
        """Puts changed limits on the own input: they hold from there on, now and in every later fold."""
        if self._is_policy_told:
            return []
        self._is_policy_told = True
        value = self._context.codec.encode(self._context.policy)
        return [Outgoing(topics.SITUATIONS, self._partition, b"policy", value)]

    def _advance(self, inputs: Sequence[Input]) -> list[OfferRecord]:
        self._state, records = advance(self._policy, self._state, inputs)
        return records

    def _offer(self, record: OfferRecord) -> Outgoing:
        what = record.cause if record.state is OfferState.SUPPRESSED else record.offer
        key = f"{record.household}|{what}".encode()
        return Outgoing(topics.OFFERS, self._partition, key, self._context.codec.encode(record))


def _kind(value: Input) -> str:
    return KINDS[type(value)]
