"""Correlate: life events of a person become decisions of the rules, and situations for plan.

One task per partition of `life-events.v1` holds the timelines and ledgers of its persons. Each line
is put on the timeline and decided at once; deadlines are decided when the clock passes them. The
clock is data (`HEADWATER_CLOCK`): under `feeds` the smallest mark of all feeds, under `wall` the
append time of the log while there is work and the machine's clock when there is none.

State is a fold of `life-events.v1` (timelines) and of the task's own partition of `decisions.v1`
(ledgers); it is rebuilt from them on start. Never delays: the hold before contact is plan's.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import structlog

from processors.decisions import Decision, DecisionKind
from processors.events import Control, LifeEvent, Mark
from processors.rules.decide import decide, judge_late
from processors.rules.ledger import EMPTY, Ledger, fold
from processors.rules.ruleset import RuleSet
from processors.timeline import Applied, Timeline, apply
from schemas.codec import Codec, Unread, Unreadable
from streams import topics
from streams.errors import UserError
from streams.kafka.log import read_partition
from streams.kafka.records import RawRecord
from streams.kafka.transactions import Outgoing, Position
from streams.logs import where
from streams.stages.clock import MarkedClock
from streams.stages.dead_letters import dead_letter
from streams.stages.decoding import unreadable
from streams.stages.situations import SituationWriter
from streams.stages.tally import Report, Tally

log = structlog.get_logger()


@dataclass(slots=True)
class Subject:
    """What is held of one person."""

    timeline: Timeline
    ledger: Ledger
    wake_at: int | None = None


@dataclass(frozen=True, slots=True)
class CorrelateContext:
    """What every correlate task of a worker shares."""

    bootstrap: str
    codec: Codec
    rules: RuleSet
    feeds: frozenset[str]
    is_wall: bool
    situations: SituationWriter
    core_partitions: int


class CorrelateTask:
    """Correlation of the persons of one partition."""

    def __init__(self, partition: int, context: CorrelateContext) -> None:
        self._partition = partition
        self._context = context
        self._subjects: dict[str, Subject] = {}
        self._due: list[tuple[int, str]] = []
        self._clock = MarkedClock(context.feeds, is_wall=context.is_wall)
        self._marked = 0
        self._tally = Tally()

    def open(self, position: Position) -> None:
        """Folds timelines up to the committed position, ledgers to the end of the own decisions."""
        context = self._context
        if position.offset:
            for message in read_partition(context.bootstrap, topics.LIFE_EVENTS, self._partition, position.offset):
                self._fold_line(context.codec.decode(message.value()), message.timestamp()[1])
        for message in read_partition(context.bootstrap, topics.DECISIONS, self._partition):
            decision = context.codec.decode(message.value())
            if isinstance(decision, Decision):
                subject = self._subject(decision.person)
                subject.ledger = fold(subject.ledger, decision)
                if position.is_first:
                    raise _lost_position(self._partition)
        for person, subject in self._subjects.items():
            try:
                outcome = decide(context.rules, subject.timeline, subject.ledger, self._clock.heard, self._clock.now)
            except Exception as error:  # noqa: BLE001 - one person's fault must not stop the neighbours
                self._fault(person, error)
                continue
            # Decisions found here, if any, are due to time that passed or to new rules; they are
            # told by the first tick, inside a transaction.
            self._wake(person, subject, self._clock.now if outcome.decisions else outcome.wake_at)

    def process(self, records: Sequence[RawRecord]) -> list[Outgoing]:
        """One chunk of raw records: decisions, situations, the own mark."""
        outgoing: list[Outgoing] = []
        for record in records:
            try:
                outgoing += self._line(record)
            except Exception as error:  # noqa: BLE001 - one record's fault must not stop the neighbours
                log.error("correlate fault", offset=record.offset, error=type(error).__name__, where=where(error))
                outgoing += self._unread(dead_letter(record, "correlate", "fault", type(error).__name__))
        return [*outgoing, *self._mark()]

    def tick(self, is_idle: bool) -> list[Outgoing]:
        """Lets the clock move and decides what became due."""
        if is_idle:
            self._clock.idle()
        return [*self._fire(), *self._mark()]

    def note(self) -> str:
        """Nothing: the log itself holds what is needed."""
        return ""

    def report(self) -> Report:
        """What became of the records, how many persons are held, and up to when feeds were heard."""
        return self._tally.report(len(self._subjects), self._clock.now, self._clock.heard.feeds)

    def close(self) -> None:
        """Nothing to let go of."""

    def _line(self, record: RawRecord) -> list[Outgoing]:
        value = self._context.codec.decode(record.value)
        self._clock.append(record.timestamp)
        match value:
            case LifeEvent():
                return self._event(value)
            case Mark():
                self._clock.mark(value)
                return self._counted("mark", self._fire())
            case Control():
                return self._counted("control", self._context.situations.control(value))
            case Unreadable(Unread.TOMBSTONE):
                return []
            case _:
                return self._unread(unreadable(record, "correlate", value))

    def _event(self, event: LifeEvent) -> list[Outgoing]:
        subject = self._subject(event.person)
        late = judge_late(self._context.rules, subject.timeline, event)
        timeline, applied = apply(subject.timeline, event)
        if applied in (Applied.DUPLICATE, Applied.CONFLICTING):
            return self._counted(applied, [])
        subject.timeline = timeline
        outgoing = [out for decision in late for out in self._told(decision, event.recorded_at)]
        return self._counted("applied", [*outgoing, *self._decide(event.person, subject, event.recorded_at)])

    def _counted(self, result: str, outgoing: list[Outgoing]) -> list[Outgoing]:
        """Counts a record once its work is done: one that fails half-way is `unread` and nothing else."""
        self._tally.results[result] += 1
        return outgoing

    def _unread(self, letter: Outgoing) -> list[Outgoing]:
        self._tally.set_aside([letter])
        return self._counted("unread", [letter])

    def _fire(self) -> list[Outgoing]:
        """Decides for everyone whose time has come, earliest first."""
        outgoing: list[Outgoing] = []
        waiting: list[tuple[int, str]] = []
        while self._due and self._due[0][0] <= self._clock.now:
            wake_at, person = heapq.heappop(self._due)
            subject = self._subjects[person]
            if subject.wake_at != wake_at:
                continue
            try:
                outgoing += self._decide(person, subject, 0, waiting)
            except Exception as error:  # noqa: BLE001 - one person's fault must not stop the neighbours
                self._fault(person, error)
        for entry in waiting:
            heapq.heappush(self._due, entry)
        return outgoing

    def _decide(
        self, person: str, subject: Subject, known_at: int, waiting: list[tuple[int, str]] | None = None
    ) -> list[Outgoing]:
        rules, clock = self._context.rules, self._clock
        outcome = decide(rules, subject.timeline, subject.ledger, clock.heard, clock.now)
        subject.ledger = outcome.ledger
        outgoing = [out for decision in outcome.decisions for out in self._told(decision, known_at)]
        if waiting is not None and outcome.wake_at is not None and outcome.wake_at <= clock.now:
            # A feed that could contradict is silent: look again when it was heard.
            subject.wake_at = outcome.wake_at
            waiting.append((outcome.wake_at, person))
        else:
            self._wake(person, subject, outcome.wake_at)
        return outgoing

    def _told(self, decision: Decision, known_at: int) -> list[Outgoing]:
        """A decision on the ledger and, unless it is for review, its situation for plan.

        `known_at` is when the line was recorded that made it so (0: time alone did). The timeline may
        hold events of faster feeds that were recorded long after it; they did not make it so.
        """
        if decision.kind is DecisionKind.WITHDRAWN and known_at:
            told = replace(decision, known_at=known_at)
        else:
            told = replace(decision, known_at=max(decision.known_at, known_at))
        ledger_line = Outgoing(
            topics.DECISIONS,
            self._partition,
            f"{told.person}|{told.match}|{told.event or ''}".encode(),
            self._context.codec.encode(told),
        )
        if told.kind is DecisionKind.LATE:
            return [ledger_line]
        return [ledger_line, self._context.situations.situation(told)]

    def _mark(self) -> Iterable[Outgoing]:
        if self._clock.now <= self._marked:
            return ()
        self._marked = self._clock.now
        return self._context.situations.marks(self._partition, self._context.core_partitions, self._marked)

    def _fault(self, person: str, error: Exception) -> None:
        """A fault of ours in deciding for one person; they are decided again with their next event."""
        log.error("correlate fault", person=person, error=type(error).__name__, where=where(error))

    def _fold_line(self, value: object, appended: int) -> None:
        self._clock.append(appended)
        if isinstance(value, LifeEvent):
            subject = self._subject(value.person)
            subject.timeline, _ = apply(subject.timeline, value)
        elif isinstance(value, Mark):
            self._clock.mark(value)

    def _subject(self, person: str) -> Subject:
        subject = self._subjects.get(person)
        if subject is None:
            subject = self._subjects[person] = Subject(Timeline(), EMPTY)
        return subject

    def _wake(self, person: str, subject: Subject, wake_at: int | None) -> None:
        if wake_at is not None and wake_at != subject.wake_at:
            heapq.heappush(self._due, (wake_at, person))
        subject.wake_at = wake_at


def _lost_position(partition: int) -> UserError:
    return UserError(
        f"{topics.DECISIONS}/{partition} holds decisions, but the group headwater-correlate has no committed position",
        "it expired (offsets.retention.minutes) or was deleted: set the group's offsets to the end of "
        f"{topics.LIFE_EVENTS} as they were, then start again; beginning anew would tell everything twice",
    )
