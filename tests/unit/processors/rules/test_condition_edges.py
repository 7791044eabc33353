"""Conditions at their edges: how deep they nest, fields in brackets, what is cut off."""

from __future__ import annotations

import pytest

from processors.rules.conditions import Condition, compile_condition
from tests.unit.processors.rules.test_conditions import event, judged

DEEPEST = 60


def test_parentheses_nest_up_to_the_limit_and_no_deeper() -> None:
    def nested(depth: int) -> str:
        return "(" * depth + "amount" + ")" * depth + " > 3"

    assert isinstance(compile_condition(nested(DEEPEST - 1)), Condition)
    assert compile_condition(nested(DEEPEST)) == "not a condition: it is nested too deeply"


@pytest.mark.parametrize("source", ["n[", "n[0", "attributes['amount'", "sum(", "has(", "n.map(", "amount.", "!"])
def test_what_is_cut_off_is_no_condition(source: str) -> None:
    assert str(compile_condition(source)).startswith("not a condition: ")


def test_a_missing_field_in_brackets_is_shown_by_its_name() -> None:
    assert judged("attributes['amount'] > 3", event(other=1)).missing == ("attributes.amount",)
    assert judged("attributes['amount'] > 3", event(amount=4)).holds
