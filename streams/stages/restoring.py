"""Brings the state of a deciding task to the committed position: what the store has, and the log since then.

From nothing, or from where the store was last written: timelines from the input up to the committed
position, ledgers from the task's own decisions to their end. Whoever was touched, and everybody when
the rules have changed, is decided anew to find out when to look again.

State is dropped and made from the whole log when it was left half-made, is ahead of the committed
position (the group's offsets were set back, or it is another log), or lacks types of events the
rules now look at.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import structlog
from confluent_kafka import Message

from processors.decisions import Decision
from processors.events import LifeEvent, Mark
from processors.rules.ledger import fold, forget
from processors.timeline import apply, erase
from processors.transfers import Late, Step, Transfer
from schemas.codec import Codec, Unread, Unreadable
from streams.kafka.committer import Position
from streams.kafka.log import read_partition
from streams.kafka.tail import ends_of
from streams.life_events import is_skipped
from streams.stages.clock import MarkedClock
from streams.state.subjects import Subjects

log = structlog.get_logger()

WRITE_EVERY = 20_000
"""Changed subjects held back while state is made; then they are written."""
TOLD_EVERY_S = 5.0
PHASES = 3
"""Of equal weight, for want of better: the input, the ledger, and looking at whoever they concern."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a stage stands: its name, what it reads, and the ledger that is its alone."""

    stage: str
    source: str
    ledger: str


@dataclass(frozen=True, slots=True)
class Basis:
    """What state rests on besides the log.

    Attributes:
        rules: tells one rule set from another.
        skipped: types of events that are not kept because no rule can look at them, as in headers.
    """

    rules: str
    skipped: frozenset[bytes]


