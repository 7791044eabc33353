"""What a fault case is, and how one is driven: strike, settle, verify, compare with the truth."""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tests.faults.database import own_postgres
from tests.faults.rig import PATIENCE_S, Rig, Setup, Stuck

PLANTED_PATIENCE_S = 60.0

Strike = Callable[[Rig], None]
"""Publishes the history and strikes meanwhile; what it demands besides, it asserts."""


@dataclass(frozen=True, slots=True)
class Case:
    """One fault.

    Attributes:
        name: in a few words, as in the table.
        strike: publishes and strikes.
        setup: how the platform is wanted; drawn from the dice.
        is_short: also run by `make test`.
        is_as_told: whether the offers must be those of the town's own truth; not when its history was changed.
        on_postgres: whether the case database is a PostgreSQL of the case's own.
        besides: checks that the fault itself breaks, each with why that is no fault of the platform.
        caught: for a planted bug: what the verifier must find, `lost`, `twice` or `wrong`.
    """

    name: str
    strike: Strike
    setup: Callable[[random.Random], Setup] = lambda _dice: Setup()
    is_short: bool = False
    is_as_told: bool = True
    on_postgres: bool = False
    besides: Mapping[str, str] = field(default_factory=dict)
    caught: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """How a case ended.

    Attributes:
        struck: times.
        records: sent by agencies.
        offers: versions of offers on the topic.
        lost, twice: what the verifier misses, and finds too often.
        faults: everything that is not as promised; for a planted bug, that it was not caught.
    """

    name: str
    struck: int
    records: int
    offers: int
    lost: int
    twice: int
    faults: tuple[str, ...]
    seconds: float

    @property
    def verdict(self) -> str:
        """In one word."""
        return "right" if not self.faults else "WRONG"


def play(case: Case, seed: int, folder: Path, history: Path) -> Result:
    """Plays one case in a new folder, which is removed when all was right."""
    began = time.monotonic()
    dice = random.Random(f"{seed} {case.name}")
    shutil.rmtree(folder, ignore_errors=True)
    with ExitStack() as stack:
        rig = Rig(folder, history, dice, case.setup(dice))
        if case.on_postgres:
            rig.use(stack.enter_context(own_postgres(folder.with_suffix(".postgres"))))
        try:
            with rig.running():
                case.strike(rig)
                _settle(case, rig)
                result = _judged(case, rig, rig.verify())
        except AssertionError as failed:
            result = Result(case.name, rig.strikes(), rig.records, 0, 0, 0, (str(failed),), 0)
    if not result.faults:
        shutil.rmtree(folder, ignore_errors=True)
    return replace(result, seconds=time.monotonic() - began)


def _settle(case: Case, rig: Rig) -> None:
    """With a planted bug nothing may ever settle: then the verifier has to say so."""
    try:
        rig.settle(PLANTED_PATIENCE_S if case.caught else PATIENCE_S)
    except Stuck:
        if not case.caught:
            raise


def _judged(case: Case, rig: Rig, report: dict[str, Any]) -> Result:
    checks = [check for check in report["checks"] if check["name"] not in case.besides]
    found = {kind: sum(len(check[kind]) for check in checks) for kind in ("lost", "twice", "wrong")}
    told = [f"{check['name']}: {kind} {check[kind][:3]}" for check in checks for kind in found if check[kind]]
    faults = told if not case.caught else [] if found[case.caught] else ["the planted bug was not caught"]
    if case.is_as_told and not case.caught:
        faults = [*faults, *_untrue(rig)]
    struck = rig.strikes()
    ordered = sum(order.times for order in rig.setup.orders)
    # A stage that a planted bug has broken may not come to its next strike.
    least = min(ordered, 1) if case.caught else max(ordered, 1)
    if struck < least:
        faults = [*faults, f"struck {struck} times, not {least}"]
    offers = next(
        check["counted"] for check in report["checks"] if check["name"].startswith("each version of an offer")
    )
    if not offers:  # a stage that cannot even start loses everything, and proves nothing of a planted bug
        faults = [*faults, "no offer came"]
    return Result(case.name, struck, rig.records, offers, found["lost"], found["twice"], tuple(faults), 0)


def _untrue(rig: Rig) -> Sequence[str]:
    truth = rig.compare()
    if truth.is_equal and truth.expected:
        return []
    return [f"offers are not the town's: {len(truth.missing)} missing, {len(truth.extra)} extra of {truth.expected}"]
