"""Decides for the subjects of one partition: what correlate (persons) and households have in common.

Each line is put on its subject's timeline and decided at once; deadlines are decided when the clock
passes them, earliest first. The clock is data (`HEADWATER_CLOCK`): under `feeds` the smallest mark of
all feeds, under `wall` the append time of the log while there is work and the machine's clock when
there is none.

State is a fold of the input (timelines) and of the task's own partition of its ledger topic, which
nobody else writes: a ledger is read to its end, and another writer's open transaction would hide it.
A store keeps it (`streams.state`), written after the commit it belongs to; `streams.stages.restoring`
brings it to the committed position. Never delays: the hold before contact is plan's.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import structlog

from processors.decisions import Decision, DecisionKind
from processors.events import LifeEvent, Mark
from processors.rules.deciding.decide import decide
from processors.rules.deciding.late import judge_late
from processors.rules.ruleset import RuleSet
from processors.timeline import Applied, Timeline, apply, erase
from processors.transfers import Late, is_by_transfer
from schemas.codec import Codec, Unread, Unreadable
from streams.kafka.committer import Position
from streams.kafka.records import RawRecord
from streams.kafka.tail import Source
from streams.kafka.transactions import Headers, Outgoing
from streams.life_events import is_skipped, is_told_anew
from streams.logs import where
from streams.stages.clock import MarkedClock
from streams.stages.dead_letters import dead_letter
from streams.stages.decoding import unreadable
from streams.stages.restoring import Basis, Place, Restorer, erased
from streams.stages.silence import Silence
from streams.stages.situations import SituationWriter
from streams.stages.tally import Report, Tally
from streams.stages.task import MOST_SENT, Work
from streams.state import store as stores
from streams.state.held import Held
from streams.state.store import Store
from streams.state.subjects import MOST_IN_MEMORY, Subjects

log = structlog.get_logger()

SITUATIONS_OF = (DecisionKind.MATCHED, DecisionKind.WITHDRAWN)
"""The decisions plan acts on; the others are for people to look at."""
DECIDED = "decided|"
"""Begins the note of every position a deciding stage commits."""
MOST_LOOKS = 5_000
"""Subjects looked at because their time has come, in one transaction."""
MARK_EVERY_S = 0.04
"""Time is told to others at most so often: with every tick while there is traffic, not with every chunk under load."""
WRITE_CHANGES = 10_000
WRITE_S = 5.0
"""State is written when so many subjects were changed, or so long after the last time."""


@dataclass(frozen=True, slots=True)
class DecidingContext:
    """What every task of a worker shares.

    Attributes:
        rules: those that read the timelines of this stage's subjects.
        basis: what tells these rules from others, and which types of events are left aside.
        core_partitions: partitions of the internal topics.
        store: makes the store of a topic's partition.
    """

    bootstrap: str
    codec: Codec
    rules: RuleSet
    basis: Basis
    feeds: frozenset[str]
    is_wall: bool
    situations: SituationWriter
    core_partitions: int
    store: Callable[[str, int], Store]


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
        most = MOST_IN_MEMORY // context.core_partitions
        self._subjects = Subjects(context.store(place.source, partition), empty, most)
        self._clock = MarkedClock(context.feeds, is_wall=context.is_wall)
        self._silence = Silence()
        self._marked = 0
        self._marked_at = 0.0
        self._tally = Tally()
        self._basis = context.basis
        self._position = 0
        self._written = time.monotonic()
        self._restorer = Restorer(
            context.bootstrap, context.codec, place, partition, self._subjects, self._clock, context.basis,
            self._addressed, self._look,
        )  # fmt: skip

    @abstractmethod
    def _addressed(self, value: object) -> tuple[str, LifeEvent] | None:
        """On whose timeline a value belongs, and the line; None: it is no line."""

    def _forwarded(self, late: Late) -> Iterable[Outgoing]:
        """What belongs to another subject by now."""
        del late
        return ()

    def _heard_of(self, timeline: Timeline, line: LifeEvent) -> Iterable[Outgoing]:
        """What others must hear of a line that was put on a timeline."""
        del timeline, line
        return ()

    def _otherwise(self, record: RawRecord, value: object) -> list[Outgoing]:
        """What a record gives that is neither a line nor a mark."""
        return self._unread(unreadable(record, self._place.stage, value))

    @property
    def restored(self) -> float:
        """How much of the state `open` has made, 0 to 1."""
        return self._restorer.share

    def open(self, position: Position) -> None:
        """Brings the state to the committed position, ledgers to the end of the own decisions."""
        self._basis = self._restorer.run(position)
        self._position = position.offset
        self._write()

    def process(self, records: Sequence[RawRecord]) -> Work:
        """A chunk of raw records, or as much of it as one transaction takes: decisions, situations, the own mark."""
        outgoing, is_behind = self._fire(), self.is_behind
        for taken, record in enumerate(records):
            if is_behind or len(outgoing) >= MOST_SENT:
                return Work(outgoing, taken)
            self._clock.append(record.timestamp)
            if is_skipped(record.headers, self._basis.skipped):
                self._tally.results["applied"] += 1
            else:
                outgoing += self._record(record)
            if self._subjects.is_due(self._clock.now):
                outgoing += self._fire()
                is_behind = self.is_behind
        return Work([*outgoing, *self._mark()], len(records))

    def tick(self, is_idle: bool) -> list[Outgoing]:
        """Lets the clock move and decides what became due, as much as one transaction takes."""
        if is_idle:
            self._clock.idle()
        return [*self._fire(), *self._mark()]

    @property
    def is_behind(self) -> bool:
        """Whether anybody's time has come who was not looked at yet."""
        return self._subjects.is_due(self._clock.now)

    def note(self) -> str:
        """Says that the position was committed by this stage: one set by hand has no note.

        Nor has one on the way back to what was folded already: a start from there must fold all of it again.
        """
        return DECIDED if self._position >= self._restorer.again_until else ""

    def committed(self, position: int, delivered: Mapping[Source, int]) -> None:
        """Writes the state now and then, as of the position just committed."""
        self._position = position
        ledger = delivered.get((self._place.ledger, self._partition), 0)
        self._restorer.ledger_position = max(self._restorer.ledger_position, ledger)
        if self._subjects.changes >= WRITE_CHANGES or time.monotonic() - self._written >= WRITE_S:
            self._write()

    def report(self) -> Report:
        """What became of the records, how many subjects are held, and up to when feeds were heard."""
        return self._tally.report(self._subjects.count, self._clock.now, self._clock.heard.feeds)

    def close(self) -> None:
        """Writes what was committed, and lets go of the store."""
        if self.restored == 1.0:
            self._write()
        self._subjects.close()

    def _record(self, record: RawRecord) -> list[Outgoing]:
        try:
            return self._line(record)
        except stores.Unreadable:
            raise
        except Exception as error:  # noqa: BLE001 - one record's fault must not stop the neighbours
            stage = self._place.stage
            log.error(f"{stage} fault", offset=record.offset, error=type(error).__name__, where=where(error))
            return self._unread(dead_letter(record, stage, "fault", type(error).__name__))

    def _line(self, record: RawRecord) -> list[Outgoing]:
        value = self._context.codec.decode(record.value)
        if isinstance(value, Mark):
            self._hear(value)
            return self._counted("mark", [])
        if value == Unreadable(Unread.TOMBSTONE):
            return self._erase(record.key)
        addressed = self._addressed(value)
        return self._otherwise(record, value) if addressed is None else self._event(*addressed, record.headers)

    def _hear(self, mark: Mark) -> None:
        self._clock.mark(mark)
        for name in self._silence.broken(self._clock.heard.feeds):
            self._subjects.remind(self._clock.now, name)

    def _event(self, name: str, line: LifeEvent, headers: Headers | None) -> list[Outgoing]:
        held = self._subjects.of(name)
        elsewhere = held.late(line) if held.orders else None
        if elsewhere is not None:
            self._subjects.change(name)
            return self._counted("forwarded", [*self._forwarded(elsewhere)])
        late = judge_late(self._context.rules, held.timeline, line)
        timeline, applied = apply(held.timeline, line)
        passed_on = [*self._heard_of(timeline, line)]
        if applied in (Applied.DUPLICATE, Applied.CONFLICTING):
            return self._counted(applied, passed_on)
        held.timeline = timeline
        self._subjects.change(name)
        if is_told_anew(headers) or (held.orders and is_by_transfer(line) and held.is_left_behind()):
            held.agenda = None  # one of several: they are decided together, with the last
            return self._counted("applied", passed_on)
        told = [out for decision in late for out in self._told(decision, line.recorded_at)]
        return self._counted("applied", [*passed_on, *told, *self._decide(name, held, line)])

    def _erase(self, key: bytes | None) -> list[Outgoing]:
        """A line is gone; with a subject's last line goes all that is held of it, nobody is told."""
        named = erased(key)
        if named is None:
            return []
        name, line = named
        held = self._subjects.of(name)
        held.timeline, held.agenda = erase(held.timeline, line), None
        self._subjects.change(name)
        if held.timeline.lines:
            return []
        gone = [*held.ledger.standing, *sorted(held.ledger.barred)]
        self._subjects.forget(name)
        return [Outgoing(self._place.ledger, self._partition, f"{name}|{match}|".encode(), None) for match in gone]

    def _counted(self, result: str, outgoing: list[Outgoing]) -> list[Outgoing]:
        """Counts a record once its work is done: one that fails half-way is `unread` and nothing else."""
        self._tally.results[result] += 1
        return outgoing

    def _unread(self, letter: Outgoing) -> list[Outgoing]:
        self._tally.set_aside([letter])
        return self._counted("unread", [letter])

    def _fire(self) -> list[Outgoing]:
        """Decides for those whose time has come, earliest first, as many as one transaction takes."""
        outgoing: list[Outgoing] = []
        for _ in range(MOST_LOOKS if self.is_behind else 0):
            name = self._subjects.next_due(self._clock.now) if len(outgoing) < MOST_SENT else None
            if name is None:
                break
            try:
                outgoing += self._decide(name, self._subjects.of(name), None)
            except stores.Unreadable:
                raise
            except Exception as error:  # noqa: BLE001 - one subject's fault must not stop the neighbours
                self._fault(error)
        return outgoing

    def _decide(self, name: str, held: Held, news: LifeEvent | None) -> list[Outgoing]:
        clock, agenda = self._clock, held.agenda
        held.agenda = None  # until this has gone well
        outcome = decide(self._context.rules, held.timeline, held.ledger, clock.heard, clock.now, agenda, news)
        held.ledger, held.agenda = outcome.ledger, outcome.agenda
        self._subjects.wake(name, held, outcome.wake_at)
        if outcome.silent:
            self._silence.wait(name, outcome.silent, clock.heard.feeds)
            if outcome.later is not None:
                self._subjects.remind(outcome.later, name)
        known_at = news.recorded_at if news is not None else 0
        return [out for decision in outcome.decisions for out in self._told(decision, known_at)]

    def _told(self, decision: Decision, known_at: int) -> list[Outgoing]:
        """A decision on the ledger and, unless it is for people to look at, its situation for plan.

        `known_at` is when the line was recorded that made it so (0: time alone did). The timeline may
        hold events of faster feeds that were recorded long after it; they did not make it so.
        """
        if decision.kind is DecisionKind.WITHDRAWN and known_at:
            told = replace(decision, known_at=known_at)
        else:
            told = replace(decision, known_at=max(decision.known_at, known_at))
        key = f"{told.subject}|{told.match}|{told.event or ''}".encode()
        ledger_line = Outgoing(self._place.ledger, self._partition, key, self._context.codec.encode(told))
        if told.kind not in SITUATIONS_OF:
            return [ledger_line]
        return [ledger_line, self._context.situations.situation(told)]

    def _mark(self) -> list[Outgoing]:
        """Marks of time, now and then: those for households go to all partitions of theirs, which costs a good deal."""
        now = time.monotonic()
        if now - self._marked_at < MARK_EVERY_S:
            return []
        marks = self._marks()
        if marks:
            self._marked_at = now
        return marks

    def _marks(self) -> list[Outgoing]:
        """The own clock for plan: everything due by then must have been told."""
        if self._clock.now <= self._marked or self.is_behind:
            return []
        self._marked = self._clock.now
        return [self._context.situations.mark(self._mark_source, self._marked)]

    def _fault(self, error: Exception) -> None:
        """A fault of ours in deciding for one subject, whom the log does not name; they are decided again with their
        next line."""
        log.error(
            f"{self._place.stage} fault", partition=self._partition, error=type(error).__name__, where=where(error)
        )

    def _look(self, name: str) -> None:
        """Finds out when to look at a subject; what is due by now is told by the first tick, in a transaction."""
        held = self._subjects.of(name)
        try:
            outcome = decide(self._context.rules, held.timeline, held.ledger, self._clock.heard, self._clock.now)
        except Exception as error:  # noqa: BLE001 - one subject's fault must not stop the neighbours
            self._fault(error)
            return
        held.agenda = None if outcome.decisions else outcome.agenda
        self._subjects.wake(name, held, self._clock.now if outcome.decisions else outcome.wake_at)

    def _write(self) -> None:
        self._subjects.write(
            {
                "source": self._position,
                "ledger": self._restorer.ledger_position,
                "rules": self._basis.rules,
                "skipped": sorted(name.decode() for name in self._basis.skipped),
                "clock": self._clock.kept(),
            }
        )
        self._written = time.monotonic()
