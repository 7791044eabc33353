"""Conditions: Meaning 11 and the functions of `where`."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.civil_time import Calendar
from processors.events import Attribute, LifeEvent
from processors.rules.conditions import Condition, Fields, Verdict, compile_condition, evaluate
from processors.rules.expressions import ALL
from processors.rules.lines import json_attributes
from processors.timeline import LiveEvent, position


def event(**attributes: Attribute) -> LiveEvent:
    encoded = orjson.dumps(attributes)
    line = LifeEvent(str(encoded), "a", "p", "h", "z", "uvo", "uvo.x", 0, 0, 0, attributes=encoded)
    return LiveEvent(line.id, line, position(line))


def judged(source: str, own: LiveEvent, **names: LiveEvent | tuple[LiveEvent, ...]) -> Verdict:
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
        "reason.startsWith('drop') && reason.size() == 7",
        "'amount > 3' != reason",
        "has(amount) && !has(missing) && !has(ended_at) && has(agency)",
        "!has(x.missing) && !has(nobody.amount)",
        "before.amount < amount",
        "n.filter(e, e.amount > 150).map(e, e.amount) == [200]",
        "n.last().amount == 200 && n.count() == 2",
        "n.exists(e, has(e.missing)) || sum(n.filter(e, has(e.amount)).map(e, e.amount)) == 300",
        "count(none) == 0 && size(none) == 0 && sum(none.map(e, e.amount)) == 0",
        "count(single) == 1 && first(single).amount == 7",
        "(x).amount == 1 // a remark",
        "x['amount'] == 1 && x.type == 'a' && x.attributes.amount == 1",
        "-amount < -1 && [1, 2][1] == 2",
    ],
)
def test_true(source: str) -> None:
    own = event(amount=500, reason="dropped", flag=False)
    several = (event(amount=100), event(amount=200.0))
    names = {"x": event(amount=1), "before": event(amount=2), "n": several, "none": (), "single": (event(amount=7),)}
    assert judged(source, own, **names) == Verdict(True)


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
        ("before.amount < amount", ("before.amount",)),
        ("sum(n.map(e, e.size)) < 1000", ("n.size",)),
        ("n.exists(e, e.size > 1)", ("n.size",)),
        ("first(n).size > 0 && last(n).size > 0", ("last(n).size",)),
        ("n[1].size > 0", ("n.size",)),
        ("n.filter(e, e.amount > 1).all(e, e.size > 0)", ("n.size",)),
        ("count(nobody) == 0", ("nobody",)),
        ("has(missing) || missing > 3", ("missing",)),
        ("count > 3", ("count",)),
    ],
)
def test_a_missing_field_is_false_and_shown(source: str, missing: tuple[str, ...]) -> None:
    several = (event(amount=100, size=1), event(amount=200))
    found = judged(source, event(amount=500, nothing=None, count=4, before=1), x=event(amount=1), n=several)
    assert (found.holds, found.missing) == (False, missing)


def test_any_other_error_is_no_match_and_counted() -> None:
    condition = compile_condition("amount > 'four'")
    assert isinstance(condition, Condition)
    fields = Fields(json_attributes, Calendar())
    found = evaluate(condition, event(amount=4), {}, fields)
    assert (found.holds, bool(found.error), fields.errors) == (False, True, 1)


@pytest.mark.parametrize(
    "source",
    [
        "first(none).amount > 3",
        "max(none.map(e, e.amount)) > 3",
        "avg(none.map(e, e.amount)) > 3",
        "sum(n.map(e, e.type)) > 3",
        "n[5].amount > 3",
        "min(amount, 3) > 1",
        "amount + 1",
        "reason",
    ],
)
def test_a_failure_is_no_match_and_says_no_value(source: str, caplog: pytest.LogCaptureFixture) -> None:
    names = {"none": (), "n": (event(amount=1), event(amount=2))}
    found = judged(source, event(amount=77777, reason="secret"), **names)
    assert not found.holds
    assert found.error is not None
    assert "secret" not in found.error
    assert "77777" not in found.error
    assert caplog.text == ""


def test_a_failure_is_not_held_against_the_next_condition() -> None:
    fields = Fields(json_attributes, Calendar())
    names = {"none": (), "n": (event(amount=1),)}
    for source, holds in (("min(none) > 3", False), ("count(n) == 1", True), ("min(none).size > 3", False)):
        condition = compile_condition(source)
        assert isinstance(condition, Condition)
        assert evaluate(condition, event(), names, fields).holds == holds


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("amount >", "too early"),
        ("", "too early"),
        ("amount > 3)", "stray"),
        ("n.map(3, e)", "stray"),
        ("a.", "too early"),
        ("launch(amount)", "`launch` is no function"),
        ("amount > 3 " * 300, "longer than"),
        ("(" * 100 + "true" + ")" * 100, "nested"),
        ("n.map(a, n.map(b, n.map(c, c.amount)))", "lists within lists"),
    ],
)
def test_what_is_no_condition_is_said_why(source: str, reason: str) -> None:
    found = compile_condition(source)
    assert isinstance(found, str)
    assert reason in found


@settings(deadline=None)
@given(st.text(alphabet="abn.()[]{}<>=!&|?:,+-*/%'\"\\ 0123456789_mapfilter\n", max_size=40))
def test_no_text_makes_it_raise(source: str) -> None:
    condition = compile_condition(source)
    if isinstance(condition, Condition):
        verdict = evaluate(condition, event(a=1, b="x"), {"n": (event(a=1),)}, Fields(json_attributes, Calendar()))
        assert verdict.holds in (True, False)


def test_a_macro_variable_hides_a_name_only_inside_its_macro() -> None:
    condition = compile_condition("n.exists(x, x.amount > 3) && x.other == 1")
    assert isinstance(condition, Condition)
    assert condition.paths == {("n", ALL, "amount"), ("x", "other")}
    assert condition.needs == {"n": {"amount"}, "x": {"other"}}


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
    own = event(ended_at="soon", amount=3)
    assert judged("attributes.ended_at == 'soon' && !has(ended_at)", own).holds
    assert judged("x.attributes.ended_at == 'soon' && !has(x.ended_at)", own, x=own).holds


def test_only_what_is_read_of_a_named_event_is_looked_up() -> None:
    decoded: list[bytes] = []

    def decode(data: bytes) -> dict[str, Attribute]:
        decoded.append(data)
        return {}

    for source in ("x.type == 'a'", "count(n) == 2", "type == 'a' && has(agency)"):
        condition = compile_condition(source)
        assert isinstance(condition, Condition)
        assert evaluate(
            condition, event(a=1), {"x": event(b=1), "n": (event(), event())}, Fields(decode, Calendar())
        ).holds
    assert decoded == []


@pytest.mark.parametrize(
    "source",
    ["reason.matches('(')", 'amount > 3 && matches(reason, "[")', "n.exists(x, x.reason.matches(r'*'))"],
)
def test_a_constant_pattern_that_does_not_compile_is_refused(source: str) -> None:
    assert "is no pattern for `matches`" in str(compile_condition(source))


def test_good_patterns_and_patterns_from_fields_are_taken() -> None:
    own = event(reason="dropped", other="(", also="^d")
    assert judged(r"reason.matches(r'^d\w+$') && reason.matches('^' + 'd') && reason.matches(also)", own).holds
    assert judged("reason.matches(other)", own) == Verdict(False, (), "cannot be computed")


@pytest.mark.parametrize("element", ["1", "'x'", "n.size()"])
def test_a_list_of_more_than_100_values_is_refused(element: str) -> None:
    assert isinstance(compile_condition(f"amount in [{', '.join([element] * 100)}]"), Condition)
    found = compile_condition(f"amount in [{', '.join([element] * 101)}]")
    assert found == "not a condition: a list in it holds more than 100 values"
