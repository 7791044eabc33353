"""Plan: situations of a planning area become one joined-up offer per household.

One task per partition of `situations.v1` owns all households of its areas. Its state is the fold of
that partition, nothing else: on start the log since the last snapshot is run through the same pure
function, and the records it gives, which were committed then, are left aside. Writes `offers.v1`, alone.

When the position was set by hand, or has expired, nobody knows which records were committed: the whole
log is run through plan, and what is not on `offers.v1` yet is told.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import orjson

from processors.events import Control
from processors.offers.actions import OfferAction
from processors.offers.model import OfferRecord, OfferState, Situation, SituationMark
from processors.offers.plan import PartitionState, advance
from processors.offers.policy import ContactPolicy
from processors.pauses import Pause
from schemas.codec import Codec
from streams import topics
from streams.clocks import plan_mark
from streams.kafka.committer import Position
from streams.kafka.log import read_partition
from streams.kafka.records import RawRecord
from streams.kafka.tail import Source, ends_of
from streams.kafka.transactions import Outgoing
from streams.stages.decoding import decode_all
from streams.stages.tally import Report, Tally
from streams.stages.task import Work
from streams.state.store import Store

FOLD_BATCH = 1000
SNAPSHOT = b"snapshot"
POLICY_KEY = b"policy"
TICK_S = 0.015
"""How often, with traffic, plan looks whether it is time for something: without sending anything that costs little."""
MARK_EVERY_S = 5.0
"""How often the time is put on the log when nothing is due by it: who asks how far plan is learns it from there."""
FORMAT = 4
"""Raised when a snapshot's shape changes: the log is then folded from its beginning."""
KEEP_AFTER, KEEP_SHARE = 5_000, 4
"""A snapshot is kept after so many inputs, and so many times as many as it has parts."""

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
    """What every plan task of a worker shares.

    Attributes:
        clock: the platform's, ms; None until everybody who tells situations was heard.
    """

    bootstrap: str
    codec: Codec
    policy: ContactPolicy
    store: Callable[[str, int], Store]
    clock: Callable[[], int | None]


