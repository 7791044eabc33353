"""How often a process ended and was started anew: what a supervisor knows that the process itself cannot tell."""

from __future__ import annotations

from dataclasses import dataclass

LOOP = 3
"""So many ends in a row are called a loop."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A process as its supervisor sees it.

    Attributes:
        restarts: how often it was started anew.
        ends_in_a_row: how often it ended without having run steadily in between; 0 when it does.
        pause_s: wait before the next start, s; 0 while it runs steadily.
        failing_since: when the first of these ends was, s since the epoch; 0 when it runs steadily.
        code: exit code of the last end; 0 before there was one.
    """

    restarts: int = 0
    ends_in_a_row: int = 0
    pause_s: float = 0.0
    failing_since: float = 0.0
    code: int = 0

    @property
    def is_looping(self) -> bool:
        """Whether it ends again and again."""
        return self.ends_in_a_row >= LOOP
