"""The rules of the demo town, each a plain search over the events of one person or household.

Written from the rules' prose, not from the rule documents, so that a slip in either shows. A rule is
a function from a sorted list of events to *candidates*; `situations` then applies what all rules
share: order of completion, no run opened by events up to the last one bound, report not again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from functools import partial

from tests.truth import family_and_debt as family
from tests.truth import work_and_home as work
from tests.truth.days import end_of_working_days, midnight
from tests.truth.life import Event
from tests.truth.patterns import (
    Found,
    Search,
    Situation,
    Test,
    Timeline,
    anything,
    bind,
    days,
    following,
    for_ever,
    months,
    openings,
)

VALID_FROM = midnight(date(2025, 1, 1))
"""What was complete before that is no rule's business."""

START_AFTER, KEEP, LONGEST = range(3)
"""What a situation does to others that share time with it: closes what opens in it, nothing, or the longest stays."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A search and how long a report keeps the next one back (None: each run reports)."""

    name: str
    opens: frozenset[str]
    search: Search
    quiet: Callable[[int], int] | None = None
    overlap: int = START_AFTER
    per_household: bool = False


def _rule(
    name: str, opens: str, search: Search, quiet: Callable[[int], int] | None = None, overlap: int = START_AFTER
) -> Rule:
    return Rule(name, frozenset(opens.split()), search, quiet, overlap)


def _household(name: str, opens: str, search: Search, quiet: Callable[[int], int] | None = None) -> Rule:
    return Rule(name, frozenset(opens.split()), search, quiet, per_household=True)


def _silence(  # noqa: PLR0917  # one parameter per part of the sentence
    name: str,
    opens: str,
    absent: str,
    end: Callable[[int], int],
    quiet: Callable[[int], int] | None = None,
    fits: Test = anything,
) -> Rule:
    return _rule(name, opens, partial(_followed_by_nothing, name, opens, set(absent.split()), end, fits), quiet)


def _followed_by_nothing(  # noqa: PLR0917  # one parameter per part of the sentence
    name: str, opens: str, absent: set[str], end: Callable[[int], int], fits: Test, line: Timeline
) -> Found:
    """An event, then none of `absent` until the window's end."""
    for opening in openings(line, opens, fits):
        deadline = end(line[opening].occurred_at)
        if following(line, opening, absent, deadline) is None:
            yield opening, bind(name, line, [opening], deadline)


def _left_school_early(event: Event) -> bool:
    return event.attributes.get("reason") not in (None, "completed")


def _is(**wanted: object) -> Test:
    return lambda event: event.is_from(**wanted)


