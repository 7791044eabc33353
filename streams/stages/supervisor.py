"""Keeps processes running: each is started anew when it ends without being asked to.

A worker that ended with a fault is restarted after a pause that doubles up to `MAX_PAUSE_S`; one
that ran well for a while starts from the shortest pause again. A worker that ends because of a
fault the operator must mend (exit codes 2 and 3: wrong settings, unreachable dependency) is
restarted just the same, since the dependency may come back; its message is in its log. Whatever ends
`LOOP` times in a row is told with the end of its log.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from streams.observing.standing import LOOP, Standing
from streams.processes import SERVICES, stage_of, worker_of

MIN_PAUSE_S = 0.2
MAX_PAUSE_S = 10.0
STEADY_S = 30.0
TOLD_AGAIN = 30
"""A loop is told once more after so many ends: every five minutes or so."""
LAST_LINES = 6


@dataclass
class _Worker:
    name: str
    process: subprocess.Popen[bytes]
    started: float
    standing: Standing = field(default_factory=Standing)
    restart_at: float | None = None


class Supervisor:
    """Runs the processes named, logging to one file each.

    Args:
        processes: their names, `streams.processes`.
        environment: what all of them are told besides this process's own environment.
        logs: folder for their logs.
        own: what single ones are told besides.
        on_change: is told how a process stands when that changes.
    """

    def __init__(
        self,
        processes: Iterable[str],
        environment: Mapping[str, str],
        logs: Path,
        own: Mapping[str, Mapping[str, str]] | None = None,
        on_change: Callable[[str, Standing], None] = lambda _name, _standing: None,
    ) -> None:
        self._environment = {**os.environ, **environment}
        self._own = own or {}
        self._on_change = on_change
        self._logs = logs
        self._workers = [self._start(name) for name in processes]

    @property
    def pids(self) -> dict[str, int]:
        """Process id of each as it runs now."""
        return {worker.name: worker.process.pid for worker in self._workers}

    @property
    def restarts(self) -> dict[str, int]:
        """How often each was started anew."""
        return {worker.name: worker.standing.restarts for worker in self._workers}

    def watch(self, say: Callable[[str], None] = lambda _: None) -> None:
        """Starts anew what ended, and says so; call about every tenth of a second."""
        now = time.monotonic()
        for worker in self._workers:
            code = worker.process.poll()
            if code is None:
                self._settle(worker, now, say)
            elif worker.restart_at is None:
                self._plan_restart(worker, code, now)
                self._tell(worker, say)
            elif now >= worker.restart_at:
                self._restart(worker)

    def stop(self, grace_s: float = 30.0) -> None:
        """Ends all of them: SIGTERM, and SIGKILL for what has not ended within the grace."""
        for worker in self._workers:
            if worker.process.poll() is None:
                worker.process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + grace_s
        for worker in self._workers:
            try:
                worker.process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                worker.process.kill()
                worker.process.wait()

    def last_words(self, name: str, lines: int = 15) -> str:
        """The end of a process's log, for an operator to read."""
        log = self._logs / f"{name}.log"
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:]) if log.exists() else ""

    def _start(self, name: str) -> _Worker:
        return _Worker(name, self._spawn(name), time.monotonic())

    def _spawn(self, name: str) -> subprocess.Popen[bytes]:
        stage, worker = stage_of(name), worker_of(name)
        named = {"HEADWATER_WORKER": worker} if worker else {}
        self._logs.mkdir(parents=True, exist_ok=True)
        with (self._logs / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "streams.services" if stage in SERVICES else "streams.stages", stage],
                env={**self._environment, **named, **self._own.get(name, {})},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _plan_restart(self, worker: _Worker, code: int, now: float) -> None:
        before, is_steady = worker.standing, now - worker.started > STEADY_S
        worker.standing = Standing(
            restarts=before.restarts,
            ends_in_a_row=1 if is_steady else before.ends_in_a_row + 1,
            pause_s=MIN_PAUSE_S if is_steady else min(MAX_PAUSE_S, max(MIN_PAUSE_S, before.pause_s) * 2),
            failing_since=time.time() if is_steady or not before.failing_since else before.failing_since,
            code=code,
        )
        worker.restart_at = now + worker.standing.pause_s
        self._on_change(worker.name, worker.standing)

    def _tell(self, worker: _Worker, say: Callable[[str], None]) -> None:
        """Says that a process ended; of one that does so again and again, what it said last, but not each time."""
        name, standing = worker.name, worker.standing
        if not standing.is_looping:
            say(f"{name} ended (code {standing.code}), is started anew in {standing.pause_s:.1f} s; see its log")
        elif (standing.ends_in_a_row - LOOP) % TOLD_AGAIN == 0:
            since = datetime.fromtimestamp(standing.failing_since, UTC)
            say(
                f"{name} ended {standing.ends_in_a_row} times in a row since {since:%H:%M:%S} UTC "
                f"(code {standing.code}) and is started anew again and again; the end of {self._logs / name}.log:"
            )
            say("\n".join(f"  {line}" for line in self.last_words(name, LAST_LINES).splitlines()))

    def _settle(self, worker: _Worker, now: float, say: Callable[[str], None]) -> None:
        standing = worker.standing
        if standing.ends_in_a_row and now - worker.started > STEADY_S:
            if standing.is_looping:
                say(f"{worker.name} runs again")
            worker.standing = Standing(restarts=standing.restarts, code=standing.code)
            self._on_change(worker.name, worker.standing)

    def _restart(self, worker: _Worker) -> None:
        worker.process = self._spawn(worker.name)
        worker.started, worker.restart_at = time.monotonic(), None
        worker.standing = replace(worker.standing, restarts=worker.standing.restarts + 1)
        self._on_change(worker.name, worker.standing)
