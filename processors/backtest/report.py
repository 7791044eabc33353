"""Everything a back-test tells, as one value: protected, with names to read; `document` is its stable JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from processors.backtest.counting import Counts
from processors.backtest.difference import pairs
from processors.backtest.findings import (
    Difference,
    LeadTime,
    Period,
    RuleFindings,
    Shown,
    Span,
    TeamFindings,
    TeamPlan,
    about,
    difference,
    rule_findings,
    team_findings,
)
from processors.backtest.trial import crises_of, leads_of
from processors.civil_time import Calendar, add_months, is_working_day, local_date
from processors.disclosure.policy import DisclosurePolicy
from processors.rules.ruleset import RuleSet


@dataclass(frozen=True, slots=True)
class Read:
    """What became of the rows of a history.

    Attributes:
        first, last: local days on which it begins and ends.
        events: rows read. left_out: rows that could not be used, by reason. Neither is protected yet.
        faults: files of which not all could be read.
        is_cut: whether it ends before its last row does (`--until`).
    """

    first: date
    last: date
    events: int
    left_out: Mapping[str, int]
    faults: Sequence[str]
    is_cut: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """What a back-test tells.

    Attributes:
        events: rows read; left_out: rows that could not be used, by reason; None: fewer than `round_to`.
        crises: per rule (`name/version`) the types that are a crisis for it.
        condition_errors: conditions that could not be evaluated, as `events`.
    """

    read: Read
    events: Shown
    left_out: Mapping[str, Shown]
    policy: DisclosurePolicy
    by: tuple[str, ...]
    rules: tuple[RuleFindings, ...]
    teams: tuple[TeamFindings, ...]
    differences: tuple[Difference, ...]
    crises: Mapping[str, frozenset[str]]
    condition_errors: Shown


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked, as far as it shapes the answer.

    Attributes:
        rules, old: on trial; old is None without a comparison.
        teams: of the deployment.
        by: keys of groups.
        crises: types that are a crisis.
        policy: how strictly numbers are protected.
        public: by key the groups that anybody knows.
    """

    rules: RuleSet
    old: RuleSet | None
    teams: tuple[TeamPlan, ...]
    by: tuple[str, ...]
    crises: frozenset[str]
    policy: DisclosurePolicy
    public: Mapping[str, frozenset[str]]


def report(asked: Asked, counts: Counts, read: Read) -> Report:
    """Protects the counts of a back-test."""
    days = _days(read.first, read.last)
    calendar = asked.rules.calendar
    span = Span(
        months=months_of(read.first, read.last),
        working_days=sum(is_working_day(day, calendar) for day in days),
        by=asked.by,
        policy=asked.policy,
        public=asked.public,
    )
    crises = crises_of(asked.rules, asked.crises)
    rules = tuple(
        rule_findings(rule.key, counts.of(rule.key), span, has_crises=rule.key in crises) for rule in asked.rules.rules
    )
    return Report(
        read=read,
        events=about(read.events, asked.policy),
        left_out={reason: about(rows, asked.policy) for reason, rows in read.left_out.items()},
        policy=asked.policy,
        by=asked.by,
        rules=rules,
        teams=tuple(_teams(asked, rules, counts, span)),
        differences=tuple(_differences(asked, counts)),
        crises=crises,
        condition_errors=about(counts.condition_errors, asked.policy),
    )


def _teams(asked: Asked, rules: Iterable[RuleFindings], counts: Counts, span: Span) -> Iterable[TeamFindings]:
    leads = leads_of(asked.rules)
    for plan in asked.teams:
        proposals = [one.matches for one in rules if leads.get(one.rule) == plan.team]
        if proposals:
            yield team_findings(plan, counts, proposals, span)


def _differences(asked: Asked, counts: Counts) -> Iterable[Difference]:
    if asked.old is None:
        return
    for new, old in pairs(asked.rules.plans, asked.old.plans).items():
        ours, theirs = asked.rules.plans[new][0].rule, asked.old.plans[old][0].rule
        if ours.per is theirs.per:
            yield difference(new, ours.key, theirs.key, counts, asked.policy)


def _days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def months_of(first: date, last: date) -> tuple[str, ...]:
    """Every month from one day to another, `2025-03`."""
    begin, count = first.replace(day=1), (last.year - first.year) * 12 + last.month - first.month + 1
    return tuple(add_months(begin, number).isoformat()[:7] for number in range(count))


def day_of(moment: int, calendar: Calendar) -> date:
    """Local day of an instant, ms."""
    return local_date(moment, calendar)


def document(told: Report) -> dict[str, Any]:
    """The report as one JSON document; `docs/interfaces.md` says what it holds. Withheld numbers are null."""
    return {
        "history": {
            "from": told.read.first.isoformat(),
            "until": told.read.last.isoformat(),
            "events": told.events,
            "left_out": dict(sorted(told.left_out.items())),
            "faults": list(told.read.faults),
        },
        "disclosure": {"least": told.policy.least, "round_to": told.policy.round_to},
        "rules": [_rule(one, told) for one in told.rules],
        "teams": [_team(one) for one in told.teams],
        "differences": [_difference(one) for one in told.differences],
        "condition_errors": told.condition_errors,
    }


def _rule(one: RuleFindings, told: Report) -> dict[str, Any]:
    name, _, version = one.rule.rpartition("/")
    groups = {
        key: None
        if found is None
        else [
            {"values": list(group.values), "matches": group.matches, "periods": _periods(group.periods)}
            for group in found
        ]
        for key, found in one.groups.items()
    }
    return {
        "rule": name,
        "version": int(version),
        "matches": one.matches,
        "periods": None if one.periods is None else _periods(one.periods),
        "by": groups,
        "lead_time": None if one.lead_time is None else _lead_time(one.lead_time, sorted(told.crises[one.rule])),
    }


def _periods(periods: Iterable[Period]) -> list[dict[str, Any]]:
    return [{"from": one.first, "until": one.last, "matches": one.matches} for one in periods]


def _lead_time(one: LeadTime, types: list[str]) -> dict[str, Any]:
    days = {"lower": one.lower, "median": one.median, "upper": one.upper}
    return {"types": types, "crises": one.crises, "found": one.found, "followed": one.followed, "days": days}


def _team(one: TeamFindings) -> dict[str, Any]:
    return {
        "team": one.team,
        "capacity": one.capacity,
        "proposals": one.proposals,
        "mean": one.mean,
        "p95": one.p95,
        "busiest": one.busiest,
        "above_percent": one.above_percent,
    }


def _difference(one: Difference) -> dict[str, Any]:
    both = {"earlier": one.earlier, "same_day": one.same_day, "later": one.later}
    return {
        "rule": one.new, "compared_with": one.old, "both": one.both, "of_both": both,
        "only_new": one.only_new, "only_old": one.only_old,
    }  # fmt: skip
