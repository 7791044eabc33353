"""What stages keep on disk is lost, damaged, older than the log, or cannot be written any more."""

from __future__ import annotations

import os
import random
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

from tests.faults.cases import Case
from tests.faults.rig import Rig, Setup
from tests.faults.stage import Order
from tests.faults.striking import await_new_process, publish_in_waves, state_of

KEEPING = ("correlate", "households", "plan")
"""Stages with a state of their own."""


def _folders(rig: Rig) -> list[Path]:
    return sorted(folder for folder in (rig.settings.data / "state").glob("*/*") if folder.is_dir())


def while_dead(rig: Rig, act: Callable[[], object]) -> None:
    """Kills the stages that keep state, acts on their folders, lets them start anew."""
    pids = {stage: rig.stages.pids[stage] for stage in KEEPING}
    for pid in pids.values():
        os.kill(pid, signal.SIGKILL)
    while any(state_of(pid) not in ("Z", "") for pid in pids.values()):
        pass  # not `await_until`: the supervisor must not start them yet
    act()
    for stage, pid in pids.items():
        await_new_process(rig, rig.stages, stage, pid)


def wipe(rig: Rig) -> None:
    """Removes the state of every partition."""
    for folder in _folders(rig):
        shutil.rmtree(folder)
        rig.struck += 1


def _truncate(rig: Rig) -> None:
    """One file of each folder loses its second half, another has a byte changed."""
    for folder in _folders(rig):
        files = [path for path in folder.rglob("*") if path.is_file() and path.stat().st_size > 1]
        for path in rig.dice.sample(files, min(2, len(files))):
            content = bytearray(path.read_bytes())
            if rig.dice.random() < 0.5:
                content = content[: len(content) // 2]
            else:
                content[rig.dice.randrange(len(content))] ^= 0xFF
            path.write_bytes(content)
            rig.struck += 1


def _kept_aside(rig: Rig) -> Path:
    return rig.folder / "state-of-before"


def _put_aside(rig: Rig) -> None:
    shutil.copytree(rig.settings.data / "state", _kept_aside(rig))


def _put_back(rig: Rig) -> None:
    shutil.rmtree(rig.settings.data / "state")
    shutil.copytree(_kept_aside(rig), rig.settings.data / "state")
    rig.struck += len(_folders(rig))


def _lose(rig: Rig, *acts: Callable[[Rig], None]) -> None:
    """One act between every two waves."""
    waves = len(acts) + 1
    for wave in range(waves):
        rig.publish(wave, waves)
        rig.await_until(lambda: rig.lag("intake") == 0 and rig.lag("correlate") == 0, "a wave to be worked on")
        if wave < len(acts):
            while_dead(rig, lambda act=acts[wave]: act(rig))  # type: ignore[misc]


def _no_room(dice: random.Random) -> Setup:
    limit = str(dice.choice((8_000, 20_000)))
    # Plan writes least: once it has died, what is left may fit.
    return Setup([Order(stage, "full", 1, 2 if stage == "plan" else 3, limit) for stage in KEEPING])


CASES = [
    Case("state wiped", lambda rig: _lose(rig, wipe)),
    Case("state truncated and damaged", lambda rig: _lose(rig, _truncate, _truncate)),
    Case("state older than the log", lambda rig: _lose(rig, _put_aside, _put_back)),
    Case("disk of the state full", publish_in_waves, _no_room),
]
