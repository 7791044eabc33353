"""What the sieve must let through although it looks as if it could not match."""

from __future__ import annotations

import pyarrow as pa
import pytest

from processors.backtest.sieve import Sieves
from processors.backtest.trial import on_trial
from processors.civil_time import DAY_MS
from processors.events import ChangeKind, LifeEvent
from processors.rules.checking.check import Deployment
from processors.rules.ruleset import RuleSet
from schemas.attributes import decode_attributes, encode_attributes
from streams.backtest.subjects import lines_of, rows_of

ABSENT = "rule: r\nversion: 1\nsteps:\n  - {when: lost, as: loss}\n  - {absent: found, for: 10 days after loss}\n"
WHERE = "rule: r\nversion: 1\nsteps:\n  - {when: lost, where: amount > 5}\n"


def line(number: int, kind: str, day: int, **more: object) -> LifeEvent:
    at = day * DAY_MS
    return LifeEvent(f"e{number}", kind, "p", "h", "", "", "f", at, at, number, **more)  # type: ignore[arg-type]


def passes(rule: str, *lines: LifeEvent) -> bool:
    loaded = RuleSet.load({"r.yaml": rule}, Deployment(), decode_attributes)
    assert isinstance(loaded, RuleSet)
    (one,) = lines_of(pa.Table.from_batches([rows_of(lines)]), "person", 30 * DAY_MS)
    return Sieves(on_trial(loaded)).passing(one.sketch) is not None


def test_an_absence_that_was_broken_in_time_is_stopped():
    assert not passes(ABSENT, line(1, "lost", 100), line(2, "found", 103))
    assert passes(ABSENT, line(1, "lost", 100), line(2, "found", 120))


@pytest.mark.parametrize("change", [ChangeKind.ANNULLED, ChangeKind.CORRECTED])
def test_what_broke_an_absence_may_have_been_taken_back(change: ChangeKind):
    taken_back = line(3, "found", 103, change=change, replaces="e2")
    assert passes(ABSENT, line(1, "lost", 100), line(2, "found", 103), taken_back)


def test_what_broke_an_absence_may_have_come_too_late():
    assert passes(ABSENT, line(1, "lost", 100), line(2, "found", 103, heard=200 * DAY_MS))


def test_a_condition_is_looked_at_for_each_combination_of_attributes():
    few, many = (encode_attributes({"amount": amount}) for amount in (3.0, 7.0))
    assert not passes(WHERE, line(1, "lost", 100, attributes=few))
    assert passes(WHERE, line(1, "lost", 100, attributes=few), line(2, "lost", 101, attributes=many))
    assert not passes(WHERE, line(1, "lost", 100))
