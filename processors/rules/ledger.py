"""What was already told about a person's matches: a fold of decisions.

Holds no events and decides nothing; `decide` compares what should stand with what stands here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import orjson

from processors.decisions import BoundEvent, Decision, DecisionKind


@dataclass(frozen=True, slots=True)
class Ledger:
    """What was told of one subject.

    Attributes:
        standing: matches told and not withdrawn, by id, in the order they were told.
        barred: matches withdrawn because a rule withdraws on correction; they are not told again.
        with_officer: standing matches an officer was told about; they stay as they are.
    """

    standing: Mapping[str, Decision] = field(default_factory=dict)
    barred: frozenset[str] = frozenset()
    with_officer: frozenset[str] = frozenset()


EMPTY = Ledger()


def fold(ledger: Ledger, decision: Decision) -> Ledger:
    """The ledger after one more decision; folding the same one again changes nothing."""
    match, standing = decision.match, ledger.standing
    if decision.kind is DecisionKind.MATCHED:
        # `at` is left out: it says who read when, and the ledger must be equal after a replay.
        return replace(ledger, standing={**standing, match: replace(decision, at=0)})
    if decision.kind is DecisionKind.WITHDRAWN and match in standing:
        left = {key: value for key, value in standing.items() if key != match}
        barred = ledger.barred | {match} if decision.event is not None else ledger.barred
        return Ledger(left, barred, ledger.with_officer - {match})
    if decision.kind is DecisionKind.REVIEW and match in standing:
        looked_at = replace(standing[match], events=decision.events)
        return Ledger({**standing, match: looked_at}, ledger.barred, ledger.with_officer | {match})
    return ledger


def fold_all(ledger: Ledger, decisions: Iterable[Decision]) -> Ledger:
    """The ledger after these decisions, in order."""
    for decision in decisions:
        ledger = fold(ledger, decision)
    return ledger


def forget(ledger: Ledger, match: str) -> Ledger:
    """The ledger as if that match had never been told; nobody is told that it is gone."""
    left = {key: value for key, value in ledger.standing.items() if key != match}
    return Ledger(left, ledger.barred - {match}, ledger.with_officer - {match})


def pack(ledger: Ledger) -> bytes:
    """The ledger as bytes, for a store; `unpack` gives it back."""
    told = [_fields(decision) for decision in ledger.standing.values()]
    return orjson.dumps((told, sorted(ledger.barred), sorted(ledger.with_officer)))


def _fields(decision: Decision) -> tuple[object, ...]:
    d = decision
    events = [(e.step, e.id, e.root, e.type, e.agency, e.occurred_at, e.recorded_at, e.person) for e in d.events]
    head = (d.kind, d.rule, d.version, d.match, d.person, d.household, d.area, d.at, d.completed_at, d.opened_at)
    return (*head, d.known_at, events, d.replaces, d.event, d.reason, d.is_household)


def unpack(data: bytes) -> Ledger:
    """Reads what `pack` wrote."""
    standing = {}
    told, barred, with_officer = orjson.loads(data)
    for kind, *fields in told:
        fields[10] = tuple(BoundEvent(*parts) for parts in fields[10])
        decision = Decision(DecisionKind(kind), *fields)
        standing[decision.match] = decision
    return Ledger(standing, frozenset(barred), frozenset(with_officer))
