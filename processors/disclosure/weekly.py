"""What happened by week, area and type, folded from the log; unprotected, so it never leaves the process.

A fold per partition takes events, decisions or offers in the order of the log, repetitions too. A week
that was released is forgotten: what concerns it later is dropped and counted.

Growth: the lines of persons whose events lie in open weeks, one small entry per match completed and one
per offer opened or ended in them. With a week open for two to three weeks, a place with 100,000 events a
week holds about 300,000 lines; nothing grows with the age of the log once weeks are released.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from processors.decisions import Decision, DecisionKind
from processors.disclosure.model import ALL, Contributor, Measure, Tally, size_of
from processors.events import LifeEvent
from processors.offers.model import OfferRecord, OfferState
from processors.timeline import EMPTY, Timeline, apply, find, root_of, timeline_of, trim


@dataclass(frozen=True, slots=True)
class Known:
    """What has a row even when it counts nothing: areas, and per measure its types."""

    areas: tuple[str, ...]
    types: Mapping[Measure, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Counted:
    """One thing that counts in one row."""

    measure: Measure
    area: str
    type: str
    contributor: Contributor


@dataclass(frozen=True, slots=True)
class _Match:
    stands: bool
    decided_at: int
    completed_at: int
    counted: Counted


@dataclass(frozen=True, slots=True)
class _Offer:
    version: int
    opened_at: int
    opened: Counted
    ended_at: int | None
    ended: Counted


class WeeklyFold:
    """Fold of one partition: whoever or whatever counts has all its lines in one.

    The caller owns it, one thread at a time.

    Attributes:
        open_from: ms; everything before lies in weeks that are out. 0: none is.
        earliest: ms; when the earliest line taken was recorded by its agency; None before the first.
        dropped: changes that came after the release of their week, by measure.
    """

    def __init__(self) -> None:
        self.open_from = 0
        self.earliest: int | None = None
        self.dropped: Counter[Measure] = Counter()
        self._timelines: dict[str, Timeline] = {}
        self._matches: dict[tuple[str, str], _Match] = {}
        self._offers: dict[str, _Offer] = {}

    @property
    def held(self) -> int:
        """Lines, matches and offers held."""
        return sum(len(each.lines) for each in self._timelines.values()) + len(self._matches) + len(self._offers)

    def take(self, value: LifeEvent | Decision | OfferRecord) -> None:
        """Takes one value from the log."""
        match value:
            case LifeEvent():
                self._event(value)
            case Decision():
                self._decision(value)
            case OfferRecord():
                self._offer(value)

    def counted(self) -> Iterator[tuple[int, Counted]]:
        """Everything that counts now, with when (ms)."""
        for timeline in self._timelines.values():
            for live in timeline.live:
                line = live.line
                counted = Counted(Measure.EVENTS, line.area, line.type, (line.person, line.household))
                yield line.occurred_at, counted
        for match in self._matches.values():
            if match.stands:
                yield match.completed_at, match.counted
        for offer in self._offers.values():
            yield offer.opened_at, offer.opened
            if offer.ended_at is not None:
                yield offer.ended_at, offer.ended

    def release(self, until: int) -> None:
        """Forgets everything before `until` (ms), the end of the newest week that is out."""
        self.open_from = until
        for person, timeline in list(self._timelines.items()):
            kept = trim(timeline, until)
            if kept is timeline:
                continue
            self.dropped[Measure.EVENTS] += _orphans(timeline) - _orphans(kept)
            if kept.lines:
                # A timeline remembers the ids of what it dropped; here they would grow for ever.
                self._timelines[person] = timeline_of(kept.lines)
            else:
                del self._timelines[person]
        self._matches = {id_: each for id_, each in self._matches.items() if each.completed_at >= until}
        self._offers = {id_: each for id_, each in self._offers.items() if self._concerns_open_week(each)}

    def _event(self, line: LifeEvent) -> None:
        self.earliest = line.recorded_at if self.earliest is None else min(self.earliest, line.recorded_at)
        timeline = self._timelines.get(line.person, EMPTY)
        is_of_known = line.replaces is not None and find(timeline, line.replaces) is not None
        if line.occurred_at < self.open_from and not is_of_known:
            self.dropped[Measure.EVENTS] += 1
            return
        self._timelines[line.person], _ = apply(timeline, line)

    def _decision(self, decision: Decision) -> None:
        if decision.kind in (DecisionKind.LATE, DecisionKind.REVIEW):
            return
        if decision.completed_at < self.open_from:
            self.dropped[Measure.SITUATIONS] += 1
            return
        key = decision.match, decision.subject
        held = self._matches.get(key)
        if held is not None and held.decided_at > decision.at:
            return
        contributor = (decision.person, decision.household)
        self._matches[key] = _Match(
            stands=decision.kind is DecisionKind.MATCHED,
            decided_at=decision.at,
            completed_at=decision.completed_at,
            counted=Counted(Measure.SITUATIONS, decision.area, decision.rule, contributor),
        )

    def _offer(self, record: OfferRecord) -> None:
        if record.state is OfferState.SUPPRESSED:
            return
        held = self._offers.get(record.offer)
        if held is not None and held.version >= record.version:
            return
        offer = _as_counted(record)
        if self._concerns_open_week(offer):
            self._offers[record.offer] = offer
        else:
            self._offers.pop(record.offer, None)
            if record.version == 1:
                self.dropped[Measure.OFFERS] += 1
            if offer.ended_at is not None:
                self.dropped[Measure.OUTCOMES] += 1

    def _concerns_open_week(self, offer: _Offer) -> bool:
        return offer.opened_at >= self.open_from or (offer.ended_at is not None and offer.ended_at >= self.open_from)


def by_week(counted: Iterable[tuple[int, Counted]], starts: Sequence[int]) -> list[list[Counted]]:
    """What counts in each of some successive weeks, in one pass.

    Args:
        counted: what the folds of all partitions hold, with when (ms).
        starts: first instants of the weeks, and the first instant after the last of them, ms.
    """
    weeks: list[list[Counted]] = [[] for _ in starts[1:]]
    for at, one in counted:
        if starts[0] <= at < starts[-1]:
            weeks[bisect_right(starts, at) - 1].append(one)
    return weeks


def tally(counted: Iterable[Counted], known: Known) -> list[Tally]:
    """Counts of one week: a row per area and one for all, of everything known or counted.

    Args:
        counted: what counts in that week.
        known: areas and types that have a row in any case.
    """
    rows: dict[tuple[Measure, str], dict[str, list[Contributor]]] = defaultdict(lambda: defaultdict(list))
    for one in counted:
        rows[one.measure, one.type][one.area].append(one.contributor)
    groups = {(measure, type_) for measure, types in known.types.items() for type_ in types} | rows.keys()
    return [row for group in sorted(groups) for row in _tallies(*group, rows.get(group, {}), known.areas)]


def _as_counted(record: OfferRecord) -> _Offer:
    household = (record.household, record.household)
    end = record.state.value if record.outcome is None else record.outcome.value
    return _Offer(
        version=record.version,
        opened_at=record.opened_at,
        opened=Counted(Measure.OFFERS, record.area, record.lead, household),
        ended_at=None if record.state.is_live else record.at,
        ended=Counted(Measure.OUTCOMES, record.area, end, household),
    )


def _orphans(timeline: Timeline) -> int:
    """Lines about a fact that is not there: it lay in a week that was released, or never came."""
    by_id = {line.id: line for line in timeline.lines}
    return sum(root_of(by_id, line.id) is None for line in timeline.lines)


def _tallies(
    measure: Measure, type_: str, by_area: Mapping[str, Sequence[Contributor]], areas: Iterable[str]
) -> Iterator[Tally]:
    for area in sorted({*areas, *by_area}):
        contributors = by_area.get(area, ())
        yield Tally(measure, area, type_, len(contributors), size_of(contributors))
    everyone = [one for contributors in by_area.values() for one in contributors]
    yield Tally(measure, ALL, type_, len(everyone), size_of(everyone))
