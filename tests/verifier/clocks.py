"""Time: plan is told of it on its own input, and never before everybody who tells situations has come to it."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from itertools import accumulate

from processors.offers.model import SituationMark
from tests.verifier.log import Line, Log
from tests.verifier.place import CLOCKS, SITUATIONS, Place
from tests.verifier.report import Report


def check_clocks(place: Place, log: Log, report: Report) -> None:
    """Compares plan's marks with what `clocks.v1` said when each was written, as Kafka's timestamps have it."""
    check = report.check("plan is told no time to which somebody who tells situations has still to come")
    told: dict[int, list[tuple[SituationMark, Line]]] = defaultdict(list)
    for line, mark in _marks(place, log, CLOCKS):
        told[mark.source_partition].append((mark, line))
    # Compaction would have replaced the very first record: where that lies, everything ever said is there.
    is_whole = any(line.offset == 0 for line in log.of(CLOCKS))
    sources = max((mark.source_partitions for said in told.values() for mark, _ in said), default=0)
    reached = {source: list(accumulate((mark.now for mark, _ in said), max)) for source, said in told.items()}
    for line, mark in _marks(place, log, SITUATIONS):
        check.counted += 1
        if not sources or len(told) < sources:
            check.wrong.append(f"{line!r} tells {mark.now}, {len(told)} of {sources} clocks were told")
        for source, said in told.items():
            first = bisect_left(reached[source], mark.now)
            if first == len(said):
                check.wrong.append(f"{line!r} tells {mark.now}, clock {source} is at {reached[source][-1]}")
            elif (first or is_whole) and said[first][1].at > line.at:
                late = said[first][1].at - line.at
                check.wrong.append(f"{line!r} tells {mark.now}, clock {source} came to it {late} ms later")


def _marks(place: Place, log: Log, topic: str) -> list[tuple[Line, SituationMark]]:
    values = ((line, place.codec.decode(line.value)) for line in log.of(topic))
    return [(line, value) for line, value in values if isinstance(value, SituationMark)]
