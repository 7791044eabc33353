"""Disclosure control of weekly counts: which cells are withheld, how the others are rounded.

A *group* is one measure and type in one week: a row per area and one for all. Its total is public
arithmetic, so that a withheld area must not follow from the total and the other areas, nor from
knowing this method. For the latter, what is withheld depends only on which rows are empty, safe and
unsafe, and on numbers that are published anyway; never on which safe row is the smallest. (Withholding
"the next smallest" gives small counts away: of 9, 52 and 52 the reader learns from 52 and 113 that
the withheld one is exactly 9, because the second withheld one cannot be above 52.)

1. A row is *unsafe* when fewer than `least` stand behind it (`Tally.size`), and there is anything to count.
2. No area unsafe: everything is published.
3. Some unsafe, two or more others safe: the unsafe areas and the total are withheld. Each unsafe area may
   then be anything unsafe: nothing that is published depends on it.
4. Else every area that is not empty is withheld, and the total is published, unless it is unsafe itself or
   so small for so many areas that each of them could only be small.

What follows: for every withheld row all counts from 1 to `least` - 1 (of a total: at least so many
different ones) fit everything that is published, also for a reader who knows this method.
`tests/property/test_disclosure.py` tries every small table.

Source: ONS, the 10-5 rule (see `policy`); Handbook on Statistical Disclosure Control, 2nd edition,
chapter 5, frequency tables, https://sdctools.github.io/HandbookSDC/05-frequency-tables.html; Wong, Fu, Wang and Pei,
"Minimality attack in privacy preserving data publishing", VLDB 2007; Kenthapadi, Mishra and Nissim,
"Denials leak information: simulatable auditing", J. Computer and System Sciences 79 (2013).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from processors.disclosure.model import ALL, Cell, Measure, Tally
from processors.disclosure.policy import DisclosurePolicy


def protect(week: str, tallies: Iterable[Tally], policy: DisclosurePolicy) -> list[Cell]:
    """A week's counts as they may be published, in order of measure, type and area.

    Args:
        week: the week they are of.
        tallies: each measure and type with one row per area and one for `all`.
        policy: how strictly.
    """
    groups: dict[tuple[Measure, str], list[Tally]] = defaultdict(list)
    for tally in tallies:
        groups[tally.measure, tally.type].append(tally)
    return [
        Cell(week, measure, tally.area, type_, None if tally.area in hidden else rounded(tally.count, policy.round_to))
        for (measure, type_), group in sorted(groups.items())
        for hidden in [withheld(group, policy)]
        for tally in sorted(group, key=lambda tally: tally.area)
    ]


def withheld(group: Sequence[Tally], policy: DisclosurePolicy) -> frozenset[str]:
    """Areas of one group, `all` among them, whose counts are not published.

    Args:
        group: one row per area and one for `all`.
        policy: how strictly.
    """
    (total,) = (tally for tally in group if tally.area == ALL)
    present = [tally for tally in group if tally.area != ALL and tally.count]
    unsafe = frozenset(tally.area for tally in present if tally.size < policy.least)
    if not unsafe:
        return frozenset()
    if len(present) - len(unsafe) >= 2:
        return unsafe | {ALL}
    areas = frozenset(tally.area for tally in present)
    is_total_public = total.size >= policy.least and _has_room(total.count, len(areas), policy)
    return areas if is_total_public else areas | {ALL}


def _has_room(total: int, areas: int, policy: DisclosurePolicy) -> bool:
    """Whether the published total leaves each of so many withheld areas, none of them empty, free enough.

    Twelve areas and a total of twelve would tell that each has one. Reckons with the published number only,
    so that the answer itself tells nothing more.
    """
    most_in_all = rounded(total, policy.round_to) + (policy.round_to - 1) // 2
    most_in_one = most_in_all - (areas - 1)
    return most_in_one >= policy.least + policy.round_to - 1


def rounded(count: int, base: int) -> int:
    """The nearest multiple of `base`, the greater of two as near.

    Always the same for the same count, so that a count published twice cannot be averaged; without
    bias over counts that are spread evenly when `base` is odd.

    >>> [rounded(count, 5) for count in (0, 10, 12, 13, 17)]
    [0, 10, 10, 15, 15]
    """
    return (count + base // 2) // base * base
