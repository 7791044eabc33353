"""Two ledgers compared: what is new, what is gone, from a time on."""

from __future__ import annotations

from dataclasses import replace

from processors.decisions import Decision, DecisionKind
from processors.rules.comparing import Difference, Stand, differences, take_up

MATCHED = Decision(DecisionKind.MATCHED, "rule", 1, "m", "p", "h", "a", 5, 4, 3, 5)


def test_last_words_stand_and_those_for_people_to_look_at_change_nothing() -> None:
    standing: dict[str, Stand] = {}
    take_up(standing, MATCHED)
    take_up(standing, replace(MATCHED, kind=DecisionKind.REVIEW))
    take_up(standing, replace(MATCHED, kind=DecisionKind.LATE, match="n"))
    assert standing == {"m": Stand("rule", 1, 4)}
    take_up(standing, replace(MATCHED, kind=DecisionKind.WITHDRAWN))
    take_up(standing, replace(MATCHED, kind=DecisionKind.WITHDRAWN, match="never"))
    assert standing == {}


def test_differences_are_told_by_rule_in_order_of_completion() -> None:
    before = {"a": Stand("r", 1, 10), "b": Stand("r", 1, 20), "old": Stand("r", 1, 9), "x": Stand("gone", 1, 10)}
    now = {"b": Stand("r", 1, 20), "d": Stand("r", 1, 12), "c": Stand("r", 1, 12), "e": Stand("r", 1, 11)}
    assert differences(before, now, since=10) == {
        "gone": Difference(gone=("x",)),
        "r": Difference(new=("e", "c", "d"), gone=("a",), unchanged=1),
    }
    assert differences(before, before, since=21) == {}
