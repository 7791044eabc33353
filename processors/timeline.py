"""The timeline of one person: every line heard about their facts, and which of them stand.

Lines are kept, facts are derived: a fact is what a `created` line and all lines that replace any
id of it say together (`rules.md`, Meaning 1 and 6). Knows nothing of rules and reads no clock.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple

import orjson

from processors.civil_time import Calendar, Duration, window_start
from processors.events import ChangeKind, LifeEvent, derived_id

MOST_LINES = 2_000
"""Lines kept per person; beyond that the oldest go, their ids stay known."""

Position = tuple[int, int, int, str]
"""Place on the timeline: `occurred_at`, `recorded_at`, arrival, id."""


class Applied(StrEnum):
    """What became of a line.

    `applied`: it is on the timeline. `duplicate`: its id was known, same content. `conflicting`:
    its id was known with another content; ignored too. `orphan`: it names a fact not heard of yet
    and is kept until that arrives. `settled`: it is older than what the timeline still holds; only
    its id is remembered.
    """

    APPLIED = "applied"
    DUPLICATE = "duplicate"
    CONFLICTING = "conflicting"
    ORPHAN = "orphan"
    SETTLED = "settled"


@dataclass(frozen=True, slots=True, eq=False)
class Lateness:
    """How late a line may come: `late.accept` of a rule, in days of its calendar.

    Compared by identity: get one from `lateness_of`.

    Attributes:
        sure_ms: what came no later than this is surely accepted.
    """

    accept: Duration
    calendar: Calendar
    sure_ms: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sure_ms", self.accept.at_least_ms)

    def is_exceeded(self, line: LifeEvent, occurred_at: int) -> bool:
        """Whether the line came too late for something that occurred at `occurred_at`, ms."""
        return occurred_at < line.heard and occurred_at < window_start(line.heard, self.accept, self.calendar)


@lru_cache(maxsize=256)
def lateness_of(accept: Duration, calendar: Calendar) -> Lateness:
    """The lateness for these values, always the same object."""
    return Lateness(accept, calendar)


class LiveEvent(NamedTuple):
    """A fact as it stands now.

    Attributes:
        root: the fact's first id.
        line: the line that stands: the original or its latest correction.
        at: its place on the timeline.
        ended_at: when the fact ended, ms; None while it lasts.
    """

    root: str
    line: LifeEvent
    at: Position
    ended_at: int | None = None


_NO_RESUME: Mapping[str, Position] = MappingProxyType({})
_ALWAYS_LATE = 1 << 62
NEVER = -(1 << 62)
"""Before every event."""


class Timeline(NamedTuple):
    """All that is known of a person, as a value; equal inputs in any order give equal `live`.

    Made by `timeline_of` and `apply`, which keep the derived parts right.

    Attributes:
        lines: kept lines, in order of their own position.
        since: ms; what occurred before has been trimmed and is settled; `NEVER`: nothing has.
        forgotten: ids of trimmed lines: a copy that comes long after is still a duplicate.
        resume: per `rule/version`, the position up to which settled matches forbid new runs.
        household: for the timeline of a household: facts that stand in another one are not its own.
        standing: derived: facts that stand, in order, whatever their lateness and household.
        types: derived: types of the lines.
        lag_ms: derived: the most by which a line came after what its feed had been heard up to; a
            lateness that accepts this much leaves nothing out.
    """

    lines: tuple[LifeEvent, ...] = ()
    since: int = NEVER
    forgotten: frozenset[str] = frozenset()
    resume: Mapping[str, Position] = _NO_RESUME
    household: str | None = None
    standing: tuple[LiveEvent, ...] = ()
    types: frozenset[str] = frozenset()
    lag_ms: int = 0

    @property
    def live(self) -> tuple[LiveEvent, ...]:
        """Facts that stand, in order, whatever their lateness."""
        return self.view(None)

    def view(self, lateness: Lateness | None) -> tuple[LiveEvent, ...]:
        """Facts that stand for a rule that leaves out lines too late by `lateness`; None: none are."""
        is_all = lateness is None or self.lag_ms <= lateness.sure_ms
        found = self.standing if is_all else _stand(self.lines, lateness)
        if self.household is None:
            return found
        return tuple([live for live in found if live.line.household == self.household])


EMPTY = Timeline()


def timeline_of(
    lines: Sequence[LifeEvent],
    since: int = NEVER,
    forgotten: frozenset[str] = frozenset(),
    resume: Mapping[str, Position] = _NO_RESUME,
    household: str | None = None,
) -> Timeline:
    """The timeline of these lines, in order of their position, no id twice; the rest as in `Timeline`."""
    kept = tuple(lines)
    types = frozenset([line.type for line in kept])
    return Timeline(kept, since, forgotten, resume, household, _stand(kept, None), types, _most_lag_ms(kept))


def _most_lag_ms(lines: Sequence[LifeEvent]) -> int:
    by_id = {line.id: line for line in lines}
    return max(0, *(_lag_ms(line, by_id) for line in lines)) if lines else 0


def _lag_ms(line: LifeEvent, by_id: Mapping[str, LifeEvent]) -> int:
    """By how much a line came too late at the most; one that replaces what is not known yet is always looked at."""
    if line.replaces is None:
        return line.heard - line.occurred_at
    named = by_id.get(line.replaces)
    return _ALWAYS_LATE if named is None else line.heard - min(line.occurred_at, named.occurred_at)


@lru_cache(maxsize=65_536)
def _with_type(types: frozenset[str], added: str) -> frozenset[str]:
    """Always the same set for the same types, so that look-ups by it are quick."""
    return types | {added}


def position(line: LifeEvent) -> Position:
    """Where a line stands on the timeline."""
    return (line.occurred_at, line.recorded_at, line.arrival, line.id)


def apply(timeline: Timeline, line: LifeEvent) -> tuple[Timeline, Applied]:
    """Puts one line on the timeline.

    Args:
        timeline: of the line's person.
        line: any change kind; a late one too: each rule leaves out what is too late for it.

    Returns:
        The timeline with it, and what became of the line; the same timeline if it was ignored. A copy told of
        another person takes the place of the line (on a household's timeline: its member was merged or split).
    """
    line_id = line.id
    for known in timeline.lines:
        if known.id == line_id:
            if known.person != line.person and _is_same(known, line):
                return _told_of_another(timeline, line), Applied.APPLIED
            return timeline, Applied.DUPLICATE if _is_same(known, line) else Applied.CONFLICTING
    if line_id in timeline.forgotten:
        return timeline, Applied.DUPLICATE
    if line.occurred_at < timeline.since if line.replaces is None else line.replaces in timeline.forgotten:
        return timeline._replace(forgotten=timeline.forgotten | {line.id}), Applied.SETTLED
    return _keep(timeline, line)


def _keep(timeline: Timeline, line: LifeEvent) -> tuple[Timeline, Applied]:
    lines, since, forgotten, resume, household, standing, types, lag_ms = timeline
    place = position(line)
    is_last = not lines or lines[-1].occurred_at < line.occurred_at or position(lines[-1]) < place
    if is_last:
        lines = (*lines, line)
    else:
        kept = list(lines)
        insort(kept, line, key=position)
        lines = tuple(kept)
    if line.type not in types:
        types = _with_type(types, line.type)
    is_new_fact = line.change is ChangeKind.CREATED and lag_ms < _ALWAYS_LATE  # no line waits for its original
    if is_new_fact and (not standing or standing[-1].at < place):
        standing = (*standing, LiveEvent(line.id, line, place, line.ended_at))
        lag_ms = max(lag_ms, line.heard - line.occurred_at)
    else:
        standing, lag_ms = _stand(lines, None), _most_lag_ms(lines)
    grown = Timeline(lines, since, forgotten, resume, household, standing, types, lag_ms)
    if len(lines) > MOST_LINES:
        grown = trim(grown, lines[len(lines) - MOST_LINES].occurred_at)
    if line.change is ChangeKind.CREATED:
        return grown, Applied.APPLIED
    is_known = root_of({each.id: each for each in lines}, line.id) is not None
    return grown, Applied.APPLIED if is_known else Applied.ORPHAN


def find(timeline: Timeline, line_id: str) -> LifeEvent | None:
    """The kept line of that id."""
    for line in timeline.lines:
        if line.id == line_id:
            return line
    return None


def lines_of_fact(timeline: Timeline, line_id: str) -> list[LifeEvent]:
    """All kept lines about the fact a line speaks of, in order; that line alone while its original is unknown."""
    if all(line.change is ChangeKind.CREATED for line in timeline.lines):
        return [line for line in timeline.lines if line.id == line_id]
    facts = _facts(timeline.lines).values()
    return next((lines for lines in facts if any(line.id == line_id for line in lines)), [])


def _is_same(known: LifeEvent, line: LifeEvent) -> bool:
    """Same content; what intake and the register add to a line is not content."""
    return (
        known.type == line.type
        and known.occurred_at == line.occurred_at
        and known.change is line.change
        and known.replaces == line.replaces
        and known.ended_at == line.ended_at
        and known.attributes == line.attributes
    )


def trim(timeline: Timeline, before: int) -> Timeline:
    """Drops the facts that occurred before `before` (ms), whole; their ids stay known.

    A fact is dropped with all its lines when what stands of it, or its original if it was
    annulled, occurred before. Lines whose original never came go by their own time.
    """
    if before <= timeline.since or not timeline.lines or timeline.lines[0].occurred_at >= before:
        return timeline
    gone = {line.id for lines in _facts(timeline.lines).values() if _is_over(lines, before) for line in lines}
    kept = tuple(line for line in timeline.lines if line.id not in gone)
    return timeline_of(kept, before, timeline.forgotten | gone, timeline.resume, timeline.household)


def _told_of_another(timeline: Timeline, line: LifeEvent) -> Timeline:
    lines = [line if known.id == line.id else known for known in timeline.lines]
    return timeline_of(lines, timeline.since, timeline.forgotten, timeline.resume, timeline.household)


def erase(timeline: Timeline, line_id: str) -> Timeline:
    """The timeline as if that line had never been: no copy of it is known as one."""
    kept = tuple(line for line in timeline.lines if line.id != line_id)
    forgotten = timeline.forgotten - {line_id}
    if len(kept) == len(timeline.lines) and forgotten == timeline.forgotten:
        return timeline
    return timeline_of(kept, timeline.since, forgotten, timeline.resume, timeline.household)


def _is_over(lines: list[LifeEvent], before: int) -> bool:
    return max(line.occurred_at for line in lines) < before


def root_of(by_id: Mapping[str, LifeEvent], line_id: str) -> str | None:
    """First id of the fact a line speaks of; None while its original has not arrived."""
    seen: set[str] = set()
    line = by_id.get(line_id)
    while line is not None and line.id not in seen:
        if line.change is ChangeKind.CREATED or line.replaces is None:
            return line.id if line.change is ChangeKind.CREATED else None
        seen.add(line.id)
        line = by_id.get(line.replaces)
    return None


def _facts(lines: Iterable[LifeEvent]) -> dict[str, list[LifeEvent]]:
    """Lines by the root of their fact; orphans stand under their own id."""
    by_id = {line.id: line for line in lines}
    facts: dict[str, list[LifeEvent]] = {}
    for line in by_id.values():
        facts.setdefault(root_of(by_id, line.id) or line.id, []).append(line)
    return facts


def _stand(lines: tuple[LifeEvent, ...], lateness: Lateness | None) -> tuple[LiveEvent, ...]:
    if all(line.change is ChangeKind.CREATED for line in lines):
        return tuple(
            [
                LiveEvent(line.id, line, position(line), line.ended_at)
                for line in lines
                if lateness is None or not lateness.is_exceeded(line, line.occurred_at)
            ]
        )
    by_id = {line.id: line for line in lines}
    standing = []
    for root, fact in _facts(lines).items():
        in_time = [line for line in fact if lateness is None or not is_late(by_id, line, lateness)]
        if len(in_time) == 1 and in_time[0].change is ChangeKind.CREATED:
            (line,) = in_time
            standing.append(LiveEvent(root, line, position(line), line.ended_at))
            continue
        live = _standing(root, in_time)
        if live is not None:
            standing.append(live)
    return tuple(sorted(standing, key=lambda live: live.at))


def is_late(by_id: Mapping[str, LifeEvent], line: LifeEvent, lateness: Lateness) -> bool:
    """Whether a line came too late (`rules.md`, Meaning 7).

    An annulment or an end is judged by the event it names, a correction by the earlier of both.

    Args:
        by_id: lines of the same person by id.
        line: the line.
        lateness: how late it may be.
    """
    named = by_id.get(line.replaces) if line.replaces is not None else None
    if named is None:
        return lateness.is_exceeded(line, line.occurred_at)
    if line.change is ChangeKind.CORRECTED:
        return lateness.is_exceeded(line, min(line.occurred_at, named.occurred_at))
    return lateness.is_exceeded(line, named.occurred_at)


def _standing(root: str, fact: list[LifeEvent]) -> LiveEvent | None:
    """What the lines of one fact say together; None if it never was, or is not known yet."""
    created = next((line for line in fact if line.id == root and line.change is ChangeKind.CREATED), None)
    if created is None:
        return None
    if any(line.change is ChangeKind.ANNULLED and not _is_of_former(line, created) for line in fact):
        return None
    corrections = [line for line in fact if line.change is ChangeKind.CORRECTED]
    content = max(corrections, key=_latest) if corrections else created
    if not content.household:  # a line that names none leaves the fact where it was
        named = max((line for line in fact if line.household), key=_latest, default=content)
        content = replace(content, household=named.household, area=content.area or named.area)
    ends = [line for line in fact if line.change is ChangeKind.ENDED]
    end = max(ends, key=_latest, default=None)
    is_ended = end is not None and (not corrections or _latest(end) > _latest(content))
    return LiveEvent(root, content, position(content), end.ended_at if is_ended and end else content.ended_at)


def transferred_id(root: str, person: str) -> str:
    """Id of the line that annuls a fact only for a person who has it no longer (`processors.transfers`)."""
    return derived_id("transferred", root, person)


def _is_of_former(line: LifeEvent, created: LifeEvent) -> bool:
    """Whether a line of a household's timeline annuls a fact for a member who had it before it became another's."""
    return line.person != created.person and line.id == transferred_id(line.replaces or "", line.person)


def _latest(line: LifeEvent) -> tuple[int, int, str]:
    return (line.recorded_at, line.arrival, line.id)


def pack(timeline: Timeline) -> bytes:
    """The timeline as bytes, for a store; `unpack` gives it back."""
    lines = [
        (
            *(x.id, x.type, x.person, x.household, x.area, x.agency, x.feed, x.occurred_at, x.recorded_at, x.arrival),
            *(x.heard, x.change, x.replaces, x.ended_at, x.attributes.decode("latin-1")),
        )
        for x in timeline.lines
    ]
    return orjson.dumps((lines, timeline.since, sorted(timeline.forgotten), dict(timeline.resume), timeline.household))


def unpack(data: bytes) -> Timeline:
    """Reads what `pack` wrote."""
    lines, since, forgotten, resume, household = orjson.loads(data)
    places: dict[str, Position] = {name: (p[0], p[1], p[2], p[3]) for name, p in resume.items()}
    return timeline_of([_line(parts) for parts in lines], since, frozenset(forgotten), places, household)


def _line(parts: list[Any]) -> LifeEvent:
    parts[11] = ChangeKind(parts[11])
    parts[14] = parts[14].encode("latin-1")
    return LifeEvent(*parts)
