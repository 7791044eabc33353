"""What correlate passes on to households: lines that rules per household may look at, and time.

A line goes to the household its fact stands in, and after a correction that names another one to
both, whole facts at a time; what a household has heard before is a duplicate to it. Time goes to
every partition, whether or not any rule is per household, so that one that comes later finds it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from processors.events import HouseholdEvent, LifeEvent, Mark, derived_id
from processors.rules.deciding.heard import Heard
from processors.rules.households import shared
from processors.rules.matching.plan import Plan
from processors.rules.model import ANY_TYPE
from processors.rules.ruleset import RuleSet
from processors.timeline import Timeline, find
from schemas.codec import Codec
from streams import topics
from streams.kafka.transactions import Headers, Outgoing


@dataclass(frozen=True)
class HouseholdWriter:
    """Makes records for `household-events.v1`, partitioned by household.

    Attributes:
        types: what rules per household may look at; `"*"`: everything granted.
        partitions: of that topic, and of correlate's input.
    """

    codec: Codec
    types: frozenset[str]
    partitions: int

    @property
    def scope(self) -> str:
        """Tells one set of types from another; empty for none."""
        return derived_id("household types", *sorted(self.types))[:16] if self.types else ""

    def heard(self, timeline: Timeline, line: LifeEvent) -> list[Outgoing]:
        """What households hear of a line that was put on a person's timeline."""
        return [*map(self._outgoing, self._shared(timeline, [line]))]

    def past(self, timelines: Iterable[Timeline]) -> Iterator[Outgoing]:
        """Everything households must have heard of these persons by now."""
        for timeline in timelines:
            yield from map(self._outgoing, self._shared(timeline, timeline.lines))

    def marks(self, partition: int, before: Heard, now: Heard, headers: Headers | None) -> list[Outgoing]:
        """Up to when correlate's partition heard each feed, to every household, where it is news."""
        return [
            Outgoing(
                topics.HOUSEHOLD_EVENTS, target, f"mark|{feed}|{partition}".encode(), self.codec.encode(mark), headers
            )
            for feed, upto in now.feeds.items()
            if (upto, now.began.get(feed)) != (before.feeds.get(feed), before.began.get(feed))
            for mark in [Mark(feed, partition, self.partitions, upto, now.began.get(feed))]
            for target in range(self.partitions)
        ]

    def _shared(self, timeline: Timeline, lines: Iterable[LifeEvent]) -> list[HouseholdEvent]:
        """Lines by household, each once, in the order in which they were said: a correction after what it corrects."""
        if not self.types:
            return []
        facts = [[*shared(timeline, line)] for line in lines if find(timeline, line.id) is not None]
        heard = {(household, each.id): each for fact in facts if self._is_wanted(fact) for household, each in fact}
        in_order = sorted(heard.items(), key=lambda item: (item[1].recorded_at, item[1].arrival, item[0]))
        return [HouseholdEvent(household, each) for (household, _), each in in_order]

    def _is_wanted(self, fact: list[tuple[str, LifeEvent]]) -> bool:
        """A fact is passed on whole: that it no longer is of a type is news, too."""
        return ANY_TYPE in self.types or any(each.type in self.types for _, each in fact)

    def _outgoing(self, said: HouseholdEvent) -> Outgoing:
        partition = topics.partition_of(said.household, self.partitions)
        key = f"{said.household}|{said.event.id}".encode()
        return Outgoing(topics.HOUSEHOLD_EVENTS, partition, key, self.codec.encode(said))


def types_for(rules: RuleSet) -> frozenset[str]:
    """What the timelines of these rules must hold, `"*"` for everything.

    A rule that looks at neighbours needs all types it may see; any other only those it speaks of.
    """
    return frozenset().union(*(_types_of(plan) for versions in rules.plans.values() for plan in versions))


def _types_of(plan: Plan) -> frozenset[str]:
    if not plan.is_narrow:
        return plan.rule.types
    return frozenset({ANY_TYPE}) if plan.sees is None else plan.sees
