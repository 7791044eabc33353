"""Keeps stages running: one process each, started anew when it ends without being asked to.

A worker that ended with a fault is restarted after a pause that doubles up to `MAX_PAUSE_S`; one
that ran well for a while starts from the shortest pause again. A worker that ends because of a
fault the operator must mend (exit codes 2 and 3: wrong settings, unreachable dependency) is
restarted just the same, since the dependency may come back; its message is in its log.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from streams.processes import SERVICES

MIN_PAUSE_S = 0.2
MAX_PAUSE_S = 10.0
STEADY_S = 30.0


@dataclass
class _Worker:
    stage: str
    process: subprocess.Popen[bytes]
    started: float
    pause_s: float = MIN_PAUSE_S
    restart_at: float | None = None
    restarts: int = 0
    codes: list[int] = field(default_factory=list)


class Supervisor:
    """Runs the stages named, each in a process of its own, logging to one file a stage.

    Args:
        stages: their names.
        environment: what all of them are told besides this process's own environment.
        logs: folder for their logs.
        own: what single stages are told besides.
        on_restart: is told the name of a stage that is started anew.
    """

    def __init__(
        self,
        stages: Iterable[str],
        environment: Mapping[str, str],
        logs: Path,
        own: Mapping[str, Mapping[str, str]] | None = None,
        on_restart: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._environment = {**os.environ, **environment}
        self._own = own or {}
        self._on_restart = on_restart
        self._logs = logs
        self._workers = [self._start(stage) for stage in stages]

    @property
    def pids(self) -> dict[str, int]:
        """Process id of each stage's worker as it runs now."""
        return {worker.stage: worker.process.pid for worker in self._workers}

    @property
    def restarts(self) -> dict[str, int]:
        """How often each stage was started anew."""
        return {worker.stage: worker.restarts for worker in self._workers}

    def watch(self, say: Callable[[str], None] = lambda _: None) -> None:
        """Starts anew what ended, and says so; call about every tenth of a second."""
        now = time.monotonic()
        for worker in self._workers:
            code = worker.process.poll()
            if code is None:
                continue
            if worker.restart_at is None:
                self._plan_restart(worker, code, now)
                say(f"{worker.stage} ended (code {code}), is started anew in {worker.pause_s:.1f} s; see its log")
            elif now >= worker.restart_at:
                self._restart(worker)

    def stop(self, grace_s: float = 30.0) -> None:
        """Ends all stages: SIGTERM, and SIGKILL for what has not ended within the grace."""
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

    def last_words(self, stage: str, lines: int = 15) -> str:
        """The end of a stage's log, for an operator to read."""
        log = self._logs / f"{stage}.log"
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:]) if log.exists() else ""

    def _start(self, stage: str) -> _Worker:
        return _Worker(stage, self._spawn(stage), time.monotonic())

    def _spawn(self, stage: str) -> subprocess.Popen[bytes]:
        self._logs.mkdir(parents=True, exist_ok=True)
        with (self._logs / f"{stage}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "streams.services" if stage in SERVICES else "streams.stages", stage],
                env={**self._environment, **self._own.get(stage, {})},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _plan_restart(self, worker: _Worker, code: int, now: float) -> None:
        worker.codes.append(code)
        worker.pause_s = MIN_PAUSE_S if now - worker.started > STEADY_S else min(MAX_PAUSE_S, worker.pause_s * 2)
        worker.restart_at = now + worker.pause_s

    def _restart(self, worker: _Worker) -> None:
        worker.process = self._spawn(worker.stage)
        worker.started, worker.restart_at = time.monotonic(), None
        worker.restarts += 1
        self._on_restart(worker.stage)
