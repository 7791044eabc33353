"""Which households a line concerns: a person's facts, shared with those they belonged to.

A household sees the events of its members while they belonged to it (`rules.md`, Meaning 1): a fact
belongs to the household its standing line names. A correction that names another one moves it; both
must hear every line of the fact then, the one to know that it left, the other to know what it is.
"""

from __future__ import annotations

from collections.abc import Iterator

from processors.events import LifeEvent
from processors.timeline import Timeline, lines_of_fact
from processors.transfers import is_by_transfer


def shared(timeline: Timeline, line: LifeEvent) -> Iterator[tuple[str, LifeEvent]]:
    """What households must hear after a line was put on a person's timeline.

    Args:
        timeline: of the person, with the line.
        line: the line.

    Yields:
        Household and line, those the fact leaves first; lines a household heard before are yielded
        again where a fact has several, and are duplicates to it. Of a fact that was transferred to another
        person only that: its lines are that person's to tell.
    """
    fact = lines_of_fact(timeline, line.id)
    told = [each for each in fact if is_by_transfer(each)] or fact
    stays = {live.line.household for live in timeline.live if any(live.root == each.id for each in fact)}
    for household in sorted({each.household for each in fact} - {""}, key=lambda each: (each in stays, each)):
        for each in told:
            yield household, each
