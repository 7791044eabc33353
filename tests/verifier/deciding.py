"""The ledgers against a pure run of the rules over the history, sorted; and against what plan was told."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from processors.decisions import Decision, DecisionKind
from processors.events import HouseholdEvent, LifeEvent, Mark
from processors.offers.model import Situation
from processors.rules import ledger as ledgers
from processors.rules.deciding.decide import decide
from processors.rules.deciding.heard import Heard
from processors.rules.households import shared
from processors.rules.ledger import Ledger
from processors.rules.matching.plan import Plan
from processors.rules.model import ANY_TYPE, Subject
from processors.rules.ruleset import RuleSet
from processors.timeline import EMPTY, Timeline, apply, find
from processors.transfers import Step, Transfer, late
from tests.verifier.log import Line, Log
from tests.verifier.place import HOME_LEDGER, HOMES, LEDGER, LIFE, READERS, SITUATIONS, Place, partition_of
from tests.verifier.report import Check, Report

TOLD = (DecisionKind.MATCHED, DecisionKind.WITHDRAWN)


@dataclass(slots=True)
class _Heard:
    """One partition's clock: what its marks say."""

    newest: dict[tuple[str, int], Mark] = field(default_factory=dict)

    def take(self, mark: Mark) -> None:
        known = self.newest.get((mark.feed, mark.partition))
        if known is None or mark.heard >= known.heard:
            self.newest[mark.feed, mark.partition] = mark

    def clock(self, feeds: Iterable[str]) -> tuple[Heard, int]:
        """Up to when each feed was heard, and the smallest of them; 0 until every feed was."""
        heard: dict[str, int] = {}
        began: dict[str, int] = {}
        for feed in feeds:
            marks = [mark for (name, _), mark in self.newest.items() if name == feed]
            if not marks or len(marks) < marks[0].partitions:
                continue
            heard[feed] = min(mark.heard for mark in marks)
            if all(mark.began is not None for mark in marks):
                began[feed] = max(mark.began or 0 for mark in marks)
        return Heard(heard, began), min(heard.values()) if len(heard) == len(set(feeds)) else 0


@dataclass(slots=True)
class _Subject:
    """A person or household: its lines as they lie on the log, and its decisions."""

    partition: int
    lines: list[LifeEvent] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)


def check_deciding(place: Place, log: Log, report: Report) -> None:
    """Checks both ledgers, what households heard, and what plan was told."""
    pure = report.check("decisions are what a pure run of the rules over the sorted history gives")
    once = report.check("no decision is on a ledger twice")
    _check_ledger(place, log, (pure, once), (LIFE, LEDGER), Subject.PERSON)
    _check_ledger(place, log, (pure, once), (HOMES, HOME_LEDGER), Subject.HOUSEHOLD)
    homes = report.check("households hear what their members' life events say, each once")
    homes.compare(
        _home_lines(place, log), _heard_at_home(place, log), lambda each: f"event {each[1][:12]} of a household"
    )
    told = report.check(f"every decision for plan is on {SITUATIONS}, once")
    told.compare(_decided(place, log), _told(place, log), lambda each: f"{each[1]} {each[0][:12]}")


def _check_ledger(
    place: Place, log: Log, checks: tuple[Check, Check], topics: tuple[str, str], subject: Subject
) -> None:
    pure, once = checks
    rules = place.rules.of_subject(subject)
    subjects, clocks = _gather(place, log, topics[0])
    _add_decisions(place, log, topics[1], subjects, once)
    for name, each in subjects.items():
        heard, now = clocks[each.partition].clock(place.deployment.contracts)
        told = ledgers.fold_all(ledgers.EMPTY, each.decisions)
        _check_order(once, each.decisions, topics[1])
        empty = EMPTY if subject is Subject.PERSON else Timeline(household=name)
        wanted = _run(rules, empty, each.lines, heard, now)
        pure.compare(
            wanted.keys() - told.barred - told.with_officer,
            told.standing.keys() - told.with_officer,
            lambda match, here=(name, wanted, told): _say(match, *here),  # type: ignore[misc]
        )


def _run(rules: RuleSet, empty: Timeline, lines: Sequence[LifeEvent], heard: Heard, now: int) -> dict[str, Decision]:
    """What stands for a subject, from its whole history at once."""
    timeline = empty
    for line in sorted(lines, key=lambda line: (line.recorded_at, line.arrival, line.id)):
        timeline, _ = apply(timeline, line)
    return dict(decide(rules, timeline, ledgers.EMPTY, heard, now).ledger.standing)


