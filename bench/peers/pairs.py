"""The rule as a peer would write it by hand: an arrears report within thirty days of losing a job."""

from __future__ import annotations

from bench.workload import FIRST, SECOND, WITHIN_MS

RULE = frozenset({FIRST, SECOND})
"""All other types need no state."""

Waiting = list[tuple[str, int]]
"""Jobs lost and nothing after it yet: id of the event, when it occurred (ms)."""


def pair(waiting: Waiting, kind: str, id_: str, occurred_at: int) -> tuple[Waiting, list[tuple[str, str]]]:
    """One event of a person, in order: what is waited for now, and the matches it completes.

    >>> pair([("a", 0)], "rent_arrears_reported", "b", 5)
    ([], [('a', 'b')])
    """
    if kind == FIRST:
        return [*(one for one in waiting if occurred_at - one[1] <= WITHIN_MS), (id_, occurred_at)], []
    if kind != SECOND or not waiting:
        return waiting, []
    return [], [(lost, id_) for lost, at in waiting if occurred_at - at <= WITHIN_MS]
