"""Ways to strike that several cases share."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from streams.broker import start_broker, status
from streams.stages.supervisor import Supervisor
from tests.faults.rig import Rig


def publish(rig: Rig) -> None:
    """The whole history at once; the stages strike themselves as ordered."""
    rig.publish()


def publish_in_waves(rig: Rig, waves: int = 4) -> None:
    """One part after the other has been taken in, so that every stage has many chunks."""
    for wave in range(waves):
        rig.publish(wave, waves)
        rig.await_until(lambda: rig.lag("intake") == 0, "intake to take a wave in")


def state_of(pid: int) -> str:
    """The kernel's word on a process: `R`, `S`, `T` (stopped), ..; empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def hold(rig: Rig, pid: int, seconds: float) -> None:
    """Stops a process for that long: the fault itself is a span of time here."""
    os.kill(pid, signal.SIGSTOP)
    over = time.monotonic() + seconds
    rig.await_until(lambda: time.monotonic() > over, "the pause to be over")
    os.kill(pid, signal.SIGCONT)


def restart_broker(rig: Rig) -> None:
    """Kills the broker and brings it back."""
    pid = status(rig.settings).pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    rig.struck += 1
    rig.await_until(lambda: not status(rig.settings).running, "the broker to be gone")
    start_broker(rig.settings)


def opened(rig: Rig, worker: str, stage: str) -> int:
    """How many partitions a worker of a stage has opened so far."""
    log = rig.settings.data / f"logs-{worker}" / f"{stage}.log"
    return log.read_text(errors="replace").count("partition opened") if log.exists() else 0


def await_new_process(rig: Rig, workers: Supervisor, stage: str, old: int) -> None:
    """Waits until a stage's process was started anew."""
    rig.await_until(lambda: workers.pids[stage] != old, f"{stage} to be started anew")
