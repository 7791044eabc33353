"""What the matches of one subject add to the counts of a back-test.

Counts are sums, so that subjects can be counted in any order, in any process, and put together. Unprotected:
`findings` makes of them what may be shown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar

from processors.backtest.cells import Cell
from processors.civil_time import Calendar, is_working_day, local_date
from processors.decisions import Decision
from processors.events import Attribute
from processors.rules.conditions import AttributeDecoder
from processors.timeline import LiveEvent, Timeline

UNKNOWN = "unknown"
"""Group of a match that says nothing of the key asked for."""

MOST_GROUPS = 1_000
"""Groups of one key; a key with more is not counted by group, else it would grow with the history."""

QUARTERS = 4
"""A cell remembers so many times the contributors without whom nothing is shown: enough for each quarter of days."""

FOUND_WITHIN_DAYS = 365
"""A crisis is found before when a match was known at most so many days earlier."""


_EXACT = 2**53
"""From here on not every whole number is a double."""

Key = TypeVar("Key")


@dataclass(frozen=True, slots=True)
class Question:
    """What a back-test is asked.

    Attributes:
        by: keys of groups: `area`, `agency`, or an attribute of the event that opens a match.
        crises: per rule (`name/version`) the types that are a crisis for it.
        leads: per rule the team in the lead; none for an experiment.
        calendar: zone and holidays; months and days are local.
        decode: attributes of an event.
        most: contributors a cell remembers, `QUARTERS` times those without whom nothing is shown.
    """

    by: tuple[str, ...]
    crises: Mapping[str, frozenset[str]]
    leads: Mapping[str, str]
    calendar: Calendar
    decode: AttributeDecoder
    most: int

    @property
    def needs_attributes(self) -> bool:
        """Whether some key is neither `area` nor `agency`."""
        return any(key not in ("area", "agency") for key in self.by)


@dataclass(slots=True)
class Groups:
    """Matches by group and month, of one key; empty when there are too many groups."""

    cells: dict[tuple[str, str], Cell] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)

    @property
    def is_too_many(self) -> bool:
        """Whether the key says too much to be a group."""
        return len(self.names) > MOST_GROUPS

    def add(self, group: str, month: str, contributor: tuple[str, str], most: int) -> None:
        """Counts a match."""
        if not self.is_too_many:
            self.names.add(group)
            _cell(self.cells, (group, month), most).add(contributor)

    def merge(self, other: Groups) -> None:
        """Adds the matches of other subjects."""
        if not self.is_too_many:
            self.names |= other.names
            merge_cells(self.cells, other.cells)
        if self.is_too_many:
            self.cells.clear()


@dataclass(slots=True)
class RuleCounts:
    """Counts of one rule version.

    Attributes:
        months: matches by the month in which they were complete, `2025-03`.
        groups: by key.
        followed, unfollowed: matches that a crisis followed at some time, and those that none did.
        found, missed: crises that a match came before by at most `FOUND_WITHIN_DAYS`, and the others.
        lead_days: how many days before the crisis a match was known, and how often.
    """

    followed: Cell
    unfollowed: Cell
    found: Cell
    missed: Cell
    months: dict[str, Cell] = field(default_factory=dict)
    groups: dict[str, Groups] = field(default_factory=dict)
    lead_days: Counter[int] = field(default_factory=Counter)


@dataclass(slots=True)
class Counts:
    """Everything a back-test counts; `difference` is filled by `difference.compare`.

    Attributes:
        workload: proposals by team, area and working day (an ordinal).
    """

    most: int
    rules: dict[str, RuleCounts] = field(default_factory=dict)
    workload: dict[tuple[str, str, int], Cell] = field(default_factory=dict)
    workload_cells: dict[str, Cell] = field(default_factory=dict)
    difference: dict[tuple[str, str], Cell] = field(default_factory=dict)
    condition_errors: int = 0

    def of(self, rule: str) -> RuleCounts:
        """Counts of a rule, `name/version`."""
        if rule not in self.rules:
            self.rules[rule] = RuleCounts(Cell(self.most), Cell(self.most), Cell(self.most), Cell(self.most))
        return self.rules[rule]

    def merge(self, other: Counts) -> None:
        """Adds the counts of other subjects."""
        for rule, counts in other.rules.items():
            own = self.of(rule)
            merge_cells(own.months, counts.months)
            for key, groups in counts.groups.items():
                own.groups.setdefault(key, Groups()).merge(groups)
            own.lead_days.update(counts.lead_days)
            for name in ("followed", "unfollowed", "found", "missed"):
                getattr(own, name).merge(getattr(counts, name))
        merge_cells(self.workload, other.workload)
        merge_cells(self.workload_cells, other.workload_cells)
        merge_cells(self.difference, other.difference)
        self.condition_errors += other.condition_errors


def merge_cells(into: dict[Key, Cell], cells: Mapping[Key, Cell]) -> None:
    """Adds cells to those of the same key."""
    for key, cell in cells.items():
        if key in into:
            into[key].merge(cell)
        else:
            into[key] = cell


@dataclass(frozen=True, slots=True)
class Watched:
    """A person (or household) as a back-test sees it: the timeline and the matches that stand."""

    timeline: Timeline
    matches: tuple[Decision, ...]


def count(question: Question, subject: Watched, counts: Counts) -> None:
    """Adds the matches of a subject, and how they relate to its crises.

    Args:
        question: what is asked.
        subject: with its whole timeline.
        counts: what they are added to.
    """
    for match in subject.matches:
        _match(question, subject, match, counts)
    if question.crises:
        _crises(question, subject, counts)


def _match(question: Question, subject: Watched, match: Decision, counts: Counts) -> None:
    rule = rule_of(match)
    own, contributor = counts.of(rule), _contributor(match)
    month = month_of(match.completed_at, question.calendar)
    _cell(own.months, month, counts.most).add(contributor)
    if question.by:
        opening = _opening(question, subject, match)
        for key in question.by:
            groups = own.groups.setdefault(key, Groups())
            groups.add(_group(key, match, opening), month, contributor, counts.most)
    lead = question.leads.get(rule)
    if lead is not None:
        day = (lead, match.area, _work_day(match.known_at, question.calendar))
        _cell(counts.workload, day, counts.most // QUARTERS).add(contributor)
        _cell(counts.workload_cells, lead, counts.most).add(contributor)


def rule_of(match: Decision) -> str:
    """The rule version that matched, as counts name it."""
    return f"{match.rule}/{match.version}"


def month_of(moment: int, calendar: Calendar) -> str:
    """Local month of an instant.

    >>> month_of(0, Calendar("UTC"))
    '1970-01'
    """
    return local_date(moment, calendar).isoformat()[:7]


def _contributor(match: Decision) -> tuple[str, str]:
    """Person and household; who has no known household is one of their own."""
    return match.person or match.household, match.household or match.person


def _cell(cells: dict[Key, Cell], key: Key, most: int) -> Cell:
    found = cells.get(key)
    if found is None:
        found = cells[key] = Cell(most)
    return found


def _opening(question: Question, subject: Watched, match: Decision) -> Mapping[str, Attribute]:
    """Attributes of the event that opened the match, if a key asks for them."""
    if not question.needs_attributes:
        return {}
    root = match.events[0].root
    live = next((live for live in subject.timeline.live if live.root == root), None)
    return question.decode(live.line.attributes) if live is not None and live.line.attributes else {}


def _group(key: str, match: Decision, opening: Mapping[str, Attribute]) -> str:
    if key == "area":
        return match.area or UNKNOWN
    if key == "agency":
        return match.events[0].agency or UNKNOWN
    value = opening.get(key)
    return UNKNOWN if value is None else _text(value)


def _text(value: Attribute) -> str:
    """A value as the name of a group: different numbers never have the same."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT:
        return str(int(value))
    return str(value)


