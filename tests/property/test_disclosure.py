"""An attacker who knows the method, and everything that is published, against disclosure control."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import product

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from processors.disclosure.model import ALL, Measure, Tally
from processors.disclosure.policy import DisclosurePolicy
from processors.disclosure.protect import protect, rounded, withheld

Rule = Callable[[Sequence[Tally], DisclosurePolicy], frozenset[str]]
Shown = tuple[int | None, ...]
"""What is published of a group: its areas in order, then the total."""

WEEK = "2025-W03"

patient = settings(deadline=None)


def group_of(counts: Sequence[int]) -> list[Tally]:
    """A group in which each contributor counts once and in one area: the attacker's best case."""
    names = [*(f"a{place:02}" for place in range(len(counts))), ALL]
    return [Tally(Measure.OFFERS, name, "t", n, n) for name, n in zip(names, (*counts, sum(counts)), strict=True)]


def shown(group: Sequence[Tally], policy: DisclosurePolicy, rule: Rule = withheld) -> Shown:
    hidden = rule(group, policy)
    return tuple(None if row.area in hidden else rounded(row.count, policy.round_to) for row in group)


def fitting(areas: int, most: int, policy: DisclosurePolicy, rule: Rule) -> Iterator[tuple[Shown, int, set[int]]]:
    """What an attacker knows of each withheld cell: (published, place, every count that fits it).

    Tries all tables of so many areas with up to `most` in each; published totals near the edge of what
    was tried are left out, since tables beyond it would fit them too.
    """
    found: dict[Shown, list[set[int]]] = defaultdict(lambda: [set() for _ in range(areas + 1)])
    for counts in product(range(most + 1), repeat=areas):
        group = group_of(counts)
        sets = found[shown(group, policy, rule)]
        for place, row in enumerate(group):
            sets[place].add(row.count)
    for published, sets in found.items():
        if published[-1] is None or published[-1] <= most - policy.round_to:
            yield from ((published, place, fits) for place, fits in enumerate(sets) if published[place] is None)


def breaches(areas: int, most: int, policy: DisclosurePolicy, rule: Rule = withheld, least: int = 0) -> list[str]:
    """Withheld cells of which an attacker learns more than that they are small."""
    wanted = set(range(1, least or policy.least))
    return [
        f"{published}, place {place}: only {sorted(fits)[:12]}"
        for published, place, fits in fitting(areas, most, policy, rule)
        if len(fits) < len(wanted) or (place < areas and not wanted <= fits)
    ]


TABLES = [
    (1, 60, DisclosurePolicy(10, 5)),
    (2, 60, DisclosurePolicy(10, 5)),
    (3, 40, DisclosurePolicy(10, 5)),
    (3, 14, DisclosurePolicy(3, 1)),
    (3, 14, DisclosurePolicy(5, 4)),
    (4, 13, DisclosurePolicy(3, 3)),
    (4, 13, DisclosurePolicy(4, 1)),
    (5, 8, DisclosurePolicy(3, 1)),
]


@pytest.mark.parametrize(("areas", "most", "policy"), TABLES, ids=str)
def test_every_small_table_leaves_each_withheld_count_open(areas: int, most: int, policy: DisclosurePolicy):
    assert breaches(areas, most, policy) == []


# Planted bugs: the attacker above must find each, or it proves nothing.


def only_unsafe(group: Sequence[Tally], policy: DisclosurePolicy) -> frozenset[str]:
    """Without complementary suppression."""
    return frozenset(row.area for row in group if 0 < row.size < policy.least)


def with_next_smallest(group: Sequence[Tally], policy: DisclosurePolicy) -> frozenset[str]:
    """The usual complementary suppression: at least two withheld, of at least `least` together."""
    hidden = only_unsafe(group, policy)
    by_size = sorted((row for row in group if row.area not in hidden | {ALL} and row.size), key=lambda row: row.size)
    while hidden and ALL not in hidden:
        together = sum(row.size for row in group if row.area in hidden)
        if len(hidden) >= 2 and together >= policy.least:
            break
        hidden |= {by_size.pop(0).area if by_size else ALL}
    return hidden


def without_room(group: Sequence[Tally], policy: DisclosurePolicy) -> frozenset[str]:
    """The total stays although there are as many areas."""
    hidden = withheld(group, policy)
    return hidden - {ALL} if group[-1].size >= policy.least else hidden


def off_by_one(group: Sequence[Tally], policy: DisclosurePolicy) -> frozenset[str]:
    """`<=` where `<` belongs, the wrong way round."""
    return withheld(group, DisclosurePolicy(policy.least - 1, min(policy.round_to, policy.least - 1)))


