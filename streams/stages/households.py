"""Households: what their members lived through becomes decisions of the rules that are per household.

One task per partition of `household-events.v1` holds timelines and ledgers of its households; how it
decides is in `streams.stages.deciding`. Its clock is the smallest of what the partitions of correlate
have heard: a household's members may be in any of them.
"""

from __future__ import annotations

from processors.events import HouseholdEvent, LifeEvent
from processors.timeline import Timeline
from streams import topics
from streams.stages.deciding import DecidingContext, DecidingTask
from streams.stages.restoring import Place


class HouseholdsTask(DecidingTask):
    """Decisions for the households of one partition."""

    def __init__(self, partition: int, context: DecidingContext) -> None:
        place = Place("households", topics.HOUSEHOLD_EVENTS, topics.HOUSEHOLD_DECISIONS)
        number = context.core_partitions + partition
        super().__init__(place, partition, context, number, lambda household: Timeline(household=household))

    def _addressed(self, value: object) -> tuple[str, LifeEvent] | None:
        return (value.household, value.event) if isinstance(value, HouseholdEvent) else None
