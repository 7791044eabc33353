"""What correlate writes when facts of one person belong to another (`processors.transfers`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from processors.events import ChangeKind, Control, LifeEvent
from processors.identity.households import household_at
from processors.timeline import Timeline
from processors.transfers import Late, Step, Transfer, annulment_of, annulments, lines_to_tell, told_anew
from schemas.codec import Codec
from streams.controls import control_records
from streams.kafka.transactions import Outgoing
from streams.life_events import TOLD_ANEW, life_event_record, transfer_record


@dataclass(frozen=True)
class TransferWriter:
    """Makes records for `life-events.v1`, in so many partitions."""

    codec: Codec
    partitions: int

    def ordered(self, timeline: Timeline, orders: Sequence[Transfer], order: Transfer) -> Iterator[Outgoing]:
        """Everything the old key knows of the facts, under the new one, and then that this was all."""
        lines, roots = lines_to_tell(timeline, orders, order)
        yield from map(self._told_anew, lines)
        yield self._transfer(replace(order, step=Step.TOLD, events=roots))

    def told(self, told: Transfer) -> Iterator[Outgoing]:
        """The new key's answer."""
        yield self._transfer(replace(told, step=Step.TAKEN))

    def taken(self, timeline: Timeline, taken: Transfer) -> Iterator[Outgoing]:
        """The end of the facts under the old key."""
        yield from map(self._line, annulments(timeline, taken))

    def forwarded(self, late: Late) -> Iterator[Outgoing]:
        """What was told of the old key by somebody who had not heard of the order."""
        for line in late.lines:
            yield self._told_anew(told_anew(line, late.order))
            if line.change is ChangeKind.CREATED:
                yield self._line(annulment_of(line, late.order.at))
        yield self._transfer(replace(late.order, step=Step.TOLD, events=()))

    def control(self, order: Transfer, control: Control) -> list[Outgoing]:
        """The same word of the person it is about."""
        home = household_at(order.homes, control.at)
        household, area = (control.household, control.area) if home is None else (home.household, home.area)
        said = replace(control, person=order.into, household=household, area=area)
        return control_records(self.codec, said, self.partitions)

    def _told_anew(self, line: LifeEvent) -> Outgoing:
        return life_event_record(self.codec, line, self.partitions, TOLD_ANEW)

    def _line(self, line: LifeEvent) -> Outgoing:
        return life_event_record(self.codec, line, self.partitions)

    def _transfer(self, transfer: Transfer) -> Outgoing:
        return transfer_record(self.codec, transfer, self.partitions)