@dataclass
class Restorer:
    """One restoration of a partition's state.

    Args:
        addressed: on whose timeline a value belongs, and the line; None: it is no line.
        look: decides for a subject, to find out when to look again.

    Attributes:
        ledger_position: next offset of the ledger that is not in the state yet.
        again_until: up to where the input was folded beyond the position, to be worked on once more.
        share: how much is done, 0 to 1.
        is_from_beginning: whether all of the log was folded.
        ordered: persons of whom facts were ordered to belong to others.
        forwarded: what came after such an order.
    """

    bootstrap: str
    codec: Codec
    place: Place
    partition: int
    subjects: Subjects
    clock: MarkedClock
    basis: Basis
    addressed: Callable[[object], tuple[str, LifeEvent] | None]
    look: Callable[[str], None]
    ledger_position: int = 0
    again_until: int = 0
    share: float = 0.0
    is_from_beginning: bool = False
    ordered: set[str] = field(default_factory=set)
    forwarded: list[Late] = field(default_factory=list)
    _everybody: bool = False
    _touched: set[str] = field(default_factory=set)
    _told: float = 0.0
    _phase: int = 0

    def run(self, position: Position) -> Basis:
        """Makes the state that belongs to the committed position; returns what it rests on."""
        kept = self._kept(position)
        if kept is None:
            self.subjects.clear()
            self.is_from_beginning = True
            kept = {"source": 0, "ledger": 0, "rules": "", "skipped": []}
        else:
            self.clock.restore(kept["clock"])
        self._told = time.monotonic()
        self._everybody = kept["rules"] != self.basis.rules
        self._fold(kept, position)
        if self.subjects.changes:
            self.subjects.write(None)
        self._phase = 2
        if self._everybody:
            self._look_at(self.subjects.names(), self.subjects.count)
        else:
            self._look_at(sorted(self._touched), len(self._touched))
        self.share = 1.0
        return Basis(self.basis.rules, self.basis.skipped | _types(kept))

    def _kept(self, position: Position) -> dict[str, Any] | None:
        """What the store says of its state; None when it is of no use."""
        kept = self.subjects.meta()
        if kept is None or not self.basis.skipped >= _types(kept):
            return None
        return kept if kept["source"] <= position.offset or position.is_moved else None

    def _fold(self, kept: dict[str, Any], position: Position) -> None:
        self.ledger_position = kept["ledger"]
        until = self._until(position)
        for message in self._read(self.place.source, kept["source"], until):
            self._line(message)
            self._write_if_many()
        self.again_until = until if until > position.offset else 0
        self._phase = 1
        for message in self._read(self.place.ledger, kept["ledger"], self._end(self.place.ledger)):
            self._decision(message)
            self._write_if_many()

    def _until(self, position: Position) -> int:
        """Up to where the input belongs to the state.

        When the position was set by hand, or has expired, nobody knows how far decisions had come, but for
        their ledger; then all there is belongs to it, and what is read again is known to have been there.
        """
        ledger = read_partition(self.bootstrap, self.place.ledger, self.partition)
        is_begun = position.is_moved and any(True for _ in ledger)
        return max(position.offset, self._end(self.place.source)) if is_begun else position.offset

    def _end(self, topic: str) -> int:
        source = (topic, self.partition)
        return ends_of(self.bootstrap, [source])[source]

    def _line(self, message: Message) -> None:
        self.clock.append(message.timestamp()[1])
        if is_skipped(message.headers(), self.basis.skipped):  # type: ignore[arg-type]  # a list of pairs
            return
        value = self.codec.decode(message.value())
        if isinstance(value, Mark):
            self.clock.mark(value)
        elif value == Unreadable(Unread.TOMBSTONE):
            self._erase(message.key())
        elif (addressed := self.addressed(value)) is not None:
            self._apply(*addressed)
        elif isinstance(value, Transfer) and value.step is Step.ORDERED:
            self.subjects.of(value.person).order(value)
            self.ordered.add(value.person)
            self._touch(value.person)

    def _apply(self, name: str, line: LifeEvent) -> None:
        held = self.subjects.of(name)
        late = held.late(line) if held.orders else None
        if late is not None:
            self.forwarded.append(late)
        else:
            held.timeline, _ = apply(held.timeline, line)
        self._touch(name)

    def _erase(self, key: bytes | None) -> None:
        named = erased(key)
        if named is not None:
            name, line = named
            held = self.subjects.of(name)
            held.timeline = erase(held.timeline, line)
            self._touch(name)

    def _decision(self, message: Message) -> None:
        self.ledger_position = (message.offset() or 0) + 1
        decision = self.codec.decode(message.value())
        if isinstance(decision, Decision):
            name = decision.subject
            held = self.subjects.of(name)
            held.ledger = fold(held.ledger, decision)
            self._touch(name)
        elif decision == Unreadable(Unread.TOMBSTONE) and (named := erased(message.key())) is not None:
            name, match = named
            held = self.subjects.of(name)
            held.ledger = forget(held.ledger, match)
            self._touch(name)

    def _touch(self, name: str) -> None:
        self.subjects.change(name)
        if not self._everybody:
            self._touched.add(name)

    def _look_at(self, names: Iterable[str], count: int) -> None:
        """Decisions found now are due to time that passed or to new rules; the first tick tells them."""
        for done, name in enumerate(names):
            self.look(name)
            self._write_if_many()
            if self._is_time_to_tell():
                self._tell(done, count, looked_at=done, subjects=count)

    def _write_if_many(self) -> None:
        if self.subjects.changes >= WRITE_EVERY:
            self.subjects.write(None)

    def _read(self, topic: str, since: int, until: int) -> Iterator[Message]:
        """Records of the own partition; tells how far it has come."""
        for message in read_partition(self.bootstrap, topic, self.partition, until, since):
            yield message
            if self._is_time_to_tell():
                offset = message.offset() or 0
                self._tell(offset - since, until - since, topic=topic, offset=offset, until=until)

    def _is_time_to_tell(self) -> bool:
        return time.monotonic() - self._told >= TOLD_EVERY_S

    def _tell(self, done: int, whole: int, **details: str | int) -> None:
        """Shows that it gets on: in each of its phases, for the watchdog ends what does not."""
        self._told = time.monotonic()
        self.share = min(0.99, (self._phase + done / max(1, whole)) / PHASES)
        log.info("state is made from the log", stage=self.place.stage, partition=self.partition, **details)


def erased(key: bytes | None) -> tuple[str, str] | None:
    """Subject and id that a record without a value takes away."""
    subject, _, rest = (key or b"").decode(errors="replace").partition("|")
    identity = rest.partition("|")[0]
    return (subject, identity) if identity else None


def _types(kept: dict[str, Any]) -> frozenset[bytes]:
    return frozenset(name.encode() for name in kept["skipped"])
