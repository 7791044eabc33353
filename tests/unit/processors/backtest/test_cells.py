"""Cells and how small ones are joined; an attacker who knows the method tries to undo it."""

from __future__ import annotations

from collections import defaultdict
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.backtest.cells import Cell, joined, together


def cell(count: int, most: int = 40) -> Cell:
    """Each contributor counts once: the attacker's best case."""
    made = Cell(most)
    for number in range(count):
        made.add((f"p{id(made)}-{number}", f"h{id(made)}-{number}"))
    return made


counts = st.lists(st.integers(0, 30), max_size=12)


@given(counts, st.integers(3, 12))
def test_runs_hold_every_key_once_and_each_may_be_shown(given_counts: list[int], least: int):
    keys = [f"k{number:02}" for number in range(len(given_counts))]
    cells = dict(zip(keys, map(cell, given_counts), strict=True))
    runs = joined(keys, [list(cells.values())], least)
    if runs is None:
        assert 0 < sum(given_counts) < least
        return
    assert [key for run in runs for key in run] == keys
    assert all(together(cells[key] for key in run).is_open(least) for run in runs)


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), min_size=1, max_size=8))
def test_every_row_may_be_shown_in_every_run(pairs: list[tuple[int, int]]):
    keys = [str(number) for number in range(len(pairs))]
    rows = [[cell(one) for one, _ in pairs], [cell(other) for _, other in pairs]]
    for run in joined(keys, rows, 5) or []:
        for row in rows:
            assert together(row[int(key)] for key in run).is_open(5)


@given(st.permutations(range(30)), st.integers(1, 10), st.integers(1, 29))
def test_merging_in_any_order_knows_as_many_contributors(order: list[int], most: int, cut: int):
    whole, parts = Cell(most), (Cell(most), Cell(most))
    for place, number in enumerate(order):
        whole.add((f"p{number}", f"h{number // 2}"))
        parts[place < cut].add((f"p{number}", f"h{number // 2}"))
    parts[0].merge(parts[1])
    assert (parts[0].count, parts[0].size) == (whole.count, whole.size) == (30, min(most, 15))


def test_one_family_is_one_household_and_one_person_is_one_person():
    family, often = Cell(40), Cell(40)
    for number in range(20):
        family.add((f"p{number}", "h"))
        often.add(("p", f"h{number}"))
    assert (family.size, often.size) == (1, 1)
    assert not family.is_open(10)


@pytest.mark.parametrize(("keys", "most", "least"), [(2, 30, 5), (3, 14, 4), (4, 8, 3)])
def test_every_small_number_fits_what_is_shown(keys: int, most: int, least: int):
    """Of each key that is joined, an attacker cannot tell which of the counts that may not be shown it has."""
    names = [str(number) for number in range(keys)]
    fits: dict[object, list[set[int]]] = defaultdict(lambda: [set() for _ in names])
    for table in product(range(most + 1), repeat=keys):
        runs = joined(names, [[cell(count) for count in table]], least)
        if runs is None:
            shown: object = None
        else:
            shown = tuple((run, sum(table[int(key)] for key in run)) for run in runs)
        for place, count in enumerate(table):
            fits[shown][place].add(count)
    for shown, sets in fits.items():
        for run, total in shown or ():  # type: ignore[attr-defined]
            if len(run) > 1 and total < most:
                for key in run:
                    assert len(sets[int(key)]) >= least - 1, (shown, key, sets[int(key)])
