"""Correlate: life events of a person become decisions of the rules, and situations for plan.

One task per partition of `life-events.v1` holds the timelines and ledgers of its persons; how it
decides is in `streams.stages.deciding`. What rules per household may look at is passed on to
`household-events.v1` in the same transaction, and so is time: `streams.stages.households` decides there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice

from processors.events import Control, LifeEvent
from processors.rules.deciding.heard import Heard
from processors.timeline import EMPTY, Timeline
from processors.transfers import Late, Step, Transfer, is_left_behind
from streams import topics
from streams.kafka.committer import Position
from streams.kafka.records import RawRecord
from streams.kafka.tail import Source
from streams.kafka.transactions import Outgoing
from streams.stages.deciding import DECIDED, DecidingContext, DecidingTask
from streams.stages.forwarding import HouseholdWriter
from streams.stages.restoring import Place
from streams.stages.task import Work
from streams.stages.traffic import AMONG_TRAFFIC, is_traffic
from streams.stages.transferring import TransferWriter

PAST_RECORDS = 20_000
"""How much of the past is passed on in one transaction, when rules per household look at new types."""


class CorrelateTask(DecidingTask):
    """Correlation of the persons of one partition."""

    def __init__(self, partition: int, context: DecidingContext, households: HouseholdWriter) -> None:
        place = Place("correlate", topics.LIFE_EVENTS, topics.DECISIONS)
        super().__init__(place, partition, context, partition, lambda _person: EMPTY)
        self._households = households
        self._transfers = TransferWriter(context.codec, context.core_partitions)
        self._scope = households.scope
        self._past: Iterator[Outgoing] | None = None
        self._is_owing = True  # before it is known
        self._passed_on = Heard()
        self._has_traffic = False

    def open(self, position: Position) -> None:
        """Restores the state; the past of types that rules per household did not look at is then passed on."""
        super().open(position)
        scope = position.note.removeprefix(DECIDED)
        left_behind = list(self._left_behind())
        self._is_owing = bool(left_behind)
        self._write()
        if self._subjects.count and scope != self._scope:
            self._scope = scope
            self._past = chain(left_behind, self._households.past(self._subjects.timelines()))
        elif left_behind:
            self._past = iter(left_behind)

    def process(self, records: Sequence[RawRecord]) -> Work:
        """A chunk of raw records, or as much of it as one transaction takes, and some of what is left of the past.

        Not only with ticks: with much traffic these find the partition at work.
        """
        self._has_traffic = self._has_traffic or is_traffic(records)
        past, work = self._from_the_past(), super().process(records)
        return Work([*past, *work.outgoing], work.taken)

    def tick(self, is_idle: bool) -> list[Outgoing]:
        """Lets the clock move, decides what became due, and passes on what is left of the past."""
        return [*self._from_the_past(), *super().tick(is_idle)]

    def committed(self, position: int, delivered: Mapping[Source, int]) -> None:
        """Writes the state now and then, as of the position just committed."""
        self._is_owing = self._is_owing and self._past is not None
        super().committed(position, delivered)

    def note(self) -> str:
        """For which types households have heard the past."""
        note = super().note()
        return note and note + self._scope

    def close(self) -> None:
        """Lets go of the past first: a walk through a store keeps it locked."""
        self._past = None
        super().close()

    def _addressed(self, value: object) -> tuple[str, LifeEvent] | None:
        if not isinstance(value, LifeEvent):
            return None
        return value.person, value

    def _heard_of(self, timeline: Timeline, line: LifeEvent) -> Iterable[Outgoing]:
        return self._households.heard(timeline, line)

    def _forwarded(self, late: Late) -> Iterable[Outgoing]:
        return self._transfers.forwarded(late)

    def _otherwise(self, record: RawRecord, value: object) -> list[Outgoing]:
        if isinstance(value, Transfer):
            return self._counted("transfer", [*self._transferred(value)])
        if isinstance(value, Control):
            return self._counted("control", [*self._context.situations.control(value), *self._word_of_another(value)])
        return super()._otherwise(record, value)

    def _transferred(self, transfer: Transfer) -> Iterable[Outgoing]:
        if transfer.step is Step.TOLD:
            self._subjects.change(transfer.into)
            decided = self._decide(transfer.into, self._subjects.of(transfer.into), None)
            return [*decided, *self._transfers.told(transfer)]
        held = self._subjects.of(transfer.person)
        if transfer.step is Step.TAKEN:
            return self._transfers.taken(held.timeline, transfer)
        held.order(transfer)
        self._subjects.change(transfer.person)
        return self._transfers.ordered(held.timeline, held.orders, transfer)

    def _word_of_another(self, control: Control) -> Iterable[Outgoing]:
        """A word said of a key that is another by now is that person's."""
        orders = (order for order in self._subjects.of(control.person).orders if order.is_of_all)
        return (out for order in orders for out in self._transfers.control(order, control))

    def _write(self) -> None:
        """State is not whole before all that was left behind is sent: it is found by folding all of the log."""
        if self._is_owing:
            self._subjects.write(None)
        else:
            super()._write()

    def _left_behind(self) -> Iterator[Outgoing]:
        """What was of no interest when it should have gone to another person, and now is: it goes after them."""
        if not self._restorer.is_from_beginning:
            return
        for name in sorted(self._restorer.ordered):
            held = self._subjects.of(name)
            for order in held.orders:
                if is_left_behind(held.timeline, held.orders, order):
                    yield from self._transfers.ordered(held.timeline, held.orders, order)
        for late in self._restorer.forwarded:
            yield from self._transfers.forwarded(late)

    def _from_the_past(self) -> list[Outgoing]:
        if self._past is None:
            return []
        outgoing = list(islice(self._past, PAST_RECORDS))
        if len(outgoing) < PAST_RECORDS:
            self._past, self._scope = None, self._households.scope
        return outgoing

    def _marks(self) -> list[Outgoing]:
        """Households hear the time only after all that was before it, the past included."""
        if self._past is not None or self._clock.heard is self._passed_on:
            return super()._marks()
        before, self._passed_on = self._passed_on, self._clock.heard
        headers, self._has_traffic = AMONG_TRAFFIC if self._has_traffic else None, False
        return [*self._households.marks(self._partition, before, self._passed_on, headers), *super()._marks()]
