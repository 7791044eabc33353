"""Two versions of a rule on the same persons: whom both find, whom only one does, and who earlier.

Counts persons (or households), not matches: a case worker meets persons. Which persons they are never leaves
the process.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum

from processors.backtest.cells import Cell
from processors.backtest.counting import Counts
from processors.civil_time import Calendar, local_date
from processors.decisions import Decision


class Found(StrEnum):
    """Which version finds a person, and by the local day on which their first match is complete, which first."""

    SAME_DAY = "same day"
    EARLIER = "earlier"
    LATER = "later"
    ONLY_NEW = "only new"
    ONLY_OLD = "only old"


def pairs(new: Iterable[str], old: Iterable[str]) -> dict[str, str]:
    """Which rule is compared with which, by name: the one of the same name, or both sides' only one.

    >>> pairs(["arrears"], ["arrears-draft"])
    {'arrears': 'arrears-draft'}
    """
    ours, theirs = sorted(set(new)), sorted(set(old))
    if len(ours) == len(theirs) == 1:
        return {ours[0]: theirs[0]}
    return {name: name for name in ours if name in theirs}


def compare(
    paired: Mapping[str, str], new: Iterable[Decision], old: Iterable[Decision], calendar: Calendar, counts: Counts
) -> None:
    """Counts one subject under each pair of rules that finds them at all.

    Args:
        paired: new rule -> old rule, by name.
        new, old: matches of the subject that stand under each.
        calendar: for local days.
        counts: what it is added to.
    """
    first_new, first_old = _first(new), _first(old)
    for ours, theirs in paired.items():
        found, before = first_new.get(ours), first_old.get(theirs)
        match = found or before
        if match is not None:
            key = (ours, _found(found, before, calendar).value)
            cell = counts.difference.setdefault(key, Cell(counts.most))
            cell.add((match.person, match.household or match.person))


def _first(matches: Iterable[Decision]) -> dict[str, Decision]:
    """The earliest match of each rule."""
    first: dict[str, Decision] = {}
    for match in sorted(matches, key=lambda match: match.completed_at):
        first.setdefault(match.rule, match)
    return first


def _found(new: Decision | None, old: Decision | None, calendar: Calendar) -> Found:
    if new is None:
        return Found.ONLY_OLD
    if old is None:
        return Found.ONLY_NEW
    days, before = (local_date(match.completed_at, calendar) for match in (new, old))
    if days == before:
        return Found.SAME_DAY
    return Found.EARLIER if days < before else Found.LATER
