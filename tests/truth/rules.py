"""The ten rules of the demo town, each written out as a plain search over one person's events.

Written from the rules' prose, not from the rule documents, so that a slip in either shows. A rule is
a function from a sorted list of events to *candidates*; `situations` then applies what all rules
share: order of completion, no run opened by events up to the last one bound, report not again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from tests.truth.days import DAY, end_of_days, end_of_months
from tests.truth.life import Event

SETTLING = 3 * DAY
"""How long after it occurred the slowest feed records an event; states the same as every contract."""


@dataclass(frozen=True, slots=True)
class Situation:
    """A rule's pattern, complete.

    Attributes:
        bound: ids of the events it rests on, in the order of the pattern.
        completed_at: when the pattern was complete, ms. due: earliest it can be known, ms.
    """

    rule: str
    person: str
    bound: tuple[str, ...]
    completed_at: int
    due: int


Timeline = Sequence[Event]
Search = Callable[[Timeline], Iterator[tuple[int, Situation]]]
"""Candidates with the position of the last event each binds; one per opening event, in order."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A search and how long a report keeps the next one back (None: each run reports)."""

    name: str
    opens: str
    search: Search
    quiet: Callable[[int], int] | None = None
    per_household: bool = False


def _next(line: Timeline, start: int, types: set[str], before: int) -> int | None:
    """Position of the first event of `types` after position `start` and before the instant `before`."""
    for position in range(start + 1, len(line)):
        if line[position].occurred_at >= before:
            return None
        if line[position].type in types:
            return position
    return None


def _bind(rule: str, line: Timeline, positions: list[int], silence_until: int | None = None) -> Situation:
    """The situation on these events; `silence_until` is the deadline its absence ran to, if it has one."""
    events = [line[position] for position in positions]
    recorded = max(event.recorded_at for event in events)
    completed, due = events[-1].occurred_at, recorded
    if silence_until is not None:
        completed, due = max(completed, silence_until), max(recorded, silence_until + SETTLING)
    return Situation(rule, events[-1].person, tuple(event.id for event in events), completed, due)


def _openings(line: Timeline, kind: str, **wanted: object) -> Iterator[int]:
    """Positions of the events that open a run."""
    for position, event in enumerate(line):
        if event.type == kind and event.is_from(**wanted):
            yield position


def job_lost_then_rent(line: Timeline) -> Iterator[tuple[int, Situation]]:
    """Job lost, then rent unpaid or a notice within 60 days; no benefit claimed through the later of both."""
    for loss in _openings(line, "job_lost"):
        lost_at = line[loss].occurred_at
        troubles = {"rent_arrears_reported", "eviction_notice_served"}
        housing = _next(line, loss, troubles, end_of_days(lost_at, 60))
        if housing is None:
            continue
        silent_until = max(line[housing].occurred_at, end_of_days(lost_at, 28))
        if _next(line, loss, {"benefit_claimed"}, silent_until) is None:
            yield housing, _bind("eviction-risk-after-job-loss", line, [loss, housing], silent_until)


def arrears_twice(line: Timeline) -> Iterator[tuple[int, Situation]]:
    """Rent arrears reported twice within 6 months."""
    for first in _openings(line, "rent_arrears_reported"):
        until = end_of_months(line[first].occurred_at, 6)
        second = _next(line, first, {"rent_arrears_reported"}, until)
        if second is not None:
            yield second, _bind("repeated-rent-arrears", line, [first, second])


def followed_by_nothing(
    rule: str, opens: str, absent: set[str], end: Callable[[int], int], line: Timeline
) -> Iterator[tuple[int, Situation]]:
    """An event, then none of `absent` until the window's end."""
    for opening in _openings(line, opens):
        if opens == "school_exited" and line[opening].attributes.get("reason") in (None, "completed"):
            continue
        if opens == "died" and not line[opening].is_from(role="partner"):
            continue
        deadline = end(line[opening].occurred_at)
        if _next(line, opening, absent, deadline) is None:
            yield opening, _bind(rule, line, [opening], deadline)


