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
    """Matches that stand (told and not withdrawn), by id, in the order they were told."""

    standing: Mapping[str, Decision] = field(default_factory=dict)


EMPTY = Ledger()


def fold(ledger: Ledger, decision: Decision) -> Ledger:
    """The ledger after one more decision; folding the same one again changes nothing."""
    if decision.kind is DecisionKind.MATCHED:
        # `at` is left out: it says who read when, and the ledger must be equal after a replay.
        return Ledger({**ledger.standing, decision.match: replace(decision, at=0)})
    if decision.kind is DecisionKind.WITHDRAWN and decision.match in ledger.standing:
        return Ledger({key: value for key, value in ledger.standing.items() if key != decision.match})
    return ledger


def fold_all(ledger: Ledger, decisions: Iterable[Decision]) -> Ledger:
    """The ledger after these decisions, in order."""
    for decision in decisions:
        ledger = fold(ledger, decision)
    return ledger


def pack(ledger: Ledger) -> bytes:
    """The ledger as bytes, for a store; `unpack` gives it back."""
    return orjson.dumps([_fields(decision) for decision in ledger.standing.values()])


def _fields(decision: Decision) -> tuple[object, ...]:
    d = decision
    events = [(e.step, e.id, e.root, e.type, e.agency, e.occurred_at, e.recorded_at) for e in d.events]
    head = (d.kind, d.rule, d.version, d.match, d.person, d.household, d.area, d.at, d.completed_at, d.opened_at)
    return (*head, d.known_at, events, d.replaces, d.event, d.reason)


def unpack(data: bytes) -> Ledger:
    """Reads what `pack` wrote."""
    standing = {}
    for kind, *fields in orjson.loads(data):
        fields[10] = tuple(BoundEvent(*parts) for parts in fields[10])
        decision = Decision(DecisionKind(kind), *fields)
        standing[decision.match] = decision
    return Ledger(standing)