RULES = (
    # work and income
    _silence("income-gap-after-benefit-stop", "benefit_stopped", "job_started benefit_claimed", days(30), days(90)),
    _silence(
        "youth-guarantee-four-months",
        "job_seeker_registered",
        "job_seeker_offer_made job_started school_enrolled job_seeker_deregistered",
        months(4),
        fits=_is(age_group="under-30"),
    ),
    _silence(
        "long-term-unemployment",
        "job_seeker_registered",
        "job_integration_agreed job_started job_seeker_deregistered",
        months(18),
    ),
    _rule("short-contracts-and-then-none", "job_started", work.short_contracts, months(12), LONGEST),
    _rule("long-illness", "sick_leave_started", work.ill_for_long),
    # housing
    _rule("eviction-risk-after-job-loss", "job_lost", work.job_lost_then_rent, days(90)),
    _rule("repeated-rent-arrears", "rent_arrears_reported", work.arrears_twice, months(6)),
    _silence("eviction-claim-unresolved", "eviction_claim_filed", "rent_arrears_cleared", days(21), days(90)),
    _rule("rent-debt-that-grows", "rent_arrears_reported", work.rent_debt_grows, months(6)),
    _rule("notice-without-a-debt-plan", "eviction_notice_served", work.notice_without_plan, days(90)),
    _rule("eviction-case-goes-on", "eviction_claim_filed", work.eviction_case_goes_on, days(90)),
    _silence("evicted-without-a-new-address", "eviction_executed", "moved", days(14)),
    _household("three-moves-in-a-year", "moved", work.three_moves, months(12)),
    # children and school
    _silence(
        "school-exit-followed-by-nothing",
        "school_exited",
        "school_enrolled job_started",
        months(4),
        fits=_left_school_early,
    ),
    _household("school-absence-and-rent-arrears", "absence_threshold_reached", family.absent_then_arrears, months(6)),
    _silence(
        "expelled-without-a-new-school",
        "school_exited",
        "school_enrolled",
        lambda instant: end_of_working_days(instant, 15),
        fits=_is(reason="expelled"),
    ),
    _household("two-members-out-of-work", "job_lost", family.two_dismissed, months(6)),
    _household(
        "three-signals-in-one-household",
        "job_lost rent_arrears_reported school_exited",
        family.three_registers,
        months(6),
    ),
    # health and care
    _rule("discharge-without-home-care", "hospital_discharged", family.discharged_without_care),
    _rule("back-in-hospital-within-thirty-days", "hospital_discharged", family.back_in_hospital, days(90)),
    _household("two-members-in-hospital", "hospital_discharged", family.two_in_hospital, days(90)),
    _rule("arrears-after-hospital", "hospital_discharged", family.arrears_after_hospital, months(6)),
    # bereavement and birth
    _silence("bereavement-without-support", "died", "benefit_claimed", days(60), fits=_is(role="partner")),
    _rule("new-child-under-strain", "born", family.child_then_strain, months(12)),
    _household("birth-without-family-benefit", "born", family.birth_without_benefit),
    _rule("arrears-after-bereavement", "died", family.bereaved_then_arrears),
    # justice
    _rule("release-without-address", "prison_released", family.released_without_address),
    _rule("release-then-move-or-no-claim", "prison_released", family.released_then_moved_or_silent),
    _rule("released-twice-in-a-year", "prison_released", family.released_twice, months(12)),
    # debt
    _rule("arrears-with-different-creditors", "arrears_signalled", family.different_creditors, months(6)),
    _rule("first-arrears-unanswered", "arrears_signalled", family.first_bill_unanswered, for_ever),
    _rule("benefit-stopped-then-arrears", "benefit_stopped", family.benefit_then_arrears, months(6)),
    _rule("unpaid-bills-after-job-loss", "job_lost", family.bills_after_job_loss, days(30), KEEP),
    _silence("debt-plan-broken-off", "debt_plan_ended", "debt_plan_agreed", days(30), fits=_is(reason="broken-off")),
    _rule("health-premium-two-then-four-months", "arrears_signalled", family.premium_unpaid, months(6)),
    _household("energy-limited-with-a-baby", "born", family.cold_with_baby),
)


def situations(rule: Rule, line: Timeline, now: int) -> list[Situation]:
    """What a rule finds in the events known at `now`, sorted by `occurred_at`, then `recorded_at`.

    Args:
        line: events of one person (or household), sorted.
        now: ms; an absence counts from its deadline plus the settling time on. Until then it keeps what
            it would close undecided.

    Returns:
        The situations reported, in order of completion, then of opening.
    """
    position_of = {event.id: position for position, event in enumerate(line)}
    candidates = sorted(rule.search(line), key=lambda pair: (pair[1].completed_at, position_of[pair[1].bound[0]]))
    reported: list[Situation] = []
    quiet_until = 0
    for found in _LEFT[rule.overlap](candidates, position_of):
        if found.due > now or found.completed_at < max(quiet_until, VALID_FROM):
            continue
        reported.append(found)
        quiet_until = rule.quiet(found.completed_at) if rule.quiet else 0
    return reported


Candidates = Iterable[tuple[int, Situation]]


def _start_after(candidates: Candidates, position_of: dict[str, int]) -> list[Situation]:
    """Those that open after all that others before them bind; of one opening all."""
    left: list[Situation] = []
    closing: list[tuple[str, int]] = []
    for last, found in candidates:
        opening = found.bound[0]
        if any(other != opening and position_of[opening] <= until for other, until in closing):
            continue
        closing.append((opening, last))
        left.append(found)
    return left


def _keep(candidates: Candidates, _: dict[str, int]) -> list[Situation]:
    """All of them."""
    return [found for _, found in candidates]


def _longest(candidates: Candidates, position_of: dict[str, int]) -> list[Situation]:
    """Those of the longest span first, the earlier of equals; what shares time with one taken is left out."""
    taken: list[tuple[int, int, Situation]] = []
    by_span = sorted(candidates, key=lambda pair: (-pair[1].span, position_of[pair[1].bound[0]]))
    for last, found in by_span:
        first = position_of[found.bound[0]]
        if all(last < begins or ends < first for begins, ends, _ in taken):
            taken.append((first, last, found))
    return sorted((found for _, _, found in taken), key=lambda found: found.completed_at)


_LEFT = {START_AFTER: _start_after, KEEP: _keep, LONGEST: _longest}