def discharged_without_care(line: Timeline) -> Iterator[tuple[int, Situation]]:
    """Out of hospital after 5 days or more, without a home-care plan."""
    for position in _openings(line, "hospital_discharged", home_care_plan=False):
        stay = line[position].attributes.get("stay_days")
        if isinstance(stay, int | float) and stay >= 5:
            yield position, _bind("discharge-without-home-care", line, [position])


def released_without_address(line: Timeline) -> Iterator[tuple[int, Situation]]:
    """Out of prison without an address."""
    for position in _openings(line, "prison_released", has_address=False):
        yield position, _bind("release-without-address", line, [position])


def absent_then_arrears(line: Timeline) -> Iterator[tuple[int, Situation]]:
    """Absence from school, then rent arrears within 90 days."""
    for absence in _openings(line, "absence_threshold_reached"):
        until = end_of_days(line[absence].occurred_at, 90)
        arrears = _next(line, absence, {"rent_arrears_reported"}, until)
        if arrears is not None:
            yield arrears, _bind("school-absence-and-rent-arrears", line, [absence, arrears])


def child_then_strain(line: Timeline) -> Iterator[tuple[int, Situation]]:
    """A child was born, then the parent's rent is unpaid or the job is lost within 12 months."""
    for birth in _openings(line, "born", role="parent"):
        until = end_of_months(line[birth].occurred_at, 12)
        strain = _next(line, birth, {"rent_arrears_reported", "job_lost"}, until)
        if strain is not None:
            yield strain, _bind("new-child-under-strain", line, [birth, strain])


def _silence(
    rule: str, opens: str, absent: set[str], end: Callable[[int], int], quiet: Callable[[int], int] | None = None
) -> Rule:
    return Rule(rule, opens, partial(followed_by_nothing, rule, opens, absent, end), quiet)


def _days(days: int) -> Callable[[int], int]:
    return lambda instant: end_of_days(instant, days)


def _months(months: int) -> Callable[[int], int]:
    return lambda instant: end_of_months(instant, months)


RULES = (
    Rule("eviction-risk-after-job-loss", "job_lost", job_lost_then_rent, _days(90)),
    Rule("repeated-rent-arrears", "rent_arrears_reported", arrears_twice, _months(6)),
    _silence("eviction-claim-unresolved", "eviction_claim_filed", {"rent_arrears_cleared"}, _days(21), _days(90)),
    _silence("school-exit-followed-by-nothing", "school_exited", {"school_enrolled", "job_started"}, _months(4)),
    Rule("discharge-without-home-care", "hospital_discharged", discharged_without_care),
    Rule("release-without-address", "prison_released", released_without_address),
    _silence(
        "income-gap-after-benefit-stop",
        "benefit_stopped",
        {"job_started", "benefit_claimed"},
        _days(30),
        _days(90),
    ),
    Rule("school-absence-and-rent-arrears", "absence_threshold_reached", absent_then_arrears, _months(6)),
    _silence("bereavement-without-support", "died", {"benefit_claimed"}, _days(60)),
    Rule("new-child-under-strain", "born", child_then_strain, _months(12)),
)


def situations(rule: Rule, line: Timeline, now: int) -> list[Situation]:
    """What a rule finds in the events known at `now`, sorted by `occurred_at`, then `recorded_at`.

    Args:
        line: events of one person (or household), sorted.
        now: ms; an absence counts from its deadline plus the settling time on.

    Returns:
        The situations reported, in order of completion, then of opening.
    """
    position_of = {event.id: position for position, event in enumerate(line)}
    candidates = [(last, found) for last, found in rule.search(line) if found.due <= now]
    candidates.sort(key=lambda pair: (pair[1].completed_at, position_of[pair[1].bound[0]]))
    reported: list[Situation] = []
    closed, quiet_until = -1, 0
    for last, found in candidates:
        if position_of[found.bound[0]] <= closed:
            continue
        closed = max(closed, last)
        if found.completed_at < quiet_until:
            continue
        reported.append(found)
        quiet_until = rule.quiet(found.completed_at) if rule.quiet else 0
    return reported
