"""A back-test for people at a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import groupby

from processors.backtest.findings import Difference, Group, LeadTime, Period, RuleFindings, Shown, TeamFindings
from processors.backtest.report import Report
from streams.cli.printing import out, table

WITHHELD = "withheld"
_MOST_COLUMNS = 8
_MOST_IN_FULL = 3
"""Rules shown month by month; with more of them only the whole is shown."""

_RULE_HEADINGS = ("rule", "version", "matches", "crises", "found before", "median days before")
_TEAM_HEADINGS = ("team", "capacity", "proposals", "mean", "95 % of days up to", "busiest day", "days above")
_PAIR_HEADINGS = ("rule", "compared with", "both", "earlier", "same day", "later", "only new", "only old")


def print_report(told: Report) -> None:
    """Prints everything, months only when there are few rules."""
    read, policy = told.read, told.policy
    out().print(f"{so_many(told.events, policy.round_to)} events from {read.first} to {read.last}")
    if read.is_cut:
        out().print(
            "The clock was ended by hand. Do not publish this beside a back-test that ends a little earlier or later: "
            "what differs may be one person."
        )
    out().print(
        f"Every number stands for nobody or for at least {policy.least} persons and households, to the nearest "
        f"{policy.round_to}; smaller ones are joined with their neighbours, or withheld."
    )
    _print(
        "Rules", ("rule", "version", "matches", "crises", "found before", "median days before"), map(_rule, told.rules)
    )
    if len(told.rules) <= _MOST_IN_FULL:
        for rule in told.rules:
            _print_months(rule)
    else:
        out().print("\nMonth by month and by group: name one rule, or use --json or --page.")
    _print("Work for teams, by working day and area", _TEAM_HEADINGS, (_team(one, policy.least) for one in told.teams))
    _print("Persons or households found by each version", _PAIR_HEADINGS, map(_difference, told.differences))
    if told.condition_errors != 0:
        errors = so_many(told.condition_errors, policy.round_to)
        out().print(f"\n{errors} conditions could not be evaluated; `headwater rules why` shows them")


def _print(title: str, headings: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> None:
    listed = list(rows)
    if listed:
        out().print(f"\n{title}")
        out().print(table(headings, listed))


def _rule(one: RuleFindings) -> tuple[object, ...]:
    name, _, version = one.rule.rpartition("/")
    return (name, version, shown(one.matches), *_lead_time(one.lead_time))


def _lead_time(one: LeadTime | None) -> tuple[str, str, str]:
    if one is None:
        return ("-", "-", "-")
    return (shown(one.crises), shown(one.found), shown(one.median))


def _print_months(rule: RuleFindings) -> None:
    _print(f"{rule.rule}, by month in which it was complete", ("months", "matches"), _rows([rule.periods or ()]))
    for key, groups in rule.groups.items():
        if groups is None:
            out().print(f"\n{rule.rule}, by {key}: {WITHHELD}")
        else:
            _print_groups(f"{rule.rule}, by {key}", key, groups)


def _print_groups(title: str, key: str, groups: Sequence[Group]) -> None:
    """Groups as columns where there are few, else their totals below each other."""
    names = [" + ".join(one.values) for one in groups]
    if len(groups) > _MOST_COLUMNS:
        _print(title, (key, "matches"), [(name, one.matches) for name, one in zip(names, groups, strict=True)])
        return
    rows = _rows([one.periods for one in groups])
    _print(title, ("months", *names), [*rows, ("all", *(one.matches for one in groups))])


def _rows(columns: Sequence[Sequence[Period]]) -> list[tuple[object, ...]]:
    """Periods below each other, one column a group; those in which nothing happened anywhere as one."""
    rows: list[tuple[object, ...]] = []
    for empty, run in groupby(zip(*columns, strict=True), key=lambda row: not any(one.matches for one in row)):
        if empty:
            whole = [row[0] for row in run]
            rows.append((months(replace(whole[0], last=whole[-1].last)), *[0] * len(columns)))
        else:
            rows += [(months(row[0]), *(one.matches for one in row)) for row in run]
    return rows


def months(period: Period) -> str:
    """`2025-03`, or `2025-03 to 2025-05`."""
    return period.first if period.first == period.last else f"{period.first} to {period.last}"


def _team(one: TeamFindings, least: int) -> tuple[object, ...]:
    if one.proposals is None:
        return (one.team, one.capacity, *[WITHHELD] * 5)
    few = f"fewer than {least}"
    busy = (few if load is None else f"{load:,}" for load in (one.p95, one.busiest))
    above = few if one.above_percent is None else f"{one.above_percent} %"
    return (one.team, one.capacity, one.proposals, str(one.mean), *busy, above)


def _difference(one: Difference) -> tuple[object, ...]:
    numbers = (one.both, one.earlier, one.same_day, one.later, one.only_new, one.only_old)
    return (one.new, one.old, *map(shown, numbers))


def so_many(number: Shown, round_to: int) -> str:
    """A number of events or rows as people read it; None: fewer than `round_to`."""
    return f"fewer than {round_to}" if number is None else f"about {number:,}"


def shown(number: Shown) -> str:
    """A number as people read it."""
    return WITHHELD if number is None else f"{number:,}"
