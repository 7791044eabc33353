"""Made-up life events, the same for everybody who is measured: in order of time, spread evenly over persons.

A tenth of the events are of the two types the rule is about; every person's events are in order and
none is repeated or corrected, because most peers would give wrong answers otherwise.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from bench.peers.pairs import Waiting, pair
from bench.workload import DEPLOYMENT, FIRST, SECOND
from processors.events import LifeEvent, Mark
from schemas.attributes import encode_attributes
from streams import topics
from streams.composition import load_deployment

BEGIN_MS = 1_735_689_600_000
"""2025-01-01T00:00:00Z."""

SPAN_MS = 180 * 86_400_000
SEED = 7
FEEDS = {name: kind.feeds[0] for name, kind in load_deployment(DEPLOYMENT).catalogue.items()}
"""Who sends which type."""

OTHERS = tuple(name for name in FEEDS if name not in (FIRST, SECOND))
MARK_EVERY = 20_000
ATTRIBUTES = encode_attributes({"amount": 412.5})


@dataclass(frozen=True)
class Workload:
    """So many events of so many persons; the same arguments give the same events.

    Args:
        events: how many life events.
        persons: how many persons they are spread over.
        begin_ms: when the first occurred; the others follow within half a year.
        share: of each of the two types the rule is about, among all events.
    """

    events: int
    persons: int
    begin_ms: int = BEGIN_MS
    share: float = 0.05

    def lines(self) -> Iterator[LifeEvent]:
        """The events in order."""
        chance = random.Random(SEED)  # noqa: S311 - nothing is secret here
        step = SPAN_MS // self.events
        for number in range(self.events):
            who = chance.randrange(self.persons)
            occurred_at = self.begin_ms + number * step
            kind = self._type(chance)
            yield LifeEvent(
                id=_hash(f"event {number}"),
                type=kind,
                person=self.names[who],
                household=self.names[who][::-1],
                area="north",
                agency=FEEDS[kind].partition(".")[0],
                feed=FEEDS[kind],
                occurred_at=occurred_at,
                recorded_at=occurred_at,
                arrival=number,
                heard=occurred_at - step,
                attributes=ATTRIBUTES,
            )

    def log(self) -> Iterator[LifeEvent | Mark]:
        """The events, and a mark of time now and then, as intake writes them; a mark is for every partition."""
        for number, event in enumerate(self.lines(), start=1):
            yield event
            if number % MARK_EVERY == 0 or number == self.events:
                yield from marks(event.recorded_at, self.begin_ms)

    @cached_property
    def names(self) -> list[str]:
        """Pseudonyms as the register makes them: 32 characters."""
        return [_hash(f"person {number}") for number in range(self.persons)]

    def _type(self, chance: random.Random) -> str:
        drawn = chance.random()
        if drawn < self.share:
            return FIRST
        return SECOND if drawn < 2 * self.share else chance.choice(OTHERS)


def expected(events: Iterable[LifeEvent]) -> set[tuple[str, str]]:
    """The right answer: ids of the two events of every match, by the plainest code there is."""
    waiting: dict[str, Waiting] = {}
    found: set[tuple[str, str]] = set()
    for event in events:
        still, pairs = pair(waiting.get(event.person, []), event.type, event.id, event.occurred_at)
        waiting[event.person] = still
        found.update(pairs)
    return found


def marks(heard: int, began: int) -> Iterator[Mark]:
    """Every feed was heard up to then (ms)."""
    for feed in sorted({*FEEDS.values()}):
        yield Mark(feed, 0, 1, heard, began)


def _hash(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def life_event_schema() -> Path:
    """The Avro schema of `LifeEvent`, for peers that read it themselves."""
    return Path(topics.__file__).parents[1] / "schemas" / "internal" / "LifeEvent.avsc"
