"""Decides for the subjects of one partition: what correlate (persons) and households have in common.

Each line is put on its subject's timeline and decided at once; deadlines are decided when the clock
passes them. The clock is data (`HEADWATER_CLOCK`): under `feeds` the smallest mark of all feeds, under
`wall` the append time of the log while there is work and the machine's clock when there is none.

State is a fold of the input (timelines) and of the task's own partition of its ledger topic, which
nobody else writes: a ledger is read to its end, and another writer's open transaction would hide it.
Never delays: the hold before contact is plan's.
"""

from __future__ import annotations

import heapq
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import structlog

from processors.decisions import Decision, DecisionKind
from processors.events import LifeEvent, Mark
from processors.rules.deciding.decide import Agenda, decide
from processors.rules.deciding.late import judge_late
from processors.rules.ledger import EMPTY, Ledger, fold
from processors.rules.ruleset import RuleSet
from processors.timeline import Applied, Timeline, apply
from schemas.codec import Codec, Unread, Unreadable
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

SITUATIONS_OF = (DecisionKind.MATCHED, DecisionKind.WITHDRAWN)
"""The decisions plan acts on; the others are for people to look at."""


@dataclass(slots=True)
class Held:
    """What is held of one subject.

    Attributes:
        agenda: of the last decision; None: look at every rule.
    """

    timeline: Timeline
    ledger: Ledger = EMPTY
    wake_at: int | None = None
    agenda: Agenda | None = None


