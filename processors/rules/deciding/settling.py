"""Trimming a timeline to what the rules can still need (`rules.md`, Meaning 10)."""

from __future__ import annotations

from processors.rules.conditions import Fields
from processors.rules.deciding.family import owned
from processors.rules.deciding.heard import Heard
from processors.rules.matching.match import Found
from processors.rules.matching.overlap import Judged, taken
from processors.rules.matching.plan import Plan
from processors.rules.model import Overlap, Runs
from processors.rules.ruleset import RuleSet
from processors.timeline import Position, Timeline, trim


def settle(rules: RuleSet, timeline: Timeline, heard: Heard, now: int) -> Timeline:
    """Trims a timeline to what the rules can still need.

    Args:
        rules: the rule set.
        timeline: of a person.
        heard: a feed never heard keeps everything.
        now: the clock, ms.

    Returns:
        The timeline without what occurred longer ago than the longest horizon; per rule it
        remembers where the next run may start.
    """
    moments = [heard.feeds.get(feed, heard.every) for feed in rules.feeds()]
    if any(moment is None for moment in moments):
        return timeline
    cut = min([now, *(moment for moment in moments if moment is not None)]) - rules.horizon_ms
    if not timeline.lines or timeline.lines[0].occurred_at >= cut:
        return timeline
    fields = Fields(rules.decode, rules.calendar)
    resume = dict(timeline.resume)
    for versions in rules.plans.values():
        for plan in versions:
            last = _last_settled(plan, timeline, cut, owned(plan, timeline, fields, heard, now))
            if last is not None:
                resume[plan.rule.key] = last
    return trim(timeline._replace(resume=resume), cut)


def _last_settled(plan: Plan, timeline: Timeline, cut: int, found: Found) -> Position | None:
    """Position up to which runs of a rule are settled, opened before `cut`, ms."""
    resume = timeline.resume.get(plan.rule.key)
    opened = [candidate.first.at for candidate in found.candidates] + [each.first.at for each in found.openings]
    if plan.rule.runs is Runs.FIRST_ONLY:
        return resume or min((place for place in opened if place[0] < cut), default=None)
    if plan.rule.overlap is Overlap.KEEP:
        return resume
    judged: Judged = taken(plan, found, lambda _: True, lambda _: False, resume)
    over = [c.last.at for c, _ in judged if c.first.line.occurred_at < cut]
    return max([*over, *([resume] if resume else [])], default=None)
