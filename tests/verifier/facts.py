"""What was told of one person and belongs to another: each such fact is somebody's, and of one person only."""

from __future__ import annotations

from collections import defaultdict

from processors.events import ChangeKind, LifeEvent
from processors.timeline import EMPTY, Timeline, apply, root_of
from processors.transfers import is_by_transfer
from tests.verifier.intake import is_told_anew
from tests.verifier.log import Log
from tests.verifier.place import LIFE, READERS, Place
from tests.verifier.report import Report


def check_facts(place: Place, log: Log, report: Report) -> None:
    """Checks every fact that was told anew or has left a person, by all that correlate has read."""
    check = report.check("a fact that leaves one person stands for one other, unless it was taken back")
    timelines: dict[str, Timeline] = defaultdict(lambda: EMPTY)
    moved, taken_back = set[str](), set[str | None]()
    for line in log.taken(READERS[LIFE], LIFE):
        event = place.codec.decode(line.value)
        if isinstance(event, LifeEvent):
            timelines[event.person], _ = apply(timelines[event.person], event)
            if event.change is ChangeKind.CREATED and is_told_anew(line):
                moved.add(event.id)
    owners: dict[str, list[str]] = defaultdict(list)
    for person, timeline in timelines.items():
        by_id = {line.id: line for line in timeline.lines}
        for live in timeline.standing:
            owners[live.root].append(person)
        for line in timeline.lines:
            if is_by_transfer(line):
                moved.add(line.replaces or "")
            elif line.change is ChangeKind.ANNULLED:
                taken_back.add(root_of(by_id, line.id))
    check.counted = len(moved)
    check.lost += [f"event {root[:12]}" for root in moved - taken_back if root not in owners]
    check.twice += [f"event {root[:12]} of {len(owners[root])} persons" for root in moved if len(owners[root]) > 1]
