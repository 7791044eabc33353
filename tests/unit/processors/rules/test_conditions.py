"""Conditions: Meaning 11 and the functions of `where`."""

from __future__ import annotations

import orjson
import pytest

from processors.civil_time import Calendar
from processors.events import Attribute, LifeEvent
from processors.rules.conditions import Condition, Fields, Verdict, compile_condition, evaluate
from processors.rules.lines import json_attributes
from processors.timeline import LiveEvent, position


def event(**attributes: Attribute) -> LiveEvent:
    encoded = orjson.dumps(attributes)
    line = LifeEvent(str(encoded), "a", "p", "h", "z", "uvo", "uvo.x", 0, 0, 0, attributes=encoded)
    return LiveEvent(line.id, line, position(line))


def judged(source: str, own: LiveEvent, **names: tuple[LiveEvent, ...]) -> Verdict:
    condition = compile_condition(source)
    assert isinstance(condition, Condition), condition
    return evaluate(condition, own, names, Fields(json_attributes, Calendar()))


@pytest.mark.parametrize(
    "source",
    [
        "amount > 400",
        "amount + 1 == 501",
        "amount * 2 > 999.5",
        "reason != 'completed'",
        'reason in ["dropped", "expelled"]',
        "!flag",
        "flag == false",
        "type == 'a' && agency == 'uvo'",
        "attributes.amount > 400",
        "occurred_at == '1970-01-01T01:00:00+01:00'",
        "x.amount < amount",
        "has(missing) ? missing > 3 : amount > 3",
        "has(x.missing) && x.missing > 3 || amount > 3",
        "sum(n.map(e, e.amount)) == 300",
        "count(n) == 2 && size(n) == 2",
        "avg(n.map(e, e.amount)) == 150",
        "min(n.map(e, e.amount)) + max(n.map(e, e.amount)) == 300",
        "first(n).amount < last(n).amount",
        "n[0].amount == 100",
        "n.all(e, e.amount > 50) && n.exists(e, e.amount > 150)",
        "reason.startsWith('drop')",
        "'amount > 3' != reason",
    ],
)
def test_true(source: str) -> None:
    own = event(amount=500, reason="dropped", flag=False)
    several = (event(amount=100), event(amount=200.0))
    assert judged(source, own, x=(event(amount=1),), n=several) == Verdict(True)


@pytest.mark.parametrize(
    ("source", "missing"),
    [
        ("missing > 3", ("missing",)),
        ("missing > 3 || amount > 3", ("missing",)),
        ("amount > 3 || x.missing > 3", ("x.missing",)),
        ("z.amount > 3", ("z.amount",)),
        ("nothing == 'x'", ("nothing",)),
        ("ended_at > '2026'", ("ended_at",)),
        ("attributes.missing > 3", ("attributes.missing",)),
    ],
)
def test_a_missing_field_is_false_and_shown(source: str, missing: tuple[str, ...]) -> None:
    found = judged(source, event(amount=500, nothing=None), x=(event(amount=1),))
    assert (found.holds, found.missing) == (False, missing)


def test_any_other_error_is_no_match_and_counted() -> None:
    condition = compile_condition("amount > 'four'")
    assert isinstance(condition, Condition)
    fields = Fields(json_attributes, Calendar())
    found = evaluate(condition, event(amount=4), {}, fields)
    assert (found.holds, bool(found.error), fields.errors) == (False, True, 1)


def test_attributes_are_decoded_only_when_a_condition_needs_them() -> None:
    decoded: list[bytes] = []

    def decode(data: bytes) -> dict[str, Attribute]:
        decoded.append(data)
        return {"amount": 4.0}

    fields = Fields(decode, Calendar())
    condition = compile_condition("amount > 3 && amount < 5")
    assert isinstance(condition, Condition)
    assert decoded == []
    assert evaluate(condition, event(), {}, fields).holds
    assert evaluate(condition, event(), {}, fields).holds
    assert len(decoded) == 1


def test_a_name_that_collides_with_the_envelope_is_reached_by_attributes() -> None:
    assert judged("attributes.agency == 'theirs' && agency == 'uvo'", event(agency="theirs")).holds