def _gather(place: Place, log: Log, topic: str) -> tuple[dict[str, _Subject], dict[int, _Heard]]:
    """Subjects and clocks of a topic, as far as its stage says it has read."""
    subjects: dict[str, _Subject] = {}
    clocks: dict[int, _Heard] = defaultdict(_Heard)
    for line in log.taken(READERS[topic], topic):
        value = place.codec.decode(line.value)
        if isinstance(value, Mark):
            clocks[line.partition].take(value)
        elif isinstance(value, LifeEvent) and topic == LIFE:
            subjects.setdefault(value.person, _Subject(line.partition)).lines.append(value)
        elif isinstance(value, HouseholdEvent):
            subjects.setdefault(value.household, _Subject(line.partition)).lines.append(value.event)
    return subjects, clocks


def _add_decisions(place: Place, log: Log, topic: str, subjects: dict[str, _Subject], check: Check) -> None:
    for line in log.of(topic):
        decision = place.codec.decode(line.value)
        if not isinstance(decision, Decision):
            continue
        name = decision.subject
        if name not in subjects:
            check.twice.append(f"{line}: a decision for somebody of whom nothing was taken")
        else:
            subjects[name].decisions.append(decision)


def _check_order(check: Check, decisions: Sequence[Decision], topic: str) -> None:
    """Matched and withdrawn take turns, and what is for people to look at is told once."""
    stands: dict[str, bool] = {}
    seen: set[tuple[str, str, str | None]] = set()
    for each in decisions:
        check.counted += 1
        what = f"{each.kind} {each.match[:12]} on {topic}"
        if each.kind in TOLD:
            if stands.get(each.match, False) is (each.kind is DecisionKind.MATCHED):
                check.twice.append(what)
            stands[each.match] = each.kind is DecisionKind.MATCHED
        elif (each.kind, each.match, each.event) in seen:
            check.twice.append(what)
        seen.add((each.kind, each.match, each.event))


def _decided(place: Place, log: Log) -> Iterator[tuple[str, str, int, int]]:
    for topic in (LEDGER, HOME_LEDGER):
        for value in _values(place, log.of(topic)):
            if isinstance(value, Decision) and value.kind in TOLD:
                yield value.match, value.kind.value, value.completed_at, value.known_at


def _told(place: Place, log: Log) -> Iterator[tuple[str, str, int, int]]:
    for value in _values(place, log.of(SITUATIONS)):
        if isinstance(value, Situation):
            yield value.match, value.kind.value, value.completed_at, value.known_at


def _home_lines(place: Place, log: Log) -> Iterator[tuple[str, str]]:
    """What households must have heard: after each line of a member, all lines of the fact it speaks of."""
    wanted = _wanted_types(place.rules.of_subject(Subject.HOUSEHOLD))
    timelines: dict[str, Timeline] = {}
    orders: dict[str, tuple[Transfer, ...]] = {}
    for value in _values(place, log.taken(READERS[LIFE], LIFE)):
        if isinstance(value, Transfer) and value.step is Step.ORDERED:
            orders[value.person] = (*orders.get(value.person, ()), value)
        elif isinstance(value, LifeEvent):
            elsewhere = late(orders.get(value.person, ()), timelines.get(value.person, EMPTY), value)
            if elsewhere is not None:  # told anew under another key: there it is heard
                orders[value.person] = elsewhere.orders
                continue
            timeline, _ = apply(timelines.get(value.person, EMPTY), value)
            timelines[value.person] = timeline
            fact = [*shared(timeline, value)] if find(timeline, value.id) is not None else []
            if ANY_TYPE in wanted or any(each.type in wanted for _, each in fact):
                yield from {(household, each.id) for household, each in fact}


def _wanted_types(rules: RuleSet) -> frozenset[str]:
    return frozenset().union(*(_types(plan) for versions in rules.plans.values() for plan in versions))


def _types(plan: Plan) -> frozenset[str]:
    """A rule that looks at neighbours hears all it may see, any other what it speaks of."""
    if not plan.is_narrow:
        return plan.rule.types
    return frozenset({ANY_TYPE}) if plan.sees is None else plan.sees


def _heard_at_home(place: Place, log: Log) -> Iterator[tuple[str, str]]:
    partitions = sum(topic == HOMES for topic, _ in log.lines)
    for line in log.of(HOMES):
        value = place.codec.decode(line.value)
        if isinstance(value, HouseholdEvent) and line.partition == partition_of(value.household, partitions):
            yield value.household, value.event.id


def _values(place: Place, lines: Iterable[Line]) -> Iterator[object]:
    return (place.codec.decode(line.value) for line in lines)


def _say(match: str, name: str, wanted: dict[str, Decision], told: Ledger) -> str:
    decision = wanted.get(match) or told.standing[match]
    return f"match {match[:12]} of {decision.rule} for {name[:8]}"
