"""Searches for the rules about families, health, prison and debt, written from their prose."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from tests.truth.days import end_of_days, end_of_months
from tests.truth.life import Event
from tests.truth.patterns import Found, Timeline, bind, following, number, openings


def absent_then_arrears(line: Timeline) -> Found:
    """Absence from school of a member, then rent arrears of any within 90 days."""
    for absence in openings(line, "absence_threshold_reached"):
        until = end_of_days(line[absence].occurred_at, 90)
        arrears = following(line, absence, {"rent_arrears_reported"}, until)
        if arrears is not None:
            yield arrears, bind("school-absence-and-rent-arrears", line, [absence, arrears])


def child_then_strain(line: Timeline) -> Found:
    """A child was born, then the parent's rent is unpaid or the job is lost within 12 months."""
    for birth in openings(line, "born", lambda event: event.is_from(role="parent")):
        until = end_of_months(line[birth].occurred_at, 12)
        strain = following(line, birth, {"rent_arrears_reported", "job_lost"}, until)
        if strain is not None:
            yield strain, bind("new-child-under-strain", line, [birth, strain])


def two_dismissed(line: Timeline) -> Found:
    """One member dismissed, another within 6 months, and no new job of the first before that."""
    for first in openings(line, "job_lost", _is_dismissal):
        who, lost_at = line[first].person, line[first].occurred_at
        second = next(
            (
                position
                for position in openings(line, "job_lost", _is_dismissal)
                if position > first and line[position].person != who
            ),
            None,
        )
        if second is None or line[second].occurred_at >= end_of_months(lost_at, 6):
            continue
        between = line[first + 1 : second]
        if not any(event.type == "job_started" and event.person == who for event in between):
            yield second, bind("two-members-out-of-work", line, [first, second], line[second].occurred_at)


def _is_dismissal(event: Event) -> bool:
    return event.attributes.get("reason") in ("dismissed", "redundancy")


def three_registers(line: Timeline) -> Found:
    """A job lost, rent arrears and a school left unfinished, in any order, in one household within 6 months."""
    wanted = {"job_lost", "rent_arrears_reported", "school_exited"}
    fitting = [position for position, event in enumerate(line) if event.type in wanted and not _finished_school(event)]
    for first in fitting:
        until = end_of_months(line[first].occurred_at, 6)
        bound: dict[str, int] = {}
        for position in fitting:
            if position >= first and line[position].occurred_at < until:
                bound.setdefault(line[position].type, position)
        if len(bound) == 3:
            positions = sorted(bound.values())
            yield positions[-1], bind("three-signals-in-one-household", line, positions)


def _finished_school(event: Event) -> bool:
    return event.type == "school_exited" and event.attributes.get("reason") in (None, "completed")


def discharged_without_care(line: Timeline) -> Found:
    """Out of hospital after 5 days or more, without a home-care plan."""
    for position in openings(line, "hospital_discharged", lambda event: event.is_from(home_care_plan=False)):
        if number(line[position], "stay_days") >= 5:
            yield position, bind("discharge-without-home-care", line, [position])


def back_in_hospital(line: Timeline) -> Found:
    """Out of hospital, and within 30 days again, then without a home-care plan."""
    for first in openings(line, "hospital_discharged"):
        until = end_of_days(line[first].occurred_at, 30)
        second = following(
            line, first, {"hospital_discharged"}, until, lambda event: event.is_from(home_care_plan=False)
        )
        if second is not None:
            yield second, bind("back-in-hospital-within-thirty-days", line, [first, second])


def two_in_hospital(line: Timeline) -> Found:
    """Two members of a household out of hospital within 30 days, each after 5 days or more."""
    long_stays = list(openings(line, "hospital_discharged", lambda event: number(event, "stay_days") >= 5))
    for first in long_stays:
        until = end_of_days(line[first].occurred_at, 30)
        for second in long_stays:
            if second > first and line[second].person != line[first].person:
                if line[second].occurred_at < until:
                    yield second, bind("two-members-in-hospital", line, [first, second])
                break


def arrears_after_hospital(line: Timeline) -> Found:
    """Out of hospital, then bills unpaid within 60 days; of a second stay within 30 days, if there was one first."""
    for stay in openings(line, "hospital_discharged"):
        left_at = line[stay].occurred_at
        again = following(line, stay, {"hospital_discharged"}, end_of_days(left_at, 30))
        arrears = following(line, stay, {"arrears_signalled"}, end_of_days(left_at, 60))
        bound = [stay]
        if again is not None and (arrears is None or again < arrears):
            bound = [stay, again]
            arrears = following(line, again, {"arrears_signalled"}, end_of_days(line[again].occurred_at, 60))
        if arrears is not None:
            yield arrears, bind("arrears-after-hospital", line, [*bound, arrears])


def birth_without_benefit(line: Timeline) -> Found:
    """A child born, and nobody of the household claims the family benefit within 60 days."""
    for birth in openings(line, "born", lambda event: event.is_from(role="child")):
        deadline = end_of_days(line[birth].occurred_at, 60)
        claim = following(line, birth, {"benefit_claimed"}, deadline, lambda event: event.is_from(benefit="family"))
        if claim is None:
            yield birth, bind("birth-without-family-benefit", line, [birth], deadline)


