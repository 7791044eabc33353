"""Annuls events, and sees what the stages make of it."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Collection, Iterable
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice

from processors.annulment import annulment_of
from processors.decisions import Decision, DecisionKind
from processors.events import LifeEvent
from processors.offers.model import OfferRecord, OfferState
from schemas.codec import Codec
from streams import topics
from streams.annulling.finding import Progress
from streams.clocks import plan_clock, platform_now
from streams.kafka.log import committed_positions
from streams.kafka.tail import ends_of, read_on, sources_of
from streams.kafka.transactions import TransactionalSender
from streams.life_events import life_event_record

MOST_SENT = 5_000
LOOK_EVERY_S = 0.25
PLAN = ("headwater-plan", topics.SITUATIONS)


@dataclass(slots=True)
class Effects:
    """What followed from annulments.

    Attributes:
        matches: rule -> matches withdrawn.
        withdrawn: offers withdrawn.
        changed: offers that go on without a situation.
        dropped: situations that become no offer.
        is_complete: whether plan has come so far that nothing more follows.
    """

    matches: dict[str, list[str]] = field(default_factory=dict)
    withdrawn: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    dropped: int = 0
    is_complete: bool = False


class Annulling:
    """Annuls events, once.

    Args:
        bootstrap: Kafka's address.
        codec: of the platform's topics.
        events: `created` lines that stand.
        now: the machine's clock, ms.
        core_partitions: of the internal topics.
    """

    def __init__(
        self, bootstrap: str, codec: Codec, events: Iterable[LifeEvent], now: int, core_partitions: int
    ) -> None:
        self._bootstrap = bootstrap
        self._codec = codec
        self._partitions = core_partitions
        at = platform_now(bootstrap, codec, now)
        self._lines = [annulment_of(event, at) for event in events]
        told = (topics.DECISIONS, topics.HOUSEHOLD_DECISIONS, topics.OFFERS)
        self._starts = ends_of(bootstrap, sources_of(bootstrap, told))

    def send(self, progress: Progress) -> None:
        """Writes the annulments, in transactions; to write them again does no harm.

        Raises:
            KafkaException: Kafka does not answer; what was sent so far is annulled.
        """
        with closing(TransactionalSender(self._bootstrap, f"headwater-annul-{uuid.uuid4()}")) as sender:
            sender.open()
            lines = iter(self._lines)
            sent = 0
            while part := list(islice(lines, MOST_SENT)):
                sender.send(life_event_record(self._codec, line, self._partitions) for line in part)
                sent += len(part)
                progress(f"{sent:,} of {len(self._lines):,} events annulled")

    def follow(self, patience_s: float, progress: Progress) -> Effects:
        """Waits until the stages have drawn their conclusions, or no longer than so many seconds; says which."""
        deadline = time.monotonic() + patience_s
        is_complete = all(
            self._is_through(group, topic, deadline, progress)
            for group, topic in (
                ("headwater-correlate", topics.LIFE_EVENTS),
                ("headwater-households", topics.HOUSEHOLD_EVENTS),
                PLAN,
            )
        )
        newest = max((line.recorded_at for line in self._lines), default=0)
        is_complete = is_complete and self._has_clock_passed(newest, deadline, progress)
        # Plan saw what is due by its clock, and put that on its input: once more, and it has happened.
        is_complete = is_complete and self._is_through(*PLAN, deadline, progress)
        return self._effects(is_complete)

    def _is_through(self, group: str, topic: str, deadline: float, progress: Progress) -> bool:
        """Whether a stage has worked on everything that is on its topic now."""
        ends = ends_of(self._bootstrap, sources_of(self._bootstrap, [topic]))

        def is_through() -> bool:
            done = committed_positions(self._bootstrap, group, [topic])
            left = sum(max(0, end - done[source]) for source, end in ends.items())
            progress(f"{group.removeprefix('headwater-')} has {left:,} records to go")
            return left == 0

        return _until(is_through, deadline)

    def _has_clock_passed(self, moment: int, deadline: float, progress: Progress) -> bool:
        """Whether it is a time at which the withdrawals are due, everywhere in plan."""

        def is_past() -> bool:
            clock = plan_clock(self._bootstrap, self._codec)
            progress("plan waits for its next mark of time")
            return clock is not None and clock >= moment

        return _until(is_past, deadline)

    def _effects(self, is_complete: bool) -> Effects:
        effects = Effects(is_complete=is_complete)
        annulled = {line.replaces or "" for line in self._lines}
        matches: set[str] = set()
        values = [self._codec.decode(message.value()) for message in read_on(self._bootstrap, self._starts)]
        for decision in values:
            if isinstance(decision, Decision) and _is_news(decision, annulled, matches):
                effects.matches.setdefault(decision.rule, []).append(decision.match)
                matches.add(decision.match)
        for record in values:
            if isinstance(record, OfferRecord) and record.cause in matches:
                _note(effects, record)
        return effects


def _is_news(decision: Decision, annulled: Collection[str], known: Collection[str]) -> bool:
    is_of_these = any(event.root in annulled for event in decision.events)
    return decision.kind is DecisionKind.WITHDRAWN and is_of_these and decision.match not in known


def _note(effects: Effects, record: OfferRecord) -> None:
    if record.state is OfferState.SUPPRESSED:
        effects.dropped += 1
    elif record.state is OfferState.WITHDRAWN:
        effects.withdrawn.append(record.offer)
    else:
        effects.changed.append(record.offer)


def _until(holds: Callable[[], object], deadline: float) -> bool:
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(LOOK_EVERY_S)
    return True
