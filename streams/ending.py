"""SIGTERM ends a process within `GRACE_S` and with exit code 0, whatever it is doing.

A thread of its own waits for the signal, since Python hears signals only between two steps of the main
thread, which may be in the middle of a large chunk or wait for a database that is gone. It asks whoever
wants to be asked to end gently, and leaves when they are too slow. That loses nothing: what is not
committed by then never happened, and is done again after the next start.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress

import structlog

log = structlog.get_logger()

GRACE_S = 20.0
"""Shorter than what a supervisor, Docker or Kubernetes (30 s) allows."""


class Ending:
    """The end of this process.

    Args:
        name: of the process, for the log.
        grace_s: how long whoever was asked may take.
    """

    def __init__(self, name: str, grace_s: float = GRACE_S) -> None:
        self._name = name
        self._grace_s = grace_s
        self._lock = threading.Lock()
        self._gentle: Callable[[], object] | None = None
        self.is_asked = False

    def listen(self) -> None:
        """Hears SIGTERM from now on. Call it in the main thread before there is any other: they must not hear it."""
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        threading.Thread(target=self._wait, name="ending", daemon=True).start()

    def gently(self, ask: Callable[[], object]) -> None:
        """What to call when the process is asked to end; without any it ends at once.

        Args:
            ask: called by another thread, at once if the signal came already; must not wait.
        """
        with self._lock:
            self._gentle = ask
            is_asked = self.is_asked
        if is_asked:
            ask()

    def leave(self, code: int) -> None:
        """Leaves at once, without waiting for other threads; with code 0 when that was asked for."""
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0 if self.is_asked else code)

    def _wait(self) -> None:
        signal.sigwait({signal.SIGTERM})
        with self._lock:
            self.is_asked = True
            gentle = self._gentle
        if gentle is not None:
            with suppress(RuntimeError):  # its event loop is over already
                gentle()
            threading.Event().wait(self._grace_s)
            log.warning("does not end by itself and is left; what was not committed is done again", process=self._name)
        self.leave(0)
