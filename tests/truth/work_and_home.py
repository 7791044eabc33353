"""Searches for the rules about work, income and the home, written from their prose."""

from __future__ import annotations

from dataclasses import replace

from tests.truth.days import days_before, end_of_days, end_of_months
from tests.truth.life import Event
from tests.truth.patterns import Found, Test, Timeline, bind, following, number, openings


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
                found = bind("long-illness-without-a-talk", line, [illness], deadline)
                yield illness, replace(found, bound=(*found.bound, f"time {times}"))


def rent_debt_grows(line: Timeline) -> Found:
    """Three reports in 6 months, none lower than before, each 2 months after the last at most, none cleared."""
    for first in openings(line, "rent_arrears_reported"):
        bound = [first]
        while len(bound) < 3:
            until = min(end_of_months(line[bound[-1]].occurred_at, 2), end_of_months(line[first].occurred_at, 6))
            highest = max(number(line[position], "amount") for position in bound)
            step = following(
                line, bound[-1], {"rent_arrears_reported", "rent_arrears_cleared"}, until, _not_below(highest)
            )
            if step is None or line[step].type == "rent_arrears_cleared":
                break
            bound.append(step)
        if len(bound) == 3:
            yield bound[-1], bind("rent-debt-that-grows", line, bound)


def _not_below(highest: float) -> Test:
    return lambda event: event.type == "rent_arrears_cleared" or number(event, "amount") >= highest


def notice_without_plan(line: Timeline) -> Found:
    """An eviction notice, and no debt plan agreed in the 90 days before.

    The file of debt plans is complete from a year before the town begins.
    """
    for notice in openings(line, "eviction_notice_served"):
        since = days_before(line[notice].occurred_at, 90)
        plans = [event for event in line[:notice] if event.type == "debt_plan_agreed" and event.occurred_at >= since]
        if not plans:
            yield notice, bind("notice-without-a-debt-plan", line, [notice], line[notice].occurred_at)


CASE = {
    "eviction_claim_filed",
    "eviction_notice_served",
    "eviction_executed",
    "rent_arrears_reported",
    "rent_arrears_cleared",
}


def eviction_case_goes_on(line: Timeline) -> Found:
    """A claim; what comes next about the home is no payment; arrears, notice or eviction within 6 months."""
    for claim in openings(line, "eviction_claim_filed"):
        until = end_of_months(line[claim].occurred_at, 6)
        step = following(line, claim, CASE - {"eviction_claim_filed", "rent_arrears_cleared"}, until)
        if step is None:
            continue
        nearest = next(event for event in line[claim + 1 :] if event.type in CASE)
        if nearest.type != "rent_arrears_cleared":
            yield step, bind("eviction-case-goes-on", line, [claim, step], line[step].occurred_at)


def three_moves(line: Timeline) -> Found:
    """A household moves three times in 12 months; the same place again within 7 days is one and the same move."""
    moves: list[int] = []
    for position in openings(line, "moved"):
        place, at = line[position].attributes.get("municipality_to"), line[position].occurred_at
        if not any(
            line[kept].is_from(municipality_to=place) and at < end_of_days(line[kept].occurred_at, 7) for kept in moves
        ):
            moves.append(position)
    for first, second, third in zip(moves, moves[1:], moves[2:], strict=False):
        if line[third].occurred_at < end_of_months(line[first].occurred_at, 12):
            yield third, bind("three-moves-in-a-year", line, [first, second, third])
