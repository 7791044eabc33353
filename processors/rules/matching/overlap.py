"""`overlap`: which matches of one rule count where several share time (`rules.md`, Rule level)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from processors.rules.matching.match import Candidate, Found, Opening
from processors.rules.matching.plan import FOREVER, Plan
from processors.rules.matching.run import Wait
from processors.rules.model import Overlap
from processors.timeline import Position

_BEFORE_ALL: Position = (-FOREVER, 0, 0, "")

Judged = list[tuple[Candidate, bool]]
"""Matches that count, in order of completion, each with whether that is sure."""


def taken(
    plan: Plan,
    found: Found,
    is_concluded: Callable[[Candidate], bool],
    is_open: Callable[[Opening], bool],
    resume: Position | None,
) -> Judged:
    """Which matches count, in order of completion, and whether that is sure.

    Args:
        plan: the rule.
        found: its candidates and open runs on one timeline.
        is_concluded: whether nothing still to come can change a candidate.
        is_open: whether a run can still bind more.
        resume: position up to which settled matches forbid new runs.
    """
    ordered = [c for c in sorted(found.candidates, key=lambda each: each.order) if c.first.at > (resume or _BEFORE_ALL)]
    match plan.rule.overlap:
        case Overlap.KEEP:
            return [(candidate, is_concluded(candidate)) for candidate in ordered]
        case Overlap.START_AFTER:
            return _start_after(ordered, is_concluded)
        case Overlap.LONGEST:
            openings = [*found.openings, *_rivals(plan, ordered)]
            return _longest(ordered, is_concluded, [each for each in openings if is_open(each)])


def _start_after(ordered: Iterable[Candidate], is_concluded: Callable[[Candidate], bool]) -> Judged:
    """A match shuts out the runs that other events opened up to its last event.

    One still waiting may do so yet: what it would shut out is not sure either.
    """
    shut: dict[Position, Position] = {}
    perhaps: dict[Position, Position] = {}
    kept: Judged = []
    for candidate in ordered:
        if _is_within(candidate, shut):
            continue
        is_sure = is_concluded(candidate) and not _is_within(candidate, perhaps)
        kept.append((candidate, is_sure))
        ends = shut if is_sure else perhaps
        ends[candidate.first.at] = max(candidate.last.at, ends.get(candidate.first.at, candidate.last.at))
    return kept


def _is_within(candidate: Candidate, shut: Mapping[Position, Position]) -> bool:
    """Whether the event that opened it lies up to the end of a match that another event opened.

    Args:
        candidate: the match.
        shut: by opening, the last event of its matches.
    """
    opened = candidate.first.at
    return any(opened <= last and opened != first for first, last in shut.items())


def _rivals(plan: Plan, candidates: Iterable[Candidate]) -> Iterator[Opening]:
    """Runs that may become longer than a candidate though they are complete, or not even begun.

    A repetition may go on, and the instant of a candidate's last event, which is all two matches need to
    share, may still bring the first event of a longer run.
    """
    for candidate in candidates:
        if candidate.growth:
            yield Opening(candidate.first, candidate.growth)
        heard = candidate.last.line.occurred_at + plan.settles_ms
        yield Opening(candidate.last, (Wait(heard + 1, heard, plan.feeds, FOREVER),))


def _longest(
    ordered: Sequence[Candidate], is_concluded: Callable[[Candidate], bool], openings: Sequence[Opening]
) -> Judged:
    """Of matches that share time the one with the longest span, then the earlier."""
    kept: list[Candidate] = []
    unsure: list[Candidate] = []
    for candidate in sorted(ordered, key=lambda each: (-_span(each), each.first.at, each.completed_at)):
        if any(_share_time(candidate, other) for other in kept):
            continue
        may_grow = any(_may_outgrow(each, candidate) for each in openings)
        if not is_concluded(candidate) or may_grow or any(_share_time(candidate, other) for other in unsure):
            unsure.append(candidate)
        else:
            kept.append(candidate)
    judged = [*((each, True) for each in kept), *((each, False) for each in unsure)]
    return sorted(judged, key=lambda each: each[0].order)


def _span(candidate: Candidate) -> int:
    return candidate.last.line.occurred_at - candidate.first.line.occurred_at


def _share_time(one: Candidate, other: Candidate) -> bool:
    return (
        one.first.line.occurred_at <= other.last.line.occurred_at
        and other.first.line.occurred_at <= one.last.line.occurred_at
    )


def _may_outgrow(opening: Opening, candidate: Candidate) -> bool:
    """Whether an open run can still become a match that shares time with the candidate and goes before it."""
    if opening.first.line.occurred_at > candidate.last.line.occurred_at:
        return False
    latest = max(wait.latest for wait in opening.waits)
    span = latest - 1 - opening.first.line.occurred_at
    return (-span, opening.first.at) < (-_span(candidate), candidate.first.at)
