"""What it takes to get lost state back: correlate starts on an empty folder with everything behind it.

The time to be ready with the folder it left is taken off the time without it, so that starting the process
does not count. The measure is a plain loop that only reads and decodes the same log.
"""

from __future__ import annotations

import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from functools import partial
from pathlib import Path

from bench.machine import processes
from bench.machine.processes import await_that, cpu_s, peak_mb
from bench.parts.correlate import finish
from bench.peers.decoding import decode_all
from bench.peers.field import headwater
from bench.session import Session
from bench.table import Row
from streams.broker.ports import find_free

READY_WITHIN_S = 600.0


def measure(session: Session) -> list[Row]:
    """The decode loop, then the rebuild."""
    loop = decode_all(session.cluster, session.long.topic)
    with headwater(session.cluster, session.long.topic, "rebuild") as run:
        finish(session, run, session.long)
    folder = session.cluster.folder / "rebuild"
    _await_leaving(session)
    kept, _, _ = _start(session, folder)
    shutil.rmtree(folder)
    folder.mkdir()
    _await_leaving(session)
    wiped, cpu, peak = _start(session, folder)
    seconds = max(wiped - kept, 0.001)
    plain = Row("rebuild: plain decode loop", loop.events, loop.events_per_s, loop.cpu_s, loop.peak_mb, 1.0)
    speed = loop.events / seconds
    more = {"ready_with_state_s": round(kept, 1), "ready_without_s": round(wiped, 1)}
    row = Row("rebuild: correlate's state", loop.events, speed, cpu, peak, speed / loop.events_per_s, more)
    return [plain, row]


def _await_leaving(session: Session) -> None:
    """A static member that left keeps its partitions until its session is over, and its return would wait for that."""
    await_that(partial(_is_left, session), 60, "correlate leaves its group")


def _is_left(session: Session) -> bool:
    return session.cluster.members("headwater-correlate") == 0


def _start(session: Session, folder: Path) -> tuple[float, float, float]:
    """Seconds until it is ready, its CPU-seconds until then, the most memory it held, MB."""
    port = find_free()
    environment = session.cluster.environment(folder, metrics_port=str(port))
    began = time.monotonic()
    with processes.running("correlate", processes.python("streams.stages", "correlate"), folder, environment) as child:
        await_that(_ready(port), READY_WITHIN_S, "correlate is ready", child)
        pid = child.process.pid
        return time.monotonic() - began, cpu_s(pid), peak_mb(pid)


def _ready(port: int) -> Callable[[], bool]:
    def ask() -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    return ask
