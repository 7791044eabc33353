"""Planted bugs with the fault that brings each to light; the verifier must catch every one."""

from __future__ import annotations

import random

from tests.faults.cases import Case
from tests.faults.rig import Rig, Setup
from tests.faults.stage import Order
from tests.faults.striking import publish, publish_in_waves


def _poisoned(rig: Rig) -> None:
    rig.struck += rig.publish_poison()
    rig.publish()


def _between_two_commits(dice: random.Random) -> Setup:
    # Every send begins twice with this bug: an even number lies between position and outputs.
    stages = ("intake", "correlate", "plan")
    orders = [Order(stage, "begin.before", 2 * dice.randint(1, 3)) for stage in stages]
    return Setup(orders, bug="position committed before the outputs")


def _publish_in_many_waves(rig: Rig) -> None:
    # A commit may hold nothing but the time: struck once only, it would lose nothing.
    publish_in_waves(rig, 10)


def _before_commits(dice: random.Random) -> Setup:
    orders = [Order("correlate", "commit.before", dice.randint(2, 4), 8)]
    return Setup(orders, bug="state written before the commit")


CASES = [
    Case("planted: state written before the commit", _publish_in_many_waves, _before_commits, caught="lost"),
    Case("planted: position committed before the outputs", publish_in_waves, _between_two_commits, caught="lost"),
    Case("planted: no unique key in the case database", publish_in_waves,
         lambda dice: Setup([Order("deliver", "write.after", dice.randint(1, 2), 3)],
                            bug="no unique key in the case database"),
         caught="twice"),
    Case("planted: dead letter dropped", _poisoned, lambda _dice: Setup(bug="dead letter dropped"), caught="lost",
         is_short=True),
    Case("planted: time told by the fastest", publish_in_waves, lambda _dice: Setup(bug="time told by the fastest"),
         caught="wrong"),
    Case("planted: Faust's own commit left on", publish,
         lambda _dice: Setup(chunk=20, bug="Faust's own commit left on"), caught="twice"),
]  # fmt: skip