class PlanTask:
    """Planning of the areas of one partition."""

    def __init__(self, partition: int, context: PlanContext) -> None:
        self._partition = partition
        self._context = context
        self._state = PartitionState()
        self._policy = context.policy
        self._is_policy_told = False
        self._tally = Tally()
        self._store = context.store(topics.SITUATIONS, partition)
        self._told: dict[bytes, int] = {}
        self._owed: list[Outgoing] = []
        self._position = 0
        self._again_until = 0
        self._unkept = 0
        self._kept_size = 0
        self._awaited: int | None = None
        self._marked_at = 0.0
        self.restored = 0.0

    def open(self, position: Position) -> None:
        """Runs the log up to the committed position through plan again."""
        since = 0 if position.is_moved else self._take_up(position)
        if position.is_moved:
            self._again(position)
        if self._state.policy is None:
            self._policy = self._first_policy()
        records = self._fold(since, position.offset)
        self._owed = self._offers(records) if self._told else []
        self._is_policy_told = self._state.policy == self._context.policy
        self._position = position.offset
        self.restored = 1.0

    def process(self, records: Sequence[RawRecord]) -> Work:
        """One chunk of raw records: what became of offers and situations."""
        inputs, unread = decode_all(self._context.codec, records, INPUTS, "plan")
        self._await_no_more(inputs)
        self._tally.results.update(map(_kind, inputs))
        self._tally.results["unread"] += len(unread)
        self._tally.set_aside(unread)
        offers = self._offers(self._advance(inputs))
        return Work([*self._news(), *offers, *unread, *self._mark()], len(records))

    def tick(self, is_idle: bool) -> list[Outgoing]:
        """The contact limits, when they are news, what is owed, and the time."""
        del is_idle
        return [*self._news(), *self._mark()]

    @property
    def is_behind(self) -> bool:
        """Nothing is due here but by marks on the own input."""
        return False

    def note(self) -> str:
        """Says that the position was committed by this stage: one set by hand has no note.

        Nor has one on the way back to what was told already: a start from there must look at that again.
        """
        return "planned" if self._position >= self._again_until else ""

    def committed(self, position: int, delivered: Mapping[Source, int]) -> None:
        """Keeps the state now and then: the rarer the larger it is, so that it costs the same for each input."""
        del delivered
        self._position = position
        if position >= self._again_until:
            self._told = {}
        if self._unkept >= max(KEEP_AFTER, KEEP_SHARE * self._kept_size):
            self._keep()

    def report(self) -> Report:
        """What became of the records, how many situations wait and for what, and plan's clock."""
        told = self._tally.report(self._state.held, self._state.clock.now or 0)
        return replace(told, waiting=self._state.waiting)

    def close(self) -> None:
        """Keeps what was committed, and lets go of the store."""
        if self.restored == 1.0 and self._unkept:
            self._keep()
        self._store.close()

    def _take_up(self, position: Position) -> int:
        """Goes on from the snapshot kept; returns its position, 0 without one."""
        kept = self._store.get(SNAPSHOT)
        snapshot = orjson.loads(kept) if kept is not None else None
        if snapshot is None or snapshot["position"] > position.offset:
            return 0
        self._state = PartitionState.restore(snapshot["state"])
        self._kept_size = self._state.size
        return int(snapshot["position"])

    def _keep(self) -> None:
        self._store.write([(SNAPSHOT, orjson.dumps({"position": self._position, "state": self._state.snapshot()}))])
        self._unkept, self._kept_size = 0, self._state.size

    def _first_policy(self) -> ContactPolicy:
        """What stands before the first policy on the log was planned under it: the first transaction told it."""
        context = self._context
        for message in read_partition(context.bootstrap, topics.SITUATIONS, self._partition):
            value = context.codec.decode(message.value()) if message.key() == POLICY_KEY else None
            if isinstance(value, ContactPolicy):
                return value
        return context.policy

    def _fold(self, since: int, until: int) -> list[OfferRecord]:
        """Runs a stretch of the log through plan; returns the records it gives."""
        batch: list[Input] = []
        records: list[OfferRecord] = []
        for message in read_partition(self._context.bootstrap, topics.SITUATIONS, self._partition, until, since):
            value = self._context.codec.decode(message.value())
            if isinstance(value, INPUTS):
                batch.append(value)
            if len(batch) >= FOLD_BATCH:
                records += self._kept_if_owed(self._advance(batch))
                batch = []
                self.restored = min(0.99, ((message.offset() or 0) - since) / (until - since))
        return [*records, *self._kept_if_owed(self._advance(batch))]

    def _kept_if_owed(self, records: list[OfferRecord]) -> list[OfferRecord]:
        return records if self._told else []

    def _news(self) -> list[Outgoing]:
        """Changed limits, put on the own input: they hold from there on, now and in every later fold; what is owed.

        The time goes before them: what was due by then is seen to by the limits of then.
        """
        owed, self._owed = self._owed, []
        if self._is_policy_told:
            return owed
        self._is_policy_told = True
        value = self._context.codec.encode(self._context.policy)
        limits = Outgoing(topics.SITUATIONS, self._partition, POLICY_KEY, value)
        now = self._now()
        return [limits, *owed] if now is None else [self._marked(now), limits, *owed]

    def _mark(self) -> list[Outgoing]:
        """The time, put on the own input when something is due by it, and now and then: there it takes effect.

        Not while one is on its way here: what is due is due until that was read.
        """
        now = self._now()  # asked every time: a clock that nobody looks at is taken for one that stands still
        return [] if now is None or self._awaited is not None or not self._is_to_be_told(now) else [self._marked(now)]

    def _now(self) -> int | None:
        """The platform's clock, which may stand behind what was reached: what comes late is due all the same."""
        known = (self._context.clock(), self._state.reached)
        return max((each for each in known if each is not None), default=None)

    def _marked(self, now: int) -> Outgoing:
        self._awaited, self._marked_at = now, time.monotonic()
        return plan_mark(self._context.codec, self._partition, now)

    def _await_no_more(self, inputs: Iterable[Input]) -> None:
        """Sees whether the mark on its way is among them, or one of others that is as good."""
        marks = (each for each in inputs if isinstance(each, SituationMark) and each.is_for_all)
        if self._awaited is not None and any(mark.now >= self._awaited for mark in marks):
            self._awaited = None

    def _is_to_be_told(self, now: int) -> bool:
        reached = self._state.reached
        is_long_ago = time.monotonic() - self._marked_at >= MARK_EVERY_S
        return reached is None or self._state.is_due(now) or (now > reached and is_long_ago)

    def _advance(self, inputs: Sequence[Input]) -> list[OfferRecord]:
        self._state, records = advance(self._policy, self._state, inputs)
        self._unkept += len(inputs)
        return records

    def _offers(self, records: Iterable[OfferRecord]) -> list[Outgoing]:
        """Records to send: those not told before."""
        return [self._offer(each) for each in records if each.version > self._told.get(_key(each), -1)]

    def _offer(self, record: OfferRecord) -> Outgoing:
        return Outgoing(topics.OFFERS, self._partition, _key(record), self._context.codec.encode(record))

    def _again(self, position: Position) -> None:
        """Plans what was planned before: what `offers.v1` has is not told again."""
        situations, offers = (topics.SITUATIONS, self._partition), (topics.OFFERS, self._partition)
        ends = ends_of(self._context.bootstrap, [situations, offers])
        self._told = self._offers_told(ends[offers])
        self._again_until = ends[situations] if self._told else position.offset

    def _offers_told(self, end: int) -> dict[bytes, int]:
        """The newest version of each key in the own partition of `offers.v1`."""
        told: dict[bytes, int] = {}
        for message in read_partition(self._context.bootstrap, topics.OFFERS, self._partition, end):
            self.restored = min(0.5, (message.offset() or 0) / end)
            record = self._context.codec.decode(message.value())
            if isinstance(record, OfferRecord):
                told[_key(record)] = max(record.version, told.get(_key(record), -1))
        return told


def _key(record: OfferRecord) -> bytes:
    what = record.cause if record.state is OfferState.SUPPRESSED else record.offer
    return f"{record.household}|{what}".encode()


def _kind(value: Input) -> str:
    return KINDS[type(value)]