def bereaved_then_arrears(line: Timeline) -> Found:
    """Partner died, then rent or other bills unpaid within 12 months."""
    for death in openings(line, "died", lambda event: event.is_from(role="partner")):
        until = end_of_months(line[death].occurred_at, 12)
        arrears = following(line, death, {"rent_arrears_reported", "arrears_signalled"}, until)
        if arrears is not None:
            yield arrears, bind("arrears-after-bereavement", line, [death, arrears])


def released_without_address(line: Timeline) -> Found:
    """Out of prison without an address."""
    for position in openings(line, "prison_released", lambda event: event.is_from(has_address=False)):
        yield position, bind("release-without-address", line, [position])


def released_then_moved_or_silent(line: Timeline) -> Found:
    """Out of prison, and within 30 days either a move, wherever to, or the days pass without a benefit claimed."""
    for release in openings(line, "prison_released"):
        deadline = end_of_days(line[release].occurred_at, 30)
        move = following(line, release, {"moved"}, deadline)
        if move is not None:
            yield move, bind("release-then-move-or-no-claim", line, [release, move])
        elif following(line, release, {"benefit_claimed"}, deadline) is None:
            yield release, bind("release-then-move-or-no-claim", line, [release], deadline)


def released_twice(line: Timeline) -> Found:
    """Out of prison twice in 12 months."""
    for first in openings(line, "prison_released"):
        second = following(line, first, {"prison_released"}, end_of_months(line[first].occurred_at, 12))
        if second is not None:
            yield second, bind("released-twice-in-a-year", line, [first, second])


def different_creditors(line: Timeline) -> Found:
    """Two creditors within 6 months: a signal of one, and the next one is another's."""
    signals = list(openings(line, "arrears_signalled"))
    for first, second in pairwise(signals):
        is_in_time = line[second].occurred_at < end_of_months(line[first].occurred_at, 6)
        if is_in_time and line[first].agency != line[second].agency:
            yield second, bind("arrears-with-different-creditors", line, [first, second])


def first_bill_unanswered(line: Timeline) -> Found:
    """The first signal of somebody's life, and in 28 days neither paid nor a plan agreed."""
    for first in list(openings(line, "arrears_signalled"))[:1]:
        deadline = end_of_days(line[first].occurred_at, 28)
        if following(line, first, {"arrears_settled", "debt_plan_agreed"}, deadline) is None:
            yield first, bind("first-arrears-unanswered", line, [first], deadline)


def benefit_then_arrears(line: Timeline) -> Found:
    """A benefit stopped; of jobs, claims, other stops and bills the very next is a bill, within 90 days."""
    bills = {"rent_arrears_reported", "arrears_signalled"}
    others = {"benefit_stopped", "benefit_claimed", "job_started"}
    for stop in openings(line, "benefit_stopped"):
        nearest = following(line, stop, bills | others, end_of_days(line[stop].occurred_at, 90))
        if nearest is not None and line[nearest].type in bills:
            yield nearest, bind("benefit-stopped-then-arrears", line, [stop, nearest])


def bills_after_job_loss(line: Timeline) -> Found:
    """Job lost, not because a contract ended, and each signal of unpaid bills in the 6 months after it."""
    for loss in openings(line, "job_lost", _is_unforeseen):
        for signal in _until(line, loss, end_of_months(line[loss].occurred_at, 6)):
            if line[signal].type == "arrears_signalled":
                yield signal, bind("unpaid-bills-after-job-loss", line, [loss, signal])


def _is_unforeseen(event: Event) -> bool:
    return event.attributes.get("reason") not in (None, "contract_ended")


def _until(line: Timeline, start: int, before: int) -> Iterator[int]:
    return (position for position in range(start + 1, len(line)) if line[position].occurred_at < before)


def premium_unpaid(line: Timeline) -> Found:
    """Health premium 2 or 3 months unpaid, 4 or more within 3 months of that, and no bill paid in between."""
    for first in openings(
        line, "arrears_signalled", lambda event: _is_premium(event) and 2 <= number(event, "months") < 4
    ):
        until = end_of_months(line[first].occurred_at, 3)
        second = following(
            line, first, {"arrears_signalled"}, until, lambda event: _is_premium(event) and number(event, "months") >= 4
        )
        if second is not None and not any(event.type == "arrears_settled" for event in line[first + 1 : second]):
            until = line[second].occurred_at
            yield second, bind("health-premium-two-then-four-months", line, [first, second], until)


def _is_premium(event: Event) -> bool:
    return event.is_from(claim="health-premium")


def cold_with_baby(line: Timeline) -> Found:
    """A child born into a household whose energy is limited within 12 months."""
    for birth in openings(line, "born", lambda event: event.is_from(role="child")):
        until = end_of_months(line[birth].occurred_at, 12)
        limit = following(line, birth, {"energy_supply_limited"}, until)
        if limit is not None:
            yield limit, bind("energy-limited-with-a-baby", line, [birth, limit])
