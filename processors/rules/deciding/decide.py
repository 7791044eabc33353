"""From a timeline and what was told before to decisions: the platform's central pure function.

Every rule is matched anew from the timeline, what should stand is compared with the ledger, and
the differences are the decisions. So a late, corrected or annulled event needs no code of its own.
No I/O, no clock (`now` and `heard` are data), no randomness.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from processors.decisions import Decision
from processors.events import LifeEvent
from processors.rules.conditions import Fields
from processors.rules.deciding.family import Family
from processors.rules.deciding.heard import Heard
from processors.rules.ledger import Ledger, fold_all
from processors.rules.matching.plan import FOREVER
from processors.rules.matching.run import Wait
from processors.rules.ruleset import RuleSet
from processors.timeline import Timeline

Agenda = Mapping[str, int]
"""Per rule, when to look again, ms; a rule that waits for nothing is not on it."""

NO_AGENDA: Agenda = MappingProxyType({})


class Outcome(NamedTuple):
    """What `decide` found.

    Attributes:
        decisions: in order: rule by rule, what is withdrawn before what is matched.
        ledger: after these decisions.
        wake_at: when to look again, ms; None: not before something new is heard of the person.
            In the past if it waits for a silent feed: look again when that is heard.
        agenda: the same for each rule; give it back with the next call, and what it cannot concern
            is not looked at.
        condition_errors: conditions that could not be evaluated.
        later: the next time after now to look again, whatever feeds are silent; None: there is none.
        silent: what only waits for feeds: each could be concluded as soon as its feeds were heard.
    """

    decisions: tuple[Decision, ...]
    ledger: Ledger
    wake_at: int | None
    agenda: Agenda = NO_AGENDA
    condition_errors: int = 0
    later: int | None = None
    silent: tuple[Wait, ...] = ()


def decide(  # noqa: PLR0913, PLR0917 - the state, and what is new
    rules: RuleSet,
    timeline: Timeline,
    ledger: Ledger,
    heard: Heard,
    now: int,
    agenda: Agenda | None = None,
    news: LifeEvent | None = None,
) -> Outcome:
    """Decides what holds for one person.

    Args:
        rules: the rule set.
        timeline: of the person; may hold events later than `now`.
        ledger: what was told so far.
        heard: up to when each feed was heard.
        now: the clock, ms.
        agenda: of the outcome before this one; None: every rule is looked at.
        news: with an agenda, the one line put on the timeline since; None: only the clock moved.

    Returns:
        New decisions, the ledger with them, and when to look again. Deciding again with that
        ledger and the same inputs gives no decisions. With an agenda the decisions are the same,
        found with less work.
    """
    kept: Agenda
    if agenda is None or (news is not None and news.replaces is not None):
        names, kept = _all_names(rules, timeline, ledger), {}
    else:
        names, kept = _concerned(rules, timeline, ledger, now, agenda, news)
    if not names:
        soonest = min(kept.values()) if kept else None
        return Outcome((), ledger, soonest, kept, later=soonest)
    kept = {name: wake_at for name, wake_at in kept.items() if name not in names}
    if len(names) > 1:
        names = [name for name in rules.plans if name in names]  # one order, whatever led to them
    fields = Fields(rules.decode, rules.calendar)
    decisions: list[Decision] = []
    later, silent = list(kept.values()), list[Wait]()
    for name in names:
        family = Family(rules.plans[name], timeline, ledger, heard, now, fields)
        if family.standing or family.found:
            decisions.extend(family.decisions())
            if family.wakes:
                kept[name] = min(family.wakes)
                later += [wake for wake in family.wakes if wake > now]
                silent += family.silent
    after = fold_all(ledger, decisions) if decisions else ledger
    soonest = min(kept.values()) if kept else None
    return Outcome(tuple(decisions), after, soonest, kept, fields.errors, min(later) if later else None, tuple(silent))


def _all_names(rules: RuleSet, timeline: Timeline, ledger: Ledger) -> Sequence[str]:
    names = rules.possible(timeline.types)
    if not ledger.standing:
        return names
    told = {decision.rule for decision in ledger.standing.values()}
    return [name for name in rules.plans if name in told or name in names]


def _concerned(  # noqa: PLR0913, PLR0917 - as `decide`
    rules: RuleSet, timeline: Timeline, ledger: Ledger, now: int, agenda: Agenda, news: LifeEvent | None
) -> tuple[Sequence[str], Agenda]:
    """The rules to look at, and the agenda of the others.

    Those whose time has come, and those that the new line can concern: they use its type and every
    type they need is there, or a match of theirs stands. One of them that cannot be complete before
    some time has passed after the line is only looked at then.
    """
    names = [name for name, wake_at in agenda.items() if wake_at <= now] if agenda else []
    if news is None:
        return names, agenda
    if ledger.standing:
        told = {decision.rule for decision in ledger.standing.values()}
        names += [name for name in rules.touched(None, news.type) if name in told and name not in names]
    for name in rules.touched(timeline.types, news.type):
        earliest = news.occurred_at + rules.delay_ms[name]
        if name in names:
            continue
        if earliest <= now or not rules.delay_ms[name]:  # the clock of all feeds may be behind this event
            names.append(name)
        elif earliest < agenda.get(name, FOREVER):
            agenda = {**agenda, name: earliest}
    return names, agenda
