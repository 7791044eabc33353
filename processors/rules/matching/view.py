"""What a rule sees of a timeline: the types it may use, without repeats it ignores (`rules.md`, Rule level)."""

from __future__ import annotations

from collections.abc import Sequence

from processors.civil_time import window_end
from processors.rules.conditions import ENVELOPE, Fields
from processors.rules.matching.plan import Plan
from processors.rules.model import Repeats
from processors.timeline import LiveEvent, Timeline


def visible(plan: Plan, timeline: Timeline, fields: Fields) -> Sequence[LiveEvent]:
    """The live events a rule sees, in order.

    A rule to which other events make no difference gets them all: nothing of it looks at them.
    """
    live: Sequence[LiveEvent] = timeline.view(plan.lateness)
    if not plan.is_narrow:
        return live
    if plan.sees is not None:
        live = [event for event in live if event.line.type in plan.sees]
    return live if plan.rule.repeats is None else _without_repeats(plan, plan.rule.repeats, live, fields)


def _without_repeats(plan: Plan, repeats: Repeats, live: Sequence[LiveEvent], fields: Fields) -> list[LiveEvent]:
    """An ignored repeat does not prolong the time: what counts is the last event that was kept."""
    until: dict[tuple[object, ...], int] = {}
    kept = []
    for event in live:
        same = _sameness(event, repeats.fields, fields)
        if same is not None:
            if event.line.occurred_at < until.get(same, event.line.occurred_at):
                continue
            until[same] = window_end(event.line.occurred_at, repeats.duration, plan.calendar)
        kept.append(event)
    return kept


def _sameness(event: LiveEvent, names: Sequence[str], fields: Fields) -> tuple[object, ...] | None:
    """Its type and fields; None if it lacks one, because it is no repeat then."""
    values = [
        fields.envelope(event, name) if name in ENVELOPE else fields.attributes(event).get(name) for name in names
    ]
    return None if any(value is None for value in values) else (event.line.type, *values)