@dataclass(frozen=True, slots=True)
class DecidingContext:
    """What every task of a worker shares.

    Attributes:
        rules: those that read the timelines of this stage's subjects.
        core_partitions: partitions of the internal topics.
    """

    bootstrap: str
    codec: Codec
    rules: RuleSet
    feeds: frozenset[str]
    is_wall: bool
    situations: SituationWriter
    core_partitions: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where a stage stands: its name, what it reads, and the ledger that is its alone."""

    stage: str
    source: str
    ledger: str


class DecidingTask(ABC):
    """Decisions for the subjects of one partition.

    Args:
        partition: of the input, and of the ledger.
        mark_source: as what its clock is marked for plan.
        empty: the timeline of a subject nothing was heard of, by its name.
    """

    def __init__(
        self, place: Place, partition: int, context: DecidingContext, mark_source: int, empty: Callable[[str], Timeline]
    ) -> None:
        self._place = place
        self._partition = partition
        self._context = context
        self._mark_source = mark_source
        self._empty = empty
        self._held: dict[str, Held] = {}
        self._due: list[tuple[int, str]] = []
        self._clock = MarkedClock(context.feeds, is_wall=context.is_wall)
        self._marked = 0
        self._tally = Tally()

    @abstractmethod
    def _addressed(self, value: object) -> tuple[str, LifeEvent] | None:
        """On whose timeline a value belongs, and the line; None: it is no line."""

    def _heard_of(self, timeline: Timeline, line: LifeEvent) -> Iterable[Outgoing]:
        """What others must hear of a line that was put on a timeline."""
        del timeline, line
        return ()

    def _otherwise(self, record: RawRecord, value: object) -> list[Outgoing]:
        """What a record gives that is neither a line nor a mark."""
        return self._unread(unreadable(record, self._place.stage, value))

    def open(self, position: Position) -> None:
        """Folds timelines up to the committed position, ledgers to the end of the own decisions."""
        if position.offset:
            for value, appended in self._read(self._place.source, position.offset):
                self._fold_line(value, appended)
        for decision, _ in self._read(self._place.ledger):
            if isinstance(decision, Decision):
                if position.is_first:
                    raise _lost_position(self._place, self._partition)
                held = self._of(decision.household if decision.is_household else decision.person)
                held.ledger = fold(held.ledger, decision)
        self._wake_all()

    def process(self, records: Sequence[RawRecord]) -> list[Outgoing]:
        """One chunk of raw records: decisions, situations, the own mark."""
        stage, outgoing = self._place.stage, list[Outgoing]()
        for record in records:
            try:
                outgoing += self._line(record)
            except Exception as error:  # noqa: BLE001 - one record's fault must not stop the neighbours
                log.error(f"{stage} fault", offset=record.offset, error=type(error).__name__, where=where(error))
                outgoing += self._unread(dead_letter(record, stage, "fault", type(error).__name__))
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
        """What became of the records, how many subjects are held, and up to when feeds were heard."""
        return self._tally.report(len(self._held), self._clock.now, self._clock.heard.feeds)

    def close(self) -> None:  # noqa: B027 - there is nothing a kind of subject would add
        """Nothing to let go of."""

    def _line(self, record: RawRecord) -> list[Outgoing]:
        value = self._context.codec.decode(record.value)
        self._clock.append(record.timestamp)
        if isinstance(value, Mark):
            self._clock.mark(value)
            return self._counted("mark", self._fire())
        if value == Unreadable(Unread.TOMBSTONE):
            return []
        addressed = self._addressed(value)
        return self._otherwise(record, value) if addressed is None else self._event(*addressed)

    def _event(self, name: str, line: LifeEvent) -> list[Outgoing]:
        held = self._of(name)
        late = judge_late(self._context.rules, held.timeline, line)
        timeline, applied = apply(held.timeline, line)
        passed_on = [*self._heard_of(timeline, line)]
        if applied in (Applied.DUPLICATE, Applied.CONFLICTING):
            return self._counted(applied, passed_on)
        held.timeline = timeline
        told = [out for decision in late for out in self._told(decision, line.recorded_at)]
        return self._counted("applied", [*passed_on, *told, *self._decide(name, held, line)])

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
            wake_at, name = heapq.heappop(self._due)
            held = self._held[name]
            if held.wake_at != wake_at:
                continue
            try:
                outgoing += self._decide(name, held, None, waiting)
            except Exception as error:  # noqa: BLE001 - one subject's fault must not stop the neighbours
                self._fault(name, error)
        for entry in waiting:
            heapq.heappush(self._due, entry)
        return outgoing

    def _decide(
        self, name: str, held: Held, news: LifeEvent | None, waiting: list[tuple[int, str]] | None = None
    ) -> list[Outgoing]:
        clock, agenda = self._clock, held.agenda
        held.agenda = None  # until this has gone well
        outcome = decide(self._context.rules, held.timeline, held.ledger, clock.heard, clock.now, agenda, news)
        held.ledger, held.agenda = outcome.ledger, outcome.agenda
        known_at = news.recorded_at if news is not None else 0
        outgoing = [out for decision in outcome.decisions for out in self._told(decision, known_at)]
        if waiting is not None and outcome.wake_at is not None and outcome.wake_at <= clock.now:
            # A feed that could contradict is silent: look again when it was heard.
            held.wake_at = outcome.wake_at
            waiting.append((outcome.wake_at, name))
        else:
            self._wake(name, held, outcome.wake_at)
        return outgoing

    def _told(self, decision: Decision, known_at: int) -> list[Outgoing]:
        """A decision on the ledger and, unless it is for people to look at, its situation for plan.

        `known_at` is when the line was recorded that made it so (0: time alone did). The timeline may
        hold events of faster feeds that were recorded long after it; they did not make it so.
        """
        if decision.kind is DecisionKind.WITHDRAWN and known_at:
            told = replace(decision, known_at=known_at)
        else:
            told = replace(decision, known_at=max(decision.known_at, known_at))
        subject = told.household if told.is_household else told.person
        key = f"{subject}|{told.match}|{told.event or ''}".encode()
        ledger_line = Outgoing(self._place.ledger, self._partition, key, self._context.codec.encode(told))
        if told.kind not in SITUATIONS_OF:
            return [ledger_line]
        return [ledger_line, self._context.situations.situation(told)]

    def _mark(self) -> list[Outgoing]:
        if self._clock.now <= self._marked:
            return []
        self._marked = self._clock.now
        return self._context.situations.marks(self._mark_source, self._marked)

    def _fault(self, name: str, error: Exception) -> None:
        """A fault of ours in deciding for one subject; they are decided again with their next line."""
        log.error(f"{self._place.stage} fault", subject=name, error=type(error).__name__, where=where(error))

    def _read(self, topic: str, until: int | None = None) -> Iterator[tuple[object, int]]:
        """Values of the own partition of a topic, and when they were appended, ms."""
        for message in read_partition(self._context.bootstrap, topic, self._partition, until):
            yield self._context.codec.decode(message.value()), message.timestamp()[1]

    def _fold_line(self, value: object, appended: int) -> None:
        self._clock.append(appended)
        if isinstance(value, Mark):
            self._clock.mark(value)
        elif (addressed := self._addressed(value)) is not None:
            name, line = addressed
            held = self._of(name)
            held.timeline, _ = apply(held.timeline, line)

    def _wake_all(self) -> None:
        """Finds out when to look at each subject.

        Decisions found here, if any, are due to time that passed or to new rules; they are told by
        the first tick, inside a transaction.
        """
        for name, held in self._held.items():
            try:
                outcome = decide(self._context.rules, held.timeline, held.ledger, self._clock.heard, self._clock.now)
            except Exception as error:  # noqa: BLE001 - one subject's fault must not stop the neighbours
                self._fault(name, error)
                continue
            self._wake(name, held, self._clock.now if outcome.decisions else outcome.wake_at)

    def _of(self, name: str) -> Held:
        held = self._held.get(name)
        if held is None:
            held = self._held[name] = Held(self._empty(name))
        return held

    def _wake(self, name: str, held: Held, wake_at: int | None) -> None:
        if wake_at is not None and wake_at != held.wake_at:
            heapq.heappush(self._due, (wake_at, name))
        held.wake_at = wake_at


def _lost_position(place: Place, partition: int) -> UserError:
    return UserError(
        f"{place.ledger}/{partition} holds decisions, but the group headwater-{place.stage} has no committed position",
        "it expired (offsets.retention.minutes) or was deleted: set the group's offsets to the end of "
        f"{place.source} as they were, then start again; beginning anew would tell everything twice",
    )