def _work_day(moment: int, calendar: Calendar) -> int:
    """The working day on which a team first sees what became known then, as an ordinal."""
    day = local_date(moment, calendar)
    while not is_working_day(day, calendar):
        day += timedelta(days=1)
    return day.toordinal()


def _crises(question: Question, subject: Watched, counts: Counts) -> None:
    live = subject.timeline.live
    for rule, types in question.crises.items():
        crises = [event for event in live if event.line.type in types]
        matches = [match for match in subject.matches if rule_of(match) == rule]
        if crises or matches:
            _lead_times(question, counts.of(rule), crises, matches)


def _lead_times(
    question: Question, counts: RuleCounts, crises: Sequence[LiveEvent], matches: Sequence[Decision]
) -> None:
    for crisis in crises:
        is_found = any(0 <= _days(question, match, crisis) <= FOUND_WITHIN_DAYS for match in matches)
        contributor = crisis.line.person, crisis.line.household or crisis.line.person
        (counts.found if is_found else counts.missed).add(contributor)
    for match in matches:
        days = next((days for crisis in crises if (days := _days(question, match, crisis)) >= 0), None)
        (counts.unfollowed if days is None else counts.followed).add(_contributor(match))
        if days is not None:
            counts.lead_days[days] += 1


def _days(question: Question, match: Decision, crisis: LiveEvent) -> int:
    """Local days from when a match was known to a crisis after it; -1 for one that came before."""
    if crisis.line.occurred_at <= match.known_at:
        return -1
    known, came = (local_date(at, question.calendar) for at in (match.known_at, crisis.line.occurred_at))
    return (came - known).days
