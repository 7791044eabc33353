"""Which matches of a rule stand in the end on one subject's timeline.

The clock is past everything and every feed was heard: nothing waits any more. An `again` needs the
rule's `within`; without it there would be no end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.brute import civil, reading
from tests.brute.absences import Absences
from tests.brute.binding import Ahead, Binder, Row
from tests.brute.civil import Place, end_after, is_before_end
from tests.brute.events import Event, timeline
from tests.brute.limits import SinceFirst, State


@dataclass(frozen=True, order=True)
class Match:
    """What stands: completion in milliseconds, the ids of the events by step, the count of an `again`."""

    completed_at: int
    steps: tuple[tuple[str, tuple[str, ...]], ...]
    count: int | None = None


@dataclass(frozen=True)
class Candidate:
    """A match before overlap and report; `places` are its events on the timeline."""

    match: Match
    places: tuple[int, ...]

    @property
    def opening(self) -> int:
        """The place of its first event."""
        return self.places[0]

    @property
    def last(self) -> int:
        """The place of its last event."""
        return self.places[-1]


def standing(rule: dict[str, Any], events: list[Event], began: int, place: Place) -> set[Match]:
    """The matches that stand.

    Args:
        rule: The document as plain dicts and lists.
        events: The live events of one subject, in any order.
        began: When every feed began, in milliseconds.
        place: Time zone and holidays.
    """
    seen = timeline(rule, events, place)
    found = sorted(_candidates(rule, seen, began, place), key=lambda one: (one.match.completed_at, one.places))
    return {one.match for one in _reported(rule, _kept(rule, found, seen), place)}


def _candidates(rule: dict[str, Any], seen: tuple[Event, ...], began: int, place: Place) -> list[Candidate]:
    """Every match of every run."""
    parts = reading.parts(rule["steps"])
    binder = Binder(seen, place, frozenset(reading.lists(parts)))
    steps = {part.path: part.raw for part in _flat(parts)}
    absences = Absences(binder, began, reading.paths(parts), steps)
    limits = (SinceFirst(civil.length(rule["within"]), place, seen),) if "within" in rule else ()
    row: Row = tuple(Ahead(part, limits) for part in parts)
    openings = [at for at in range(len(seen)) if binder.begins(row, State(at - 1), at)]
    if rule.get("runs") == "first only":
        openings = openings[:1]
    states = [state for at in openings for state in dict.fromkeys(binder.ways(row, State(at - 1)))]
    return [one for state in states for one in _completed(rule, state, absences, seen)]


def _flat(parts: tuple[reading.Part, ...]) -> list[reading.Part]:
    return [one for part in parts for one in (part, *_flat(part.steps))]


def _completed(rule: dict[str, Any], state: State, absences: Absences, seen: tuple[Event, ...]) -> list[Candidate]:
    """The matches one binding makes: one, or one for each firing, or none if an absence fails."""
    deadlines = absences.deadlines(state)
    if deadlines is None:
        return []
    places = tuple(one.place for one in state.bound)
    done = max([seen[places[-1]].occurred_at, *deadlines])
    names = sorted({one.name for one in state.bound})
    steps = tuple((name, tuple(seen[at].id for at in state.places(name))) for name in names)
    if "within" in rule:
        end = end_after(seen[places[0]].occurred_at, civil.length(rule["within"]), absences.binder.place).at
        fired = absences.firings(state, end)
        if fired is not None:
            return [Candidate(Match(max(done, at), steps, count), places) for count, at in fired]
    return [Candidate(Match(done, steps), places)]


def _kept(rule: dict[str, Any], found: list[Candidate], seen: tuple[Event, ...]) -> list[Candidate]:
    """Without those that the overlap of the rule leaves out."""
    each = any(part.raw.get("each") for part in _flat(reading.parts(rule["steps"])))
    overlap = rule.get("overlap", "keep" if each else "start after")
    if overlap == "longest":
        return sorted(_longest(found, seen), key=found.index)
    kept: list[Candidate] = []
    for one in found:
        others = [other for other in kept if other.opening != one.opening]
        if overlap == "keep" or all(one.opening > other.last for other in others):
            kept.append(one)
    return kept


def _longest(found: list[Candidate], seen: tuple[Event, ...]) -> list[Candidate]:
    """Again and again the longest of those that share no time with one already kept."""

    def times(one: Candidate) -> tuple[int, int]:
        return seen[one.opening].occurred_at, seen[one.last].occurred_at

    kept: list[Candidate] = []
    for one in sorted(found, key=lambda one: (times(one)[0] - times(one)[1], one.places)):
        if all(times(one)[0] > times(other)[1] or times(one)[1] < times(other)[0] for other in kept):
            kept.append(one)
    return kept


def _reported(rule: dict[str, Any], kept: list[Candidate], place: Place) -> list[Candidate]:
    """Those that are told."""
    report = rule.get("report", "each run")
    if report in ("each run", "once"):
        return kept if report == "each run" else kept[:1]
    much = civil.length(report.removeprefix("not again for "))
    told: list[Candidate] = []
    for one in kept:
        ends = [end_after(other.match.completed_at, much, place) for other in told]
        if not any(is_before_end(one.match.completed_at, end) for end in ends):
            told.append(one)
    return told
