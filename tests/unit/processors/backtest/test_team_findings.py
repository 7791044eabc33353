"""What is shown of a team's days: never a day behind which too few persons or households stand."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from processors.backtest.cells import Cell, together
from processors.backtest.counting import Counts
from processors.backtest.findings import Span, TeamPlan, most_remembered, team_findings
from processors.disclosure.policy import DisclosurePolicy

POLICY = DisclosurePolicy(least=3, round_to=1)
PLAN = TeamPlan("debt", 4, ("north",))


@st.composite
def days(draw: st.DrawFn) -> list[Cell]:
    """Days of one area: each some proposals to a few persons of a few households."""
    made = []
    for number in range(draw(st.integers(1, 8))):
        cell = Cell(POLICY.least)
        for _ in range(draw(st.integers(1, 9))):
            cell.add((f"p{draw(st.integers(0, 5))}-{number % 2}", f"h{draw(st.integers(0, 5))}"))
        made.append(cell)
    return made


@given(days(), st.integers(0, 20))
def test_days_are_told_only_with_enough_persons_and_households_behind_them(busy: list[Cell], quiet: int):
    counts = Counts(most_remembered(POLICY))
    for number, day in enumerate(busy):
        counts.workload["debt", "north", number] = day
        counts.workload_cells.setdefault("debt", Cell(counts.most)).merge(day)
    span = Span(("2025-01",), len(busy) + quiet, (), POLICY)
    found = team_findings(PLAN, counts, [10], span)
    if found.proposals is None:
        assert together(busy).size < POLICY.least
        return
    for load in (found.busiest, found.p95):
        if load is not None:
            alike = [day for day in busy if day.count == load]
            assert alike
            assert all(min(len(day.persons), len(day.households)) >= POLICY.least for day in alike)
    above = [day for day in busy if day.count > PLAN.capacity]
    if above and found.above_percent is not None:
        assert together(above).size >= POLICY.least
    if not above:
        assert found.above_percent == 0
    busiest = max(busy, key=lambda day: day.count)
    if all(day.size >= POLICY.least for day in busy):
        assert found.busiest == busiest.count
