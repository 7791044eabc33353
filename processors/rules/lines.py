"""`headwater rules run`: decides over JSON lines with the clock those lines carry.

Pure: mappings in, mappings out. Clock and lateness are exactly those of `rules.md`, Command line:
a line is judged against what was heard before it, is applied, and only then moves the clock.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import orjson

from processors import timeline as timelines
from processors.civil_time import Calendar, format_instant, parse_instant
from processors.decisions import Decision
from processors.events import Attribute, ChangeKind, LifeEvent
from processors.rules import ledger as ledgers
from processors.rules.decide import Heard, Outcome, decide, judge_late
from processors.rules.ruleset import RuleSet

Line = Mapping[str, object]

_KEYS = frozenset({"id", "type", "person", "occurred_at", "recorded_at", "change", "replaces", "agency", "area"}) | {
    "household",
    "attributes",
    "ended_at",
}


class BadLine(ValueError):
    """A line of the input cannot be used; says which, why, and what to write instead."""

    def __init__(self, number: int, problem: str, remedy: str) -> None:
        super().__init__(f"line {number}: {problem}; {remedy}")
        self.number, self.problem, self.remedy = number, problem, remedy


def json_attributes(data: bytes) -> Mapping[str, Attribute]:
    """Decodes attributes as the lines of `rules run` and examples carry them."""
    decoded: dict[str, Attribute] = orjson.loads(data)
    return decoded


@dataclass(frozen=True, slots=True)
class _Person:
    timeline: timelines.Timeline = timelines.EMPTY
    ledger: ledgers.Ledger = ledgers.EMPTY
    wake_at: int | None = None


class Replay:
    """Decides over lines, one by one; the state between them.

    Attributes:
        counts: what became of the lines (`applied`, `duplicate`, ...) and failed conditions.
    """

    def __init__(self, rules: RuleSet) -> None:
        self._rules = rules.reading(json_attributes)
        self._clock: int | None = None
        self._heard = 0
        self._people: dict[str, _Person] = {}
        self._due: list[tuple[int, str]] = []
        self._queued: set[tuple[int, str]] = set()
        self.counts: Counter[str] = Counter()

    def advance(self, to: int) -> list[Decision]:
        """Moves the clock to `to`, ms, every feed heard up to then, inclusive."""
        self._begin(to)
        return self._move(to, max(self._heard, to), {})

    def event(self, line: LifeEvent) -> list[Decision]:
        """Applies one event line; its `heard` is set here."""
        is_first = self._clock is None
        clock = max(self._begin(line.recorded_at), line.recorded_at)
        line = replace(line, heard=min(0, line.occurred_at) if is_first else self._heard)
        person = self._people.get(line.person, _Person())
        late = [replace(decision, at=clock) for decision in judge_late(self._rules, person.timeline, line)]
        heard = max(self._heard, clock - 1)
        _, due = self._timers(person, clock, heard)
        timeline, applied = timelines.apply(person.timeline, line)
        self.counts[applied] += 1
        touched, decisions = self._timers(replace(person, timeline=timeline), clock, heard)
        touched, caused = self._decided(touched, clock, heard)
        self._keep(line.person, touched)
        on_time = {(decision.kind, decision.match): decision.at for decision in due}
        stamped = [replace(d, at=on_time.get((d.kind, d.match), clock)) for d in (*decisions, *caused)]
        return self._move(clock, heard, {line.person: late + stamped})

    def _begin(self, moment: int) -> int:
        if self._clock is None:
            self._clock, self._heard = moment, moment - 1
        return self._clock

    def _move(self, clock: int, heard: int, made: Mapping[str, list[Decision]]) -> list[Decision]:
        """Fires everything due up to `clock`; all decisions of the line in order of their clock."""
        self._clock, self._heard = max(self._clock or clock, clock), heard
        decisions = [decision for each in made.values() for decision in each]
        for name in self._due_people(clock, made):
            person, fired = self._timers(self._people[name], clock, heard)
            decisions.extend(fired)
            self._keep(name, person)
        return sorted(decisions, key=lambda decision: decision.at)

    def _due_people(self, clock: int, done: Iterable[str]) -> list[str]:
        names: dict[str, None] = {}
        while self._due and self._due[0][0] <= clock:
            due = heapq.heappop(self._due)
            self._queued.discard(due)
            names[due[1]] = None
        for name in done:
            if name in names:
                del names[name]
                self._keep(name, self._people[name])
        return list(names)

    def _keep(self, name: str, person: _Person) -> None:
        self._people[name] = person
        if person.wake_at is not None and (person.wake_at, name) not in self._queued:
            self._queued.add((person.wake_at, name))
            heapq.heappush(self._due, (person.wake_at, name))

    def _timers(self, person: _Person, clock: int, heard: int) -> tuple[_Person, list[Decision]]:
        """Decides at every due time up to `clock`, each at its own time."""
        decisions: list[Decision] = []
        while person.wake_at is not None and person.wake_at <= clock:
            before = person.wake_at
            person, made = self._decided(person, before, heard)
            decisions.extend(made)
            if person.wake_at is not None and person.wake_at <= before:
                break
        return person, decisions

    def _decided(self, person: _Person, now: int, heard: int) -> tuple[_Person, tuple[Decision, ...]]:
        outcome: Outcome = decide(self._rules, person.timeline, person.ledger, Heard(every=heard), now)
        self.counts["condition errors"] += outcome.condition_errors
        return _Person(person.timeline, outcome.ledger, outcome.wake_at), outcome.decisions


def run(rules: RuleSet, lines: Iterable[Line], until: int | None = None) -> Iterator[dict[str, object]]:
    """Decides over lines.

    Args:
        rules: the rule set.
        lines: objects as `headwater rules run` reads them, in order of arrival.
        until: a last `advance_to`, ms.

    Yields:
        Decisions as the command prints them.

    Raises:
        BadLine: a line cannot be used.
    """
    replay = Replay(rules)
    for number, line in enumerate(lines, start=1):
        for decision in feed(replay, line, number, rules.calendar):
            yield output(decision, rules.calendar)
    if until is not None:
        for decision in replay.advance(until):
            yield output(decision, rules.calendar)


def feed(replay: Replay, line: Line, number: int, calendar: Calendar) -> list[Decision]:
    """Gives one line, an event or a clock line, to a replay.

    Raises:
        BadLine: the line cannot be used.
    """
    if "advance_to" in line:
        return replay.advance(_moment(line, "advance_to", number, calendar))
    return replay.event(event_of(line, number, calendar))


def event_of(line: Line, number: int, calendar: Calendar) -> LifeEvent:
    """The life event an input line speaks of; `number` is its place in the input, from 1.

    Raises:
        BadLine: something is missing, unknown or unreadable.
    """
    if unknown := sorted(line.keys() - _KEYS):
        raise BadLine(number, f"`{unknown[0]}` is not known", f"use only {', '.join(sorted(_KEYS))}")
    occurred_at = _moment(line, "occurred_at", number, calendar)
    change = _change(line, number)
    return LifeEvent(
        id=_text(line, "id", number),
        type=_text(line, "type", number),
        person=_text(line, "person", number),
        household=str(line.get("household") or ""),
        area=str(line.get("area") or ""),
        agency=str(line.get("agency") or ""),
        feed="input",
        occurred_at=occurred_at,
        recorded_at=_moment(line, "recorded_at", number, calendar) if line.get("recorded_at") else occurred_at,
        arrival=number,
        change=change,
        replaces=None if change is ChangeKind.CREATED else _text(line, "replaces", number),
        ended_at=_ended_at(line, change, occurred_at, number, calendar),
        attributes=_attributes(line, number),
    )


def _change(line: Line, number: int) -> ChangeKind:
    try:
        return ChangeKind(str(line.get("change") or "created"))
    except ValueError:
        raise BadLine(number, f"`change: {line['change']}` is not known", f"use {', '.join(ChangeKind)}") from None


def _text(line: Line, key: str, number: int) -> str:
    value = line.get(key)
    if not isinstance(value, str) or not value:
        raise BadLine(number, f"`{key}` is missing or no text", f'write "{key}": "..."')
    return value


def _moment(line: Line, key: str, number: int, calendar: Calendar) -> int:
    moment = parse_instant(str(line.get(key, "")), calendar)
    if moment is None:
        raise BadLine(number, f"`{key}` is no time", f'write "{key}": "2026-01-05" or "2026-01-05T10:00:00Z"')
    return moment


def _ended_at(line: Line, change: ChangeKind, occurred_at: int, number: int, calendar: Calendar) -> int | None:
    """When a fact ended: as said, else for an `ended` line its own time."""
    if line.get("ended_at"):
        return _moment(line, "ended_at", number, calendar)
    return occurred_at if change is ChangeKind.ENDED else None


def _attributes(line: Line, number: int) -> bytes:
    attributes = line.get("attributes") or {}
    if not isinstance(attributes, Mapping):
        raise BadLine(number, "`attributes` is no object", 'write "attributes": {"amount": 400}')
    return orjson.dumps(attributes, option=orjson.OPT_SORT_KEYS) if attributes else b""


def output(decision: Decision, calendar: Calendar) -> dict[str, object]:
    """A decision as `headwater rules run` prints it."""
    steps: dict[str, list[str]] = {}
    for event in decision.events:
        steps.setdefault(event.step, []).append(event.id)
    line: dict[str, object] = {
        "decision": str(decision.kind),
        "rule": decision.rule,
        "version": decision.version,
        "match": decision.match,
        "person": decision.person,
        "steps": steps,
        "at": format_instant(decision.at, calendar),
        "completed_at": format_instant(decision.completed_at, calendar),
    }
    for key in ("replaces", "event", "reason"):
        if (value := getattr(decision, key)) is not None:
            line[key] = value
    return line
