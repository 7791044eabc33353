"""Whether a process lives and is ready, as it says itself; written by one thread, read by others."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

LIVE_S = 120.0
"""Longer than the longest chunk and commit: who does not beat for that long will not come back."""
READY_S = 30.0


class Condition(Protocol):
    """What can be asked about a process."""

    def why_not_live(self) -> str:
        """Why the process should be ended and started anew; empty when it lives."""

    def why_not_ready(self) -> str:
        """Why the process cannot do its work at this moment; empty when it can."""


class Health:
    """Beats of a process and what it still waits for.

    Args:
        now: a clock that never goes back, s.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._last_beat = now()
        self._waits_for = "its start"

    def beat(self) -> None:
        """Says that the process is at work; call it about once a second."""
        self._last_beat = self._now()

    def wait_for(self, what: str) -> None:
        """Says what has to happen before the process is ready."""
        self._waits_for = what

    def be_ready(self) -> None:
        """Says that nothing is missing any more."""
        self._waits_for = ""

    def why_not_live(self) -> str:
        """Why the process should be ended and started anew; empty when it lives."""
        quiet_s = self._now() - self._last_beat
        return f"has not moved for {quiet_s:.0f} s" if quiet_s > LIVE_S else ""

    def why_not_ready(self) -> str:
        """Why the process cannot do its work at this moment; empty when it can."""
        quiet_s = self._now() - self._last_beat
        if quiet_s > READY_S:
            return f"has not moved for {quiet_s:.0f} s"
        return f"waits for {self._waits_for}" if self._waits_for else ""