@pytest.mark.parametrize(
    ("bug", "areas", "most", "policy"),
    [
        (only_unsafe, 2, 60, DisclosurePolicy(10, 5)),
        (with_next_smallest, 3, 150, DisclosurePolicy(4, 1)),
        (without_room, 4, 10, DisclosurePolicy(3, 1)),
        (off_by_one, 2, 60, DisclosurePolicy(10, 5)),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_the_attacker_finds_planted_bugs(bug: Rule, areas: int, most: int, policy: DisclosurePolicy):
    most = min(most, 40) if areas > 2 else most
    assert breaches(areas, most, policy, bug) != []


def test_withholding_the_next_smallest_would_tell_exactly():
    """The example of `protect`: nine, with 52 and 52."""
    policy, counts = DisclosurePolicy(10, 5), (9, 52, 52)
    published = shown(group_of(counts), policy, with_next_smallest)
    fits = [a for a in range(1, 10) for b in range(10, 80) for c in range(b, 80)
            if shown(group_of((a, b, c)), policy, with_next_smallest) == published]  # fmt: skip
    assert set(fits) == {9}
    assert {a for a in range(1, 10) if shown(group_of((a, 52, 52)), policy) == shown(group_of(counts), policy)} == set(
        range(1, 10)
    )


# Any number of areas, any counts.

policies = st.integers(3, 15).flatmap(
    lambda least: st.builds(DisclosurePolicy, st.just(least), st.integers(1, least), st.just(7))
)
tables = st.lists(st.integers(0, 12) | st.integers(0, 80), min_size=1, max_size=14)


@patient
@given(tables, policies, st.data())
def test_each_withheld_area_may_be_any_small_count(counts: list[int], policy: DisclosurePolicy, data: st.DataObject):
    published = shown(group_of(counts), policy)
    places = [place for place, value in enumerate(published[:-1]) if value is None]
    assume(places)
    place, count = data.draw(st.sampled_from(places)), data.draw(st.integers(1, policy.least - 1))
    assert any(shown(group_of(other), policy) == published for other in others(counts, published, place, count, policy))


def others(
    counts: Sequence[int], published: Shown, place: int, count: int, policy: DisclosurePolicy
) -> Iterator[list[int]]:
    """Tables with another count at that place that might look the same."""
    yield [count if at == place else n for at, n in enumerate(counts)]
    hidden = [at for at, value in enumerate(published[:-1]) if value is None and at != place]
    few = [count if at == place else 1 if at in hidden else n for at, n in enumerate(counts)]
    yield few
    total = published[-1]
    if total is not None and hidden:
        for near in range(total - policy.round_to, total + policy.round_to + 1):
            rest = near - sum(few)
            yield [n + rest if at == hidden[0] else n for at, n in enumerate(few)] if rest >= 0 else few


@st.composite
def tallies(draw: st.DrawFn) -> list[Tally]:
    """Groups in which one contributor may count often, and in several areas."""
    found: list[Tally] = []
    for type_ in draw(st.lists(st.sampled_from("abc"), min_size=1, max_size=3, unique=True)):
        sizes = draw(st.lists(st.integers(0, 30), min_size=1, max_size=8))
        rows = [
            Tally(Measure.EVENTS, f"a{i}", type_, n and n + draw(st.integers(0, 50)), n) for i, n in enumerate(sizes)
        ]
        size = draw(st.integers(max(sizes), sum(sizes)))
        found += [*rows, Tally(Measure.EVENTS, ALL, type_, sum(row.count for row in rows), size)]
    return found


@patient
@given(tallies(), policies)
def test_what_is_published_is_safe_rounded_and_complete(rows: list[Tally], policy: DisclosurePolicy):
    cells = protect(WEEK, rows, policy)
    assert {(cell.type, cell.area) for cell in cells} == {(row.type, row.area) for row in rows}
    by_place = {(cell.type, cell.area): cell.count for cell in cells}
    for row in rows:
        count = by_place[row.type, row.area]
        if count is None:
            assert row.count > 0, "an empty row is published as 0"
        elif row.count == 0:
            assert count == 0
        else:
            assert row.size >= policy.least
            assert count >= policy.round_to
            assert count % policy.round_to == 0
            assert abs(count - row.count) * 2 <= policy.round_to


@patient
@given(tallies(), policies)
def test_subtraction_never_narrows_a_withheld_count(rows: list[Tally], policy: DisclosurePolicy):
    """Plain arithmetic, for readers who do not know the method: total less all other areas."""
    cells = {(cell.type, cell.area): cell.count for cell in protect(WEEK, rows, policy)}
    for type_ in {row.type for row in rows}:
        areas = {area: count for (of, area), count in cells.items() if of == type_ and area != ALL}
        total, hidden = cells[type_, ALL], [area for area, count in areas.items() if count is None]
        if total is None or not hidden:
            continue
        spare = (policy.round_to - 1) // 2
        most = total + spare - sum(max(0, (count or 0) - policy.round_to // 2) for count in areas.values())
        assert len(hidden) >= 2
        assert most - (len(hidden) - 1) >= policy.least - 1


@patient
@given(tallies(), policies)
def test_the_order_of_rows_does_not_matter(rows: list[Tally], policy: DisclosurePolicy):
    assert protect(WEEK, rows[::-1], policy) == protect(WEEK, rows, policy)
