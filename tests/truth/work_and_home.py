"""Searches for the rules about work, income and the home, written from their prose."""

from __future__ import annotations

from dataclasses import replace

from tests.truth.days import days_before, end_of_days, end_of_months
from tests.truth.life import Event
from tests.truth.patterns import Found, Timeline, bind, following, number, openings


def job_lost_then_rent(line: Timeline) -> Found:
    """Job lost, then rent unpaid or a notice within 60 days; no benefit claimed through the later of both."""
    for loss in openings(line, "job_lost"):
        lost_at = line[loss].occurred_at
        troubles = {"rent_arrears_reported", "eviction_notice_served"}
        housing = following(line, loss, troubles, end_of_days(lost_at, 60))
        if housing is None:
            continue
        silent_until = max(line[housing].occurred_at, end_of_days(lost_at, 28))
        if following(line, loss, {"benefit_claimed"}, silent_until) is None:
            yield housing, bind("eviction-risk-after-job-loss", line, [loss, housing], silent_until)


def arrears_twice(line: Timeline) -> Found:
    """Rent arrears reported twice within 6 months."""
    for first in openings(line, "rent_arrears_reported"):
        until = end_of_months(line[first].occurred_at, 6)
        second = following(line, first, {"rent_arrears_reported"}, until)
        if second is not None:
            yield second, bind("repeated-rent-arrears", line, [first, second])


def short_contracts(line: Timeline) -> Found:
    """Three contracts or more of 3 months at most, 60 days apart at most, in 18 months; then none for 60 days."""
    for first in openings(line, "job_started"):
        end = end_of_months(line[first].occurred_at, 18)
        bound: list[int] = []
        start: int | None = first
        while start is not None:
            until = min(end, end_of_months(line[start].occurred_at, 3))
            ending = following(line, start, {"job_lost"}, until, _ran_out)
            if ending is None:
                break
            bound += [start, ending]
            until = min(end, end_of_days(line[ending].occurred_at, 60))
            start = following(line, ending, {"job_started"}, until)
        if len(bound) < 6:
            continue
        silent_until = end_of_days(line[bound[-1]].occurred_at, 60)
        if following(line, bound[-1], {"job_started"}, silent_until) is None:
            yield bound[-1], bind("short-contracts-and-then-none", line, bound, silent_until)


def _ran_out(event: Event) -> bool:
    return event.is_from(reason="contract_ended")


def ill_for_long(line: Timeline) -> Found:
    """Ill, and no end known after 4 months; told again after 8 and after 12."""
    for illness in openings(line, "sick_leave_started"):
        for times in (1, 2, 3):
            deadline = end_of_months(line[illness].occurred_at, 4 * times)
            if following(line, illness, {"sick_leave_ended"}, deadline) is None:
                found = bind("long-illness", line, [illness], deadline)
                yield illness, replace(found, bound=(*found.bound, f"time {times}"))


RENT_DEBT = {"rent_arrears_reported", "rent_arrears_cleared"}


def rent_debt_grows(line: Timeline) -> Found:
    """Three reports in a row in 6 months, none lower than the one before nor without an amount, 2 months apart at most.

    A payment ends the row.
    """
    told = [position for position, event in enumerate(line) if event.type in RENT_DEBT]
    for row in zip(told, told[1:], told[2:], strict=False):
        if _is_growing([line[position] for position in row]):
            yield row[-1], bind("rent-debt-that-grows", line, row)


def _is_growing(row: list[Event]) -> bool:
    first, *later = [event.occurred_at for event in row]
    amounts = [number(event, "amount") for event in row]
    return (
        all(event.type == "rent_arrears_reported" for event in row)
        and amounts == sorted(amounts)
        and amounts[0] >= 0
        and later[0] < end_of_months(first, 2)
        and later[1] < min(end_of_months(later[0], 2), end_of_months(first, 6))
    )


def notice_without_plan(line: Timeline) -> Found:
    """An eviction notice, and no debt plan agreed in the 90 days before.

    The file of debt plans is complete from a year before the town begins.
    """
    for notice in openings(line, "eviction_notice_served"):
        since = days_before(line[notice].occurred_at, 90)
        plans = [event for event in line[:notice] if event.type == "debt_plan_agreed" and event.occurred_at >= since]
        if not plans:
            yield notice, bind("notice-without-a-debt-plan", line, [notice], line[notice].occurred_at)


def eviction_case_goes_on(line: Timeline) -> Found:
    """A claim; arrears, notice or eviction within 6 months of it, and no payment before that."""
    steps = {"rent_arrears_reported", "eviction_notice_served", "eviction_executed"}
    for claim in openings(line, "eviction_claim_filed"):
        step = following(line, claim, steps, end_of_months(line[claim].occurred_at, 6))
        if step is not None and not any(event.type == "rent_arrears_cleared" for event in line[claim:step]):
            yield step, bind("eviction-case-goes-on", line, [claim, step], line[step].occurred_at)


def three_moves(line: Timeline) -> Found:
    """Three moves in 12 months; to the same place within 7 days is one move, where to must be known."""
    moves: list[int] = []
    for position in openings(line, "moved"):
        place, at = line[position].attributes.get("municipality_to"), line[position].occurred_at
        if place and not any(
            line[kept].is_from(municipality_to=place) and at < end_of_days(line[kept].occurred_at, 7) for kept in moves
        ):
            moves.append(position)
    for first, second, third in zip(moves, moves[1:], moves[2:], strict=False):
        if line[third].occurred_at < end_of_months(line[first].occurred_at, 12):
            yield third, bind("three-moves-in-a-year", line, [first, second, third])
