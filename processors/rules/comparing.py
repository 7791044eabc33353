"""What two ledgers say differently: matches that stand on one and not on the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from processors.decisions import Decision, DecisionKind


@dataclass(frozen=True, slots=True)
class Stand:
    """A match that stands.

    Attributes:
        completed_at: event time, or deadline of an absence, at which the pattern was complete, ms.
    """

    rule: str
    version: int
    completed_at: int


@dataclass(frozen=True, slots=True)
class Difference:
    """What a rule finds now and did not before, and the other way round; ids of matches, in order of completion."""

    new: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    unchanged: int = 0


def take_up(standing: dict[str, Stand], decision: Decision) -> None:
    """Adds a decision to what stands; those for people to look at change nothing."""
    if decision.kind is DecisionKind.MATCHED:
        standing[decision.match] = Stand(decision.rule, decision.version, decision.completed_at)
    elif decision.kind is DecisionKind.WITHDRAWN:
        standing.pop(decision.match, None)


def differences(before: Mapping[str, Stand], now: Mapping[str, Stand], since: int) -> dict[str, Difference]:
    """Compares what stands, by rule.

    Args:
        before: by match.
        now: likewise.
        since: ms; only matches completed then or later count.

    Returns:
        By rule, in order of their names; rules of which neither has a match are left out.
    """
    ids: dict[str, dict[str, int]] = {}
    for each in (before, now):
        for match, stand in each.items():
            if stand.completed_at >= since:
                ids.setdefault(stand.rule, {})[match] = stand.completed_at
    return {
        rule: Difference(
            new=tuple(match for match in in_order if match not in before),
            gone=tuple(match for match in in_order if match not in now),
            unchanged=sum(match in before and match in now for match in in_order),
        )
        for rule, found in sorted(ids.items())
        for in_order in [sorted(found, key=lambda match: (found[match], match))]
    }
