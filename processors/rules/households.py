"""Which households a line concerns: a person's facts, shared with those they belonged to.

A household sees the events of its members while they belonged to it (`rules.md`, Meaning 1): a fact
belongs to the household its standing line names. A correction that names another one moves it; both
must hear every line of the fact then, the one to know that it left, the other to know what it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from processors.events import LifeEvent
from processors.timeline import Timeline, find, lines_of_fact


def at_home(timeline: Timeline, line: LifeEvent) -> LifeEvent:
    """The line with a household: one that replaces another and names none stays where that was."""
    if line.household or line.replaces is None:
        return line
    named = find(timeline, line.replaces)
    return line if named is None else replace(line, household=named.household, area=line.area or named.area)


def shared(timeline: Timeline, line: LifeEvent) -> Iterator[tuple[str, LifeEvent]]:
    """What households must hear after a line was put on a person's timeline.

    Args:
        timeline: of the person, with the line.
        line: the line.

    Yields:
        Household and line; lines a household heard before are yielded again where a fact has
        several, and are duplicates to it.
    """
    fact = lines_of_fact(timeline, line.id)
    for household in sorted({each.household for each in fact} - {""}):
        for each in fact:
            yield household, each
