"""What comes too late for a rule goes to review, with what it would have changed (`rules.md`, Meaning 7)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from processors.civil_time import format_instant
from processors.decisions import Decision, DecisionKind
from processors.events import LifeEvent, derived_id
from processors.rules.conditions import Fields
from processors.rules.matching.match import find
from processors.rules.matching.plan import Plan
from processors.rules.model import Subject
from processors.rules.ruleset import RuleSet
from processors.timeline import Timeline, apply, is_late, lines_of_fact
from processors.timeline import find as find_line


def judge_late(rules: RuleSet, timeline: Timeline, line: LifeEvent) -> tuple[Decision, ...]:
    """Late decisions on a line, one per rule that uses its type and accepts it no more.

    Args:
        rules: the rule set.
        timeline: of the line's person, before the line is applied.
        line: as it came; `line.heard` says up to when its feed had been heard.

    Returns:
        Decisions for review, each saying what the line would have changed. Empty for a line whose
        id is known. Apply the line in any case: its id must stay known, a rule that accepts it
        uses it, the others leave it out.
    """
    if line.replaces is None and line.heard - line.occurred_at <= rules.on_time_ms:
        return ()
    if line.id in timeline.forgotten or find_line(timeline, line.id) is not None:
        return ()
    by_id = {each.id: each for each in (*timeline.lines, line)}
    decisions = []
    for versions in _users(rules, timeline, line):
        plan = _version_at(versions, line.occurred_at)
        if _is_late_for(plan, timeline, by_id, line):
            decisions.append(_late(plan, timeline, line, rules))
    return tuple(decisions)


def _users(rules: RuleSet, timeline: Timeline, line: LifeEvent) -> Iterable[tuple[Plan, ...]]:
    """The rules that use the line's type, or that of the fact it speaks of: it may name another."""
    if line.replaces is None:
        return rules.users(line.type)
    types = {line.type, *(each.type for each in lines_of_fact(timeline, line.replaces))}
    return {versions[0].rule.name: versions for name in sorted(types) for versions in rules.users(name)}.values()


def _version_at(versions: tuple[Plan, ...], moment: int) -> Plan:
    return next((plan for plan in versions if plan.valid_from <= moment < plan.valid_until), versions[-1])


def _is_late_for(plan: Plan, timeline: Timeline, by_id: Mapping[str, LifeEvent], line: LifeEvent) -> bool:
    if line.replaces is not None and line.replaces in timeline.forgotten:
        return True
    return is_late(by_id, line, plan.lateness)


def _late(plan: Plan, timeline: Timeline, line: LifeEvent, rules: RuleSet) -> Decision:
    home = timeline.household if plan.rule.per is Subject.HOUSEHOLD else None
    heard_up_to = format_instant(line.heard, plan.calendar)
    reason = (
        f"came when its feed had been heard up to {heard_up_to}, more than {plan.rule.late_accept} later; "
        f"{_would_have(plan, timeline, line, rules)}"
    )
    return Decision(
        kind=DecisionKind.LATE,
        rule=plan.rule.name,
        version=plan.rule.version,
        match=derived_id(plan.rule.name, plan.rule.version, "late", line.id, *([home] if home else [])),
        person=line.person,
        household=home or line.household,
        area=line.area,
        at=max(line.heard, line.recorded_at),
        completed_at=line.occurred_at,
        opened_at=line.occurred_at,
        known_at=line.recorded_at,
        event=line.id,
        reason=reason,
        is_household=bool(home),
    )


def _would_have(plan: Plan, timeline: Timeline, line: LifeEvent, rules: RuleSet) -> str:
    """What the line would have changed in time, in plain words."""
    in_time, _ = apply(timeline, replace(line, heard=0))
    fields = Fields(rules.decode, rules.calendar)
    now = max(line.heard, line.recorded_at)
    before = {candidate.match for candidate in find(plan, timeline, fields, now).candidates}
    after = {candidate.match for candidate in find(plan, in_time, fields, now).candidates}
    made, unmade = len(after - before), len(before - after)
    if not made and not unmade:
        return "in time it would have changed nothing"
    return f"in time it would have made {made} and undone {unmade} of this rule's matches"
