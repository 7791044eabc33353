"""Intake: an agency's bytes become canonical life events of pseudonymous persons.

Contract -> canonical events -> purpose gate -> identity register -> `life-events.v1`, with marks of
time; what fails goes to `<topic>.intake.dlq` with its original bytes and the reason; every chunk
leaves a receipt. Keeps no state but from when on and up to when its source partition was heard, and how
much it brings in a day; both travel with the committed position.

Does not decide what is a duplicate (correlate does, by id) and draws no conclusion about a person.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import structlog

from processors.events import LifeEvent, Mark
from processors.identity.identifiers import fault_of_all
from processors.surge import Volume
from schemas.codec import Codec
from schemas.contract import Contract
from schemas.outcomes import Heartbeat, Mapped, MappedEvent, Rejection, RejectionReason
from schemas.reading import intake_record
from schemas.registry import Registry, RegistryUnreachable
from streams import topics
from streams.agencies.batches import HEADER, batch_of
from streams.kafka.committer import Position
from streams.kafka.records import RawRecord
from streams.kafka.transactions import Outgoing
from streams.life_events import life_event_record
from streams.logs import where
from streams.pauses import FeedOrders, pause_records
from streams.register import PersonRequest, Register, Resolved
from streams.stages.account import Reading, account_of, receipt_record
from streams.stages.braking import SurgeBrake
from streams.stages.tally import Report, Tally
from streams.stages.task import StatelessTask, Work

log = structlog.get_logger()

MARK_EVERY_S = 1.0


@dataclass(frozen=True, slots=True)
class IntakeContext:
    """What every intake task of a worker shares.

    Attributes:
        granted: event types some purpose was granted; others are withheld.
        core_partitions: partitions of the internal topics.
        source_partitions: partitions of each agency topic.
        wall: the machine's clock, ms; only to refuse dates in the future.
        orders: which feeds are held.
    """

    codec: Codec
    registry: Registry
    register: Register
    granted: frozenset[str]
    core_partitions: int
    source_partitions: int
    wall: Callable[[], int]
    orders: FeedOrders = field(default_factory=FeedOrders)


class IntakeTask(StatelessTask):
    """Intake of one partition of one agency topic."""

    def __init__(self, contract: Contract, partition: int, context: IntakeContext) -> None:
        self._contract = contract
        self._partition = partition
        self._context = context
        self._now = context.wall()
        self._heard = 0
        self._began = contract.begins_ms
        self._marked = 0
        self._last_mark = 0.0
        self._brake = SurgeBrake(contract, context.source_partitions, context.orders, context.wall)
        self._tally = Tally()

    def open(self, position: Position) -> None:
        """Takes up from when and up to when the source was heard, and how much it brings."""
        if position.note:
            heard, began, volume = position.note.split("|", 2)
            self._heard = int(heard)
            if self._began is None and began:
                self._began = int(began)
            self._brake.volume = Volume.unpack(volume)

    def process(self, records: Sequence[RawRecord]) -> Work:
        """One chunk of raw records, up to a surge: life events, dead letters, a receipt, perhaps a mark."""
        taken, pause = self._brake.take(records)
        order = [] if pause is None else pause_records(self._context.codec, pause, self._context.core_partitions)
        return Work([*self._taken_in(records[:taken]), *order], taken)

    def _taken_in(self, records: Sequence[RawRecord]) -> list[Outgoing]:
        if not records:
            return []
        self._now = self._context.wall()
        readings = [self._read(record) for record in records]
        events, withheld = self._events(records, readings)
        account = account_of(records, readings, withheld)
        account.tell(self._tally)
        receipt = account.receipt(self._contract, self._partition, len(events), self._context.wall())
        return [
            *(self._life_event(event, batch) for event, batch in events),
            *account.dead_letters(),
            receipt_record(self._context.codec, receipt),
            *self._marks_if_due(),
        ]

    def tick(self, is_idle: bool) -> list[Outgoing]:
        """The mark that was held back, once its second is over."""
        del is_idle
        return self._marks_if_due()

    def note(self) -> str:
        """Up to when the source partition was heard, and from when on, ms; then how much it brings."""
        return f"{self._heard}|{'' if self._began is None else self._began}|{self._brake.volume.pack()}"

    def report(self) -> Report:
        """What became of the records."""
        return self._tally.report()

    def close(self) -> None:
        """Nothing to let go of; the register belongs to the worker."""

    def _read(self, record: RawRecord) -> Reading:
        try:
            reading = intake_record(
                self._contract, self._context.registry, record.key, record.value, record.headers, self._now
            )
            return _refused_identity(reading) or reading
        except RegistryUnreachable:
            raise
        except Exception as error:  # noqa: BLE001 - a fault of ours must not stop the neighbours
            log.error(
                "intake fault", topic=record.topic, offset=record.offset, error=type(error).__name__, where=where(error)
            )
            return Rejection(RejectionReason.UNMAPPABLE, f"fault of the platform: {type(error).__name__}")

    def _events(
        self, records: Sequence[RawRecord], readings: Sequence[Reading]
    ) -> tuple[list[tuple[LifeEvent, bytes | None]], int]:
        """Life events in order of arrival, each with its batch, and how many records were withheld whole."""
        drafts: list[tuple[MappedEvent, RawRecord, int]] = []
        requests: list[PersonRequest] = []
        withheld = 0
        for record, reading in zip(records, readings, strict=True):
            if isinstance(reading, Heartbeat):
                self._hear(reading.up_to)
            elif isinstance(reading, Mapped):
                granted = [event for event in reading.events if event.type in self._context.granted]
                withheld += bool(reading.events) and not granted
                drafts += [(event, record, self._heard) for event in granted]
                requests += _person_requests(granted, len(requests))
                if reading.events:  # all recorded at the same moment, as the record was
                    self._hear(reading.events[0].recorded_at)
        resolved = self._context.register.resolve(requests) if requests else []
        events = [
            (self._canonical(event, record.offset, heard, person), batch_of(record.headers))
            for (event, record, heard), person in zip(drafts, resolved, strict=True)
        ]
        return events, withheld

    def _hear(self, moment: int) -> None:
        """The source was heard up to then, but never beyond now: clocks of agencies run ahead."""
        if moment > self._heard:
            self._heard = max(self._heard, min(moment, self._now))
        if self._began is None:
            self._began = self._heard

    def _canonical(self, event: MappedEvent, offset: int, heard: int, who: Resolved) -> LifeEvent:
        return LifeEvent(
            id=event.id,
            type=event.type,
            person=who.person,
            household=who.household,
            area=who.area,
            agency=self._contract.agency,
            feed=self._contract.feed,
            occurred_at=event.occurred_at,
            recorded_at=event.recorded_at,
            arrival=offset * self._context.source_partitions + self._partition,
            heard=heard,
            change=event.change,
            replaces=event.replaces,
            ended_at=event.ended_at,
            attributes=event.attributes,
        )

    def _life_event(self, event: LifeEvent, batch: bytes | None) -> Outgoing:
        batched = () if batch is None else ((HEADER, batch),)
        return life_event_record(self._context.codec, event, self._context.core_partitions, batched)

    def _marks_if_due(self) -> list[Outgoing]:
        if self._heard == self._marked or time.monotonic() - self._last_mark < MARK_EVERY_S:
            return []
        self._marked, self._last_mark = self._heard, time.monotonic()
        mark = Mark(self._contract.feed, self._partition, self._context.source_partitions, self._heard, self._began)
        key = f"mark|{mark.feed}|{mark.partition}".encode()
        value = self._context.codec.encode(mark)
        return [Outgoing(topics.LIFE_EVENTS, p, key, value) for p in range(self._context.core_partitions)]


def _person_requests(events: Sequence[MappedEvent], first: int) -> list[PersonRequest]:
    """Who the persons of one record's events are asked for as; `first` is the index of the first request."""
    roles: dict[str | None, int] = {event.role: number for number, event in enumerate(events, first)}
    return [PersonRequest(event.person_ids, event.occurred_at, roles.get(event.joins_household_of)) for event in events]


def _refused_identity(reading: Reading) -> Rejection | None:
    """The rejection of a record with a person none of whose ids can be used."""
    for event in reading.events if isinstance(reading, Mapped) else ():
        fault = fault_of_all(event.person_ids)
        if fault is not None:
            return Rejection(RejectionReason.MISSING_PERSON, f"{event.role}: {fault}")
    return None
