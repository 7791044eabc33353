"""`headwater rules run`: decides over JSON lines with the clock those lines carry.

Pure: mappings in, mappings out. Clock and lateness are exactly those of `rules.md`, Command line:
a line is judged against what was heard before it, is applied, and only then moves the clock.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import orjson

from processors import timeline as timelines
from processors.civil_time import Calendar, format_instant, parse_instant
from processors.decisions import Decision
from processors.events import Attribute, ChangeKind, LifeEvent
from processors.rules import ledger as ledgers
from processors.rules.conditions import Fields
from processors.rules.deciding.decide import Agenda, Outcome, decide
from processors.rules.deciding.family import owned
from processors.rules.deciding.heard import Heard
from processors.rules.deciding.late import judge_late
from processors.rules.households import shared
from processors.rules.matching.match import Candidate
from processors.rules.matching.plan import Plan
from processors.rules.model import Subject
from processors.rules.reasons.explanation import Known
from processors.rules.ruleset import RuleSet

Line = Mapping[str, object]
Item = LifeEvent | int
"""What a line says: a life event, or to where the clock moves, ms."""

_KEYS = frozenset({"id", "type", "person", "occurred_at", "recorded_at", "change", "replaces", "agency", "area"}) | {
    "household",
    "attributes",
    "ended_at",
}


class BadLine(ValueError):
    """A line of the input cannot be used; says which, why, and what to write instead.

    Attributes:
        kind: the problem without anything the line holds, for reports that must not repeat it.
    """

    def __init__(self, number: int, problem: str, remedy: str, kind: str = "") -> None:
        super().__init__(f"line {number}: {problem}; {remedy}")
        self.number, self.problem, self.remedy, self.kind = number, problem, remedy, kind or problem


def json_attributes(data: bytes) -> Mapping[str, Attribute]:
    """Decodes attributes as the lines of `rules run` and examples carry them."""
    decoded: dict[str, Attribute] = orjson.loads(data)
    return decoded


Name = tuple[Subject, str]
"""A subject: a person or a household, by its pseudonym."""


@dataclass(frozen=True, slots=True)
class _Held:
    """What is held of one subject."""

    timeline: timelines.Timeline = timelines.EMPTY
    ledger: ledgers.Ledger = ledgers.EMPTY
    wake_at: int | None = None
    agenda: Agenda = field(default_factory=dict)


class Replay:
    """Decides over lines, one by one; the state between them.

    Attributes:
        counts: what became of the lines (`applied`, `duplicate`, ...) and failed conditions.
    """

    def __init__(self, rules: RuleSet) -> None:
        reading = rules.reading(json_attributes)
        self._rules = {subject: reading.of_subject(subject) for subject in Subject}
        self._clock: int | None = None
        self._began = 0
        self._heard = 0
        self._held: dict[Name, _Held] = {}
        self._due: list[tuple[int, Name]] = []
        self._queued: set[tuple[int, Name]] = set()
        self.counts: Counter[str] = Counter()

    def advance(self, to: int) -> list[Decision]:
        """Moves the clock to `to`, ms, every feed heard up to then, inclusive."""
        self._begin(to)
        return self._move(to, max(self._heard, to), {})

    def event(self, line: LifeEvent) -> list[Decision]:
        """Applies one event line; its `heard` is set here."""
        is_first = self._clock is None
        clock = max(self._begin(line.recorded_at), line.recorded_at)
        name = (Subject.PERSON, line.person)
        line = replace(line, heard=line.occurred_at if is_first else self._heard)
        made = {name: self._line(name, line, clock)}
        if self._rules[Subject.HOUSEHOLD].plans:
            for household, shared_line in shared(self._held[name].timeline, line):
                its = (Subject.HOUSEHOLD, household)
                made[its] = [*made.get(its, []), *self._line(its, shared_line, clock)]
        return self._move(clock, max(self._heard, clock - 1), made)

    def standing(self, plan: Plan) -> Iterator[Candidate]:
        """Matches of a rule version that were told and stand, of every subject."""
        assert self._clock is not None
        heard = Heard(every=self._heard, every_began=self._began)
        for name, held in self._held.items():
            if name[0] is plan.rule.per and held.ledger.standing:
                fields = Fields(json_attributes, plan.calendar)
                found = owned(plan, held.timeline, fields, heard, self._clock)
                yield from (each for each in found.candidates if each.match in held.ledger.standing)

    def known(self, name: Name) -> Known | None:
        """What is known of a subject, without its history; None if nothing is."""
        held = self._held.get(name)
        if held is None or self._clock is None:
            return None
        return Known(held.timeline, held.ledger, Heard(every=self._heard, every_began=self._began), self._clock)

    def names(self, subject: Subject) -> list[str]:
        """Subjects of that kind heard of, in order of arrival."""
        return [name for kind, name in self._held if kind is subject]

    def _line(self, name: Name, line: LifeEvent, clock: int) -> list[Decision]:
        """Puts a line on one timeline: what is late, what was due before it, what it causes."""
        rules = self._rules[name[0]]
        held = self._held.get(name) or _Held(_empty(name))
        late = [replace(decision, at=clock) for decision in judge_late(rules, held.timeline, line)]
        heard = max(self._heard, clock - 1)
        _, due = self._timers(name, held, clock, heard)
        before = held.timeline
        timeline, applied = timelines.apply(before, line)
        if name[0] is Subject.PERSON:
            self.counts[applied] += 1
        touched, decisions = self._timers(name, replace(held, timeline=timeline), clock, heard)
        is_new = timeline is not before
        touched, caused = self._decided(name, touched, clock, heard, line if is_new else None)
        self._keep(name, touched)
        on_time = {(decision.kind, decision.match): decision.at for decision in due}
        return late + [replace(d, at=on_time.get((d.kind, d.match), clock)) for d in (*decisions, *caused)]

    def _begin(self, moment: int) -> int:
        if self._clock is None:
            self._clock, self._began, self._heard = moment, moment, moment - 1
        return self._clock

    def _move(self, clock: int, heard: int, made: Mapping[Name, list[Decision]]) -> list[Decision]:
        """Fires everything due up to `clock`; all decisions of the line in order of their clock."""
        self._clock, self._heard = max(self._clock or clock, clock), heard
        decisions = [decision for each in made.values() for decision in each]
        for name in self._due_names(clock, made):
            held, fired = self._timers(name, self._held[name], clock, heard)
            decisions.extend(fired)
            self._keep(name, held)
        return sorted(decisions, key=lambda decision: decision.at)

    def _due_names(self, clock: int, done: Iterable[Name]) -> list[Name]:
        names: dict[Name, None] = {}
        while self._due and self._due[0][0] <= clock:
            due = heapq.heappop(self._due)
            self._queued.discard(due)
            names[due[1]] = None
        for name in done:
            if name in names:
                del names[name]
                self._keep(name, self._held[name])
        return list(names)

    def _keep(self, name: Name, held: _Held) -> None:
        self._held[name] = held
        if held.wake_at is not None and (held.wake_at, name) not in self._queued:
            self._queued.add((held.wake_at, name))
            heapq.heappush(self._due, (held.wake_at, name))

    def _timers(self, name: Name, held: _Held, clock: int, heard: int) -> tuple[_Held, list[Decision]]:
        """Decides at every due time up to `clock`, each at its own time."""
        decisions: list[Decision] = []
        while held.wake_at is not None and held.wake_at <= clock:
            before = held.wake_at
            held, made = self._decided(name, held, before, heard)
            decisions.extend(made)
            if held.wake_at is not None and held.wake_at <= before:
                break
        return held, decisions

    def _decided(
        self, name: Name, held: _Held, now: int, heard: int, news: LifeEvent | None = None
    ) -> tuple[_Held, tuple[Decision, ...]]:
        upto = Heard(every=heard, every_began=self._began)
        outcome: Outcome = decide(self._rules[name[0]], held.timeline, held.ledger, upto, now, held.agenda, news)
        self.counts["condition errors"] += outcome.condition_errors
        return _Held(held.timeline, outcome.ledger, outcome.wake_at, outcome.agenda), outcome.decisions


def _empty(name: Name) -> timelines.Timeline:
    return timelines.Timeline(household=name[1]) if name[0] is Subject.HOUSEHOLD else timelines.EMPTY


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
    items = (item_of(line, number, rules.calendar) for number, line in enumerate(lines, start=1))
    return decided(Replay(rules), items, until, rules.calendar)


def decided(
    replay: Replay, items: Iterable[Item], until: int | None, calendar: Calendar
) -> Iterator[dict[str, object]]:
    """As `run`, over what the lines say."""
    for item in items:
        for decision in give(replay, item):
            yield output(decision, calendar)
    if until is not None:
        for decision in replay.advance(until):
            yield output(decision, calendar)


def give(replay: Replay, item: Item) -> list[Decision]:
    """Gives what a line says to a replay."""
    return replay.advance(item) if isinstance(item, int) else replay.event(item)


def feed(replay: Replay, line: Line, number: int, calendar: Calendar) -> list[Decision]:
    """Gives one line, an event or a clock line, to a replay.

    Raises:
        BadLine: the line cannot be used.
    """
    return give(replay, item_of(line, number, calendar))


def item_of(line: Line, number: int, calendar: Calendar) -> Item:
    """What a line, an event or a clock line, says; `number` as in `event_of`.

    Raises:
        BadLine: it cannot be used.
    """
    if "advance_to" in line:
        return _moment(line, "advance_to", number, calendar)
    return event_of(line, number, calendar)


def event_of(line: Line, number: int, calendar: Calendar) -> LifeEvent:
    """The life event an input line speaks of; `number` is its place in the input, from 1.

    Raises:
        BadLine: something is missing, unknown or unreadable.
    """
    if unknown := sorted(line.keys() - _KEYS):
        remedy = f"use only {', '.join(sorted(_KEYS))}"
        raise BadLine(number, f"`{unknown[0]}` is not known", remedy, "a line has a key that is not known")
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
        remedy = f"use {', '.join(ChangeKind)}"
        raise BadLine(number, f"`change: {line['change']}` is not known", remedy, "`change` is not known") from None


def _text(line: Line, key: str, number: int) -> str:
    value = line.get(key)
    if not isinstance(value, str) or not value:
        raise BadLine(number, f"`{key}` is missing or no text", f'write "{key}": "..."')
    return value


def _moment(line: Line, key: str, number: int, calendar: Calendar) -> int:
    moment = parse_instant(str(line.get(key, "")), calendar)
    if moment is None:
        remedy = f'write "{key}": "2026-01-05" or "2026-01-05T10:00:00Z"'
        raise BadLine(number, f"`{key}` is no time, or one without a zone", remedy)
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
        **({"household": decision.household} if decision.is_household else {"person": decision.person}),
        "steps": steps,
        "at": format_instant(decision.at, calendar),
        "completed_at": format_instant(decision.completed_at, calendar),
    }
    for key in ("replaces", "event", "reason"):
        if (value := getattr(decision, key)) is not None:
            line[key] = value
    return line
