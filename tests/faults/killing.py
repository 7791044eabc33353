"""Stages that die: in the middle of a chunk, at each step of a commit, and when asked to."""

from __future__ import annotations

import os
import random
import signal

from streams.processes import FAUST_STAGES
from tests.faults.cases import Case
from tests.faults.rig import Rig, Setup
from tests.faults.stage import CLAIM, STEPS, Order
from tests.faults.striking import opened, publish_in_waves

KILLS = 20


def _in_chunks(dice: random.Random) -> Setup:
    each = KILLS // len(FAUST_STAGES)
    # Offers are few: deliver has hardly more than one chunk in each of its lives.
    most = {stage: 1 if stage == "deliver" else 3 for stage in FAUST_STAGES}
    return Setup([Order(stage, "chunk", dice.randint(1, most[stage]), each) for stage in FAUST_STAGES])


def _passes(stage: str, point: str) -> bool:
    """Deliver sends nothing but dead letters, of which there are none here; two stages keep no state."""
    if point.startswith("produce"):
        return stage != "deliver"
    return not point.startswith("state") or stage not in ("intake", "deliver")


def _at(point: str, dice: random.Random) -> Setup:
    stages = [stage for stage in FAUST_STAGES if _passes(stage, point)]
    most = 20 if point.startswith("produce") else 3
    return Setup([Order(stage, point, dice.randint(1, most)) for stage in stages])


def anywhere(dice: random.Random) -> Setup:
    """Each stage twice: in the middle of a chunk, and at a step of a commit drawn for it."""
    steps = {stage: [point for point in POINTS if _passes(stage, point)] for stage in FAUST_STAGES}
    points = [(stage, point) for stage in FAUST_STAGES for point in ("chunk", dice.choice(steps[stage]))]
    return Setup([Order(stage, point, dice.randint(1, 2)) for stage, point in points])


def _poisoned_waves(rig: Rig) -> None:
    rig.publish_poison()
    publish_in_waves(rig, 2)


def _stop_in_turn(rig: Rig) -> None:
    """Every stage gets SIGTERM while it has work, and must end by itself with everything committed."""
    waves = len(FAUST_STAGES)
    for wave, stage in enumerate(FAUST_STAGES):
        rig.publish(wave, waves)
        rig.await_until(lambda stage=stage: opened(rig, "1", stage) > 0, f"{stage} to be at work")  # type: ignore[misc]
        pid, restarts = rig.stages.pids[stage], rig.stages.restarts[stage]
        os.kill(pid, signal.SIGTERM)
        rig.await_until(
            lambda stage=stage, restarts=restarts: rig.stages.restarts[stage] > restarts,  # type: ignore[misc]
            f"{stage} to end when asked to",
            30,
        )
        rig.struck += 1
    codes = {worker.name: worker.standing.code for worker in rig.stages._workers}
    assert codes == dict.fromkeys(FAUST_STAGES, 0), f"stages asked to end did not end well: {codes}"


POINTS = [f"{step}.{when}" for step in STEPS for when in ("before", "after")]

CASES = [
    Case("killed anywhere, among poison", _poisoned_waves, anywhere, is_short=True),
    Case("killed in the middle of a chunk, 20 times", publish_in_waves, _in_chunks),
    *(
        Case(f"killed {point.partition('.')[2]} {point.partition('.')[0]}", publish_in_waves,
             lambda dice, point=point: _at(point, dice))  # type: ignore[misc]
        for point in POINTS
    ),
    *(
        Case(f"killed {when} claiming a partition", publish_in_waves,
             lambda dice, when=when: _at(f"{CLAIM}.{when}", dice))  # type: ignore[misc]
        for when in ("before", "after")
    ),
    Case("killed before writing to the case database", publish_in_waves,
         lambda dice: Setup([Order("deliver", "write.before", dice.randint(1, 2), 3)])),
    Case("killed after writing to the case database", publish_in_waves,
         lambda dice: Setup([Order("deliver", "write.after", dice.randint(1, 2), 3)])),
    Case("stopped in turn with SIGTERM", _stop_in_turn),
]  # fmt: skip
