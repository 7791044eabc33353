"""How large a benchmark is: from the environment, `EVENTS=200000 make bench`."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass


EVENTS, ROUNDS = 2_000_000, 3


@dataclass(frozen=True, slots=True)
class Options:
    """What can be chosen.

    Attributes:
        events: of the common job.
        persons: they are spread over.
        rounds: how often every peer runs.
        peers: names of those that run; empty: all.
    """

    events: int = EVENTS
    persons: int = EVENTS // 8
    rounds: int = ROUNDS
    peers: frozenset[str] = frozenset()

    @staticmethod
    def read() -> Options:
        """EVENTS, PERSONS, ROUNDS and PEERS (names, comma-separated, the loop among them) of the environment."""
        events = int(os.environ.get("EVENTS") or EVENTS)
        names = frozenset(filter(None, os.environ.get("PEERS", "").split(",")))
        return Options(
            events=events,
            persons=int(os.environ.get("PERSONS") or events // 8),
            rounds=int(os.environ.get("ROUNDS") or ROUNDS),
            peers=names | {"loop"} if names else names,
        )

    def say(self, text: str) -> None:
        """Tells whoever waits how far it is."""
        sys.stderr.write(f"{text}\n")
