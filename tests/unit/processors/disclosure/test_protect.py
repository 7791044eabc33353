"""Disclosure control by example; `tests/property/test_disclosure.py` attacks it."""

from __future__ import annotations

import pytest

from processors.disclosure.model import ALL, Cell, Measure, Tally
from processors.disclosure.policy import DisclosurePolicy
from processors.disclosure.protect import protect, rounded

POLICY = DisclosurePolicy()


def published(*rows: tuple[int, int], total: tuple[int, int] | None = None) -> list[int | None]:
    """Areas in order, then the total; rows are (count, size)."""
    whole = total or (sum(count for count, _ in rows), sum(size for _, size in rows))
    group = [Tally(Measure.EVENTS, f"a{place}", "t", *row) for place, row in enumerate(rows)]
    cells = protect("2025-W03", [*group, Tally(Measure.EVENTS, ALL, "t", *whole)], POLICY)
    by_area = {cell.area: cell.count for cell in cells}
    return [*(by_area[row.area] for row in group), by_area[ALL]]


@pytest.mark.parametrize(
    ("counts", "shown"),
    [
        ((0, 0, 0), [0, 0, 0, 0]),
        ((12, 23, 10), [10, 25, 10, 45]),
        ((10, 0, 0), [10, 0, 0, 10]),
        ((9, 0, 0), [None, 0, 0, None]),
        ((9, 9, 0), [None, None, 0, 20]),
        ((3, 4, 0), [None, None, 0, None]),
        ((9, 31, 0), [None, None, 0, 40]),
        ((9, 31, 52), [None, 30, 50, None]),
        ((1,), [None, None]),
        ((14,), [15, 15]),
        ((1,) * 12, [None] * 13),
    ],
)
def test_what_is_published(counts: tuple[int, ...], shown: list[int | None]):
    assert published(*((n, n) for n in counts)) == shown


def test_contributors_decide_and_not_events():
    assert published((400, 1), (0, 0)) == [None, 0, None]
    assert published((40, 9), (11, 11)) == [None, None, 50]


def test_a_total_counts_who_moved_between_areas_once():
    assert published((8, 8), (8, 8), total=(16, 9)) == [None, None, None]


def test_cells_come_in_order_with_their_week():
    rows = [Tally(m, a, "t", 0, 0) for m in (Measure.OFFERS, Measure.EVENTS) for a in ("b", ALL, "a")]
    assert protect("2025-W03", rows, POLICY) == [
        Cell("2025-W03", m, a, "t", 0) for m in (Measure.EVENTS, Measure.OFFERS) for a in ("a", ALL, "b")
    ]


@pytest.mark.parametrize(("base", "expected"), [(1, [0, 1, 2, 3, 4, 5, 6, 7]), (4, [0, 0, 4, 4, 4, 4, 8, 8])])
def test_rounding_is_to_the_nearest(base: int, expected: list[int]):
    assert [rounded(count, base) for count in range(8)] == expected


@pytest.mark.parametrize(
    ("limits", "named"),
    [
        ({"least": 2, "round_to": 1}, "least"),
        ({"least": 4}, "round_to"),
        ({"round_to": 0}, "round_to"),
        ({"settle_days": -1}, "settle"),
    ],
)
def test_limits_that_protect_nobody_are_refused(limits: dict[str, int], named: str):
    with pytest.raises(ValueError, match=named):
        DisclosurePolicy(**limits)
