"""The broker goes and comes; workers freeze, come back as zombies, join and leave."""

from __future__ import annotations

import os
import signal
import time

from streams.broker import status
from tests.faults.cases import Case
from tests.faults.rig import Rig, Setup
from tests.faults.stage import Order
from tests.faults.striking import hold, opened, restart_broker, state_of

BEYOND_SESSION_S = 12.0
"""The session time-out is 10 s."""


def _kill_broker(rig: Rig, times: int) -> None:
    for wave in range(times):
        rig.publish(wave, times)
        rig.await_until(lambda: rig.lag("correlate") > 0, "correlate to have work")
        restart_broker(rig)


def _kill_broker_early(rig: Rig) -> None:
    """Again and again while stages join their groups: a broker that has just started does not know its topics yet."""
    rig.publish()
    for _ in range(4):
        killed_at = time.monotonic() + rig.dice.uniform(0.3, 4)
        rig.await_until(lambda at=killed_at: time.monotonic() > at, "the moment")
        restart_broker(rig)


def _freeze_broker(rig: Rig) -> None:
    rig.publish()
    rig.await_until(lambda: rig.lag("correlate") > 0, "correlate to have work")
    pid = status(rig.settings).pid
    assert pid is not None
    hold(rig, pid, BEYOND_SESSION_S)
    rig.struck += 1


ZOMBIES = ("correlate", "plan")


def _zombies(rig: Rig) -> None:
    """A worker of two freezes inside a transaction, the other takes its partitions over, then it thaws."""
    rig.await_until(lambda: all(opened(rig, "1", stage) for stage in ZOMBIES), "the first workers to open partitions")
    rig.start(ZOMBIES, "2")
    rig.await_until(lambda: all(opened(rig, "2", stage) for stage in ZOMBIES), "the second workers to open partitions")
    rig.publish()
    rig.await_until(lambda: rig.strikes() == len(ZOMBIES), "a worker of each to freeze")
    rig.settle()  # without them: their partitions went to the other worker
    frozen = [pid for workers in rig.workers for pid in workers.pids.values() if state_of(pid) == "T"]
    assert len(frozen) == len(ZOMBIES), f"{len(frozen)} workers are frozen"
    for pid in frozen:
        os.kill(pid, signal.SIGCONT)
    rig.await_until(lambda: not any(map(state_of, frozen)) or _are_new(rig, frozen), "the zombies to end")


def _are_new(rig: Rig, old: list[int]) -> bool:
    """Whether the supervisors started others in the place of all of these."""
    return not set(old) & {pid for workers in rig.workers for pid in workers.pids.values()}


def _join_and_leave(rig: Rig) -> None:
    stages, waves = ("intake", "correlate", "plan"), 4
    for wave in range(waves):
        rig.publish(wave, waves)
        guest = rig.start(stages, f"guest-{wave}")
        rig.await_until(
            lambda wave=wave: all(opened(rig, f"guest-{wave}", stage) for stage in stages),  # type: ignore[misc]
            "a guest to get partitions",
        )
        rig.workers.remove(guest)
        if wave % 2:
            guest.stop()
        else:
            guest.stop(grace_s=0)
        rig.struck += len(stages)


def _twice_the_same(rig: Rig) -> None:
    """Two processes under one name and with one state folder: one of them must give way, and nothing is told twice."""
    stages = ("intake", "correlate", "plan")
    rig.publish(0, 3)
    twin = rig.start(stages, "1")
    rig.publish(1, 3)
    ended = lambda: any(restarts for workers in rig.workers for restarts in workers.restarts.values())  # noqa: E731
    rig.await_until(ended, "one of two workers of the same name to give way")
    rig.struck += len(stages)
    rig.publish(2, 3)
    rig.workers.remove(twin)
    twin.stop()


CASES = [
    Case("broker killed and started again", lambda rig: _kill_broker(rig, 1)),
    Case("broker killed and started again, 4 times", lambda rig: _kill_broker(rig, 4)),
    Case("broker killed and started again while stages join, 4 times", _kill_broker_early),
    Case("broker frozen beyond the session time-out", _freeze_broker),
    Case("worker frozen in a transaction, comes back as a zombie", _zombies,
         lambda dice: Setup([Order(stage, "produce.after", dice.randint(1, 9), 1, "stop") for stage in ZOMBIES])),
    Case("workers join and leave", _join_and_leave),
    Case("the same worker started twice", _twice_the_same),
]  # fmt: skip
