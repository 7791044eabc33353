"""What of a back-test's counts may be shown: rounded, joined with neighbours, or withheld.

The same limits as for weekly counts (`processors.disclosure.policy`), another method: a back-test is made
once over a long time, so small months are joined with their neighbours rather than left out, and every
number shown stands for nobody or for at least `least` persons and households (`cells.joined`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from processors.backtest.cells import Cell, joined, together
from processors.backtest.counting import QUARTERS, UNKNOWN, Counts, Groups, RuleCounts
from processors.backtest.difference import Found
from processors.disclosure.policy import DisclosurePolicy
from processors.disclosure.protect import rounded

OTHER = "other"
"""Group of all values of which none may be named, since too few stand behind each."""


@dataclass(frozen=True, slots=True)
class Span:
    """What the numbers are of.

    Attributes:
        months: every local month of the history, in order, `2025-03`.
        working_days: of the history.
        by: keys of groups.
        policy: how strictly they are protected.
        public: by key the groups that anybody knows, as a place's areas; others are named only with enough behind them.
    """

    months: tuple[str, ...]
    working_days: int
    by: tuple[str, ...]
    policy: DisclosurePolicy
    public: Mapping[str, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TeamPlan:
    """A team: its id, what it can take on a working day in an area, and its areas."""

    team: str
    capacity: int
    areas: tuple[str, ...]


Shown = int | None
"""A rounded number; None: withheld to protect persons."""


@dataclass(frozen=True, slots=True)
class Period:
    """Matches of one or more months together, first and last included, `2025-03`."""

    first: str
    last: str
    matches: int


@dataclass(frozen=True, slots=True)
class Group:
    """Matches of one or more groups together, over the whole history and by period."""

    values: tuple[str, ...]
    matches: int
    periods: tuple[Period, ...]


@dataclass(frozen=True, slots=True)
class LeadTime:
    """How long before a crisis a rule knew.

    Attributes:
        crises: crises that came, to persons of the history; None: withheld.
        found: of them, those that a match came before by at most a year.
        followed: matches that a crisis followed at any time.
        median, lower, upper: days from the match to that crisis, quartiles.
    """

    crises: Shown
    found: Shown
    followed: Shown
    median: Shown
    lower: Shown
    upper: Shown


@dataclass(frozen=True, slots=True)
class RuleFindings:
    """What is shown of one rule version.

    Attributes:
        rule: `name/version`.
        matches: over the whole history.
        periods: every month of the history, small ones joined; None when even the whole is withheld.
        groups: by key; None where the groups are too fine.
        lead_time: None when no type is a crisis for it.
    """

    rule: str
    matches: Shown
    periods: tuple[Period, ...] | None
    groups: Mapping[str, tuple[Group, ...] | None]
    lead_time: LeadTime | None


@dataclass(frozen=True, slots=True)
class TeamFindings:
    """What a team would have been proposed on each working day, in each of its areas.

    Attributes:
        capacity: new offers it can take on a working day in an area.
        proposals: over the whole history, the sum of what is shown of its rules.
        mean: of a working day in an area, from `proposals`.
        p95, busiest: proposals on such a day; None: too few persons or households are behind them.
        above_percent: share of such days above `capacity`, to the nearest 5; None likewise, all those days together.
    """

    team: str
    capacity: int
    proposals: Shown
    mean: float | None
    p95: Shown
    busiest: Shown
    above_percent: Shown


@dataclass(frozen=True, slots=True)
class Difference:
    """Persons found by the new and the old version of a rule (`name/version`); None when one number is too small."""

    new: str
    old: str
    both: Shown
    only_new: Shown
    only_old: Shown
    earlier: Shown
    same_day: Shown
    later: Shown


def rule_findings(rule: str, counts: RuleCounts, span: Span, has_crises: bool) -> RuleFindings:
    """What may be shown of one rule.

    Args:
        rule: `name/version`.
        counts: of it.
        span: months, keys and limits.
        has_crises: whether some type is a crisis for it.
    """
    policy = span.policy
    cells = {month: counts.months.get(month, _none(policy)) for month in span.months}
    runs = joined(span.months, [list(cells.values())], policy.least)
    return RuleFindings(
        rule=rule,
        matches=_shown(together([_none(policy), *cells.values()]), policy),
        periods=None if runs is None else _periods(runs, cells, policy),
        groups={key: None if runs is None else _groups(counts, key, runs, span) for key in span.by},
        lead_time=_lead_time(counts, policy) if has_crises else None,
    )


def _none(policy: DisclosurePolicy) -> Cell:
    return Cell(most_remembered(policy))


def most_remembered(policy: DisclosurePolicy) -> int:
    """Contributors a cell must remember: `least` for each quarter of the lead times."""
    return QUARTERS * policy.least


def _shown(cell: Cell, policy: DisclosurePolicy) -> Shown:
    return rounded(cell.count, policy.round_to) if cell.is_open(policy.least) else None


def _periods(
    runs: Iterable[tuple[str, ...]], cells: Mapping[str, Cell], policy: DisclosurePolicy
) -> tuple[Period, ...]:
    return tuple(
        Period(run[0], run[-1], rounded(sum(cells[month].count for month in run), policy.round_to)) for run in runs
    )


def _groups(counts: RuleCounts, key: str, periods: Sequence[tuple[str, ...]], span: Span) -> tuple[Group, ...] | None:
    """Groups of one key, in order of their names, small ones joined; periods only as fine as all of them allow."""
    groups, policy = counts.groups.get(key, Groups()), span.policy
    if groups.is_too_many:
        return None
    series = _series(groups, periods, span.public.get(key, frozenset()), policy)
    names = list(series)
    wholes = [together(series[name]) for name in names]
    found = joined(names, [wholes], policy.least)
    if found is None:
        return None
    rows = [[together(cells) for cells in zip(*(series[name] for name in run), strict=True)] for run in found]
    numbers = [str(number) for number in range(len(periods))]
    longer = joined(numbers, rows, policy.least) if rows else []
    return tuple(_group(run, row, periods, longer or [], policy) for run, row in zip(found, rows, strict=True))


def _series(
    groups: Groups, periods: Sequence[tuple[str, ...]], public: frozenset[str], policy: DisclosurePolicy
) -> dict[str, list[Cell]]:
    """Each group by period, in order of their names; at the end those that may not be named, as one.

    Being last they are joined with the group before them where they are too few even together.
    """
    empty = _none(policy)
    named: dict[str, list[Cell]] = {}
    others: list[list[Cell]] = []
    for name in sorted(groups.names, key=_place_in_order):
        row = [together([empty, *(groups.cells.get((name, month), empty) for month in run)]) for run in periods]
        is_public = name in public or name == UNKNOWN
        if name != OTHER and (is_public or together(row).size >= policy.least):
            named[name] = row
        else:
            others.append(row)
    if others:
        named[OTHER] = [together(cells) for cells in zip(*others, strict=True)]
    return named


def _place_in_order(name: str) -> tuple[bool, float, str]:
    """Numbers by size, then texts."""
    try:
        number = float(name)
    except ValueError:
        number = math.inf
    return (not math.isfinite(number), number if math.isfinite(number) else 0, name)


def _group(
    values: tuple[str, ...],
    row: Sequence[Cell],
    periods: Sequence[tuple[str, ...]],
    runs: Iterable[tuple[str, ...]],
    policy: DisclosurePolicy,
) -> Group:
    shown = []
    for run in runs:
        first, last = int(run[0]), int(run[-1])
        matches = rounded(sum(cell.count for cell in row[first : last + 1]), policy.round_to)
        shown.append(Period(periods[first][0], periods[last][-1], matches))
    return Group(values, rounded(sum(cell.count for cell in row), policy.round_to), tuple(shown))


def _lead_time(counts: RuleCounts, policy: DisclosurePolicy) -> LeadTime:
    crises = together((counts.found, counts.missed))
    is_split = counts.found.is_open(policy.least) and counts.missed.is_open(policy.least)
    is_followed = counts.followed.is_open(policy.least) and counts.unfollowed.is_open(policy.least)
    days, size = sorted(counts.lead_days.elements()), counts.followed.size if is_followed else 0
    return LeadTime(
        crises=_shown(crises, policy),
        found=_shown(counts.found, policy) if is_split else None,
        followed=_shown(counts.followed, policy) if is_followed else None,
        median=_quantile(days, 2, 4) if size >= 2 * policy.least else None,
        lower=_quantile(days, 1, 4) if size >= 4 * policy.least else None,
        upper=_quantile(days, 3, 4) if size >= 4 * policy.least else None,
    )


def _quantile(ordered: Sequence[int], part: int, parts: int) -> int:
    """The value below or at which so large a part lies: the nearest rank, of one or more values."""
    return ordered[max(0, -(-len(ordered) * part // parts) - 1)]


def team_findings(plan: TeamPlan, counts: Counts, proposals: Iterable[Shown], span: Span) -> TeamFindings:
    """What may be shown of a team's work.

    Args:
        plan: the team.
        counts: of the back-test.
        proposals: what is shown of the rules that name the team.
        span: working days and limits.
    """
    policy = span.policy
    days = {(area, day): cell for (lead, area, day), cell in counts.workload.items() if lead == plan.team}
    area_days = span.working_days * len({*plan.areas, *(area for area, _ in days)})
    whole = counts.workload_cells.get(plan.team, _none(policy))
    if not whole.is_open(policy.least) or not area_days:
        return TeamFindings(plan.team, plan.capacity, None, None, None, None, None)
    busy, shown = list(days.values()), sum(one or 0 for one in proposals)
    quiet = [0] * max(0, area_days - len(busy))
    loads = sorted([*quiet, *(cell.count for cell in busy)])
    above = [cell for cell in busy if cell.count > plan.capacity]
    return TeamFindings(
        team=plan.team,
        capacity=plan.capacity,
        proposals=shown,
        mean=round(shown / area_days, 1),
        p95=_load(_quantile(loads, 95, 100), busy, policy),
        busiest=_load(loads[-1], busy, policy),
        above_percent=_share(above, area_days, policy),
    )


def _load(proposals: int, days: Iterable[Cell], policy: DisclosurePolicy) -> Shown:
    """Proposals of a day; None unless enough stand behind each day with so many; that there was none is not told."""
    found = [day for day in days if day.count == proposals]
    is_open = bool(found) and all(day.size >= policy.least for day in found)
    return rounded(proposals, policy.round_to) if is_open else None


def _share(above: Sequence[Cell], area_days: int, policy: DisclosurePolicy) -> Shown:
    """Percent of all days, to the nearest 5; None unless enough stand behind them together, or there is none."""
    is_open = not above or together(above).size >= policy.least
    return rounded(round(100 * len(above) / area_days), 5) if is_open else None


def about(count: int, policy: DisclosurePolicy) -> Shown:
    """A number of events or rows, to the nearest `round_to`; None: some, but fewer than that."""
    return None if 0 < count < policy.round_to else rounded(count, policy.round_to)


def difference(name: str, new: str, old: str, counts: Counts, policy: DisclosurePolicy) -> Difference:
    """What may be shown of two versions: all three parts, or none.

    The new version's own matches are shown beside it. A part left out could be worked out from the others.

    Args:
        name: of the new rule.
        new, old: what is compared, `name/version`.
        counts: of the back-test.
        policy: how strictly.
    """
    cells = {found: counts.difference.get((name, found.value), _none(policy)) for found in Found}
    moved = [cells[found] for found in (Found.EARLIER, Found.SAME_DAY, Found.LATER)]
    parts = [together(moved), cells[Found.ONLY_NEW], cells[Found.ONLY_OLD]]
    is_open = all(part.is_open(policy.least) for part in parts)
    is_split = is_open and all(cell.is_open(policy.least) for cell in moved)
    both, only_new, only_old = (_shown(part, policy) if is_open else None for part in parts)
    earlier, same_day, later = (_shown(cell, policy) if is_split else None for cell in moved)
    return Difference(new, old, both, only_new, only_old, earlier, same_day, later)
