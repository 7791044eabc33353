"""How large a benchmark is, from the environment: `EVENTS=200000 make bench`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

EVENTS, PERSONS, ROUNDS = 2_000_000, 250_000, 3
LARGEST = 1_000_000
BURST_S = 60


@dataclass(frozen=True, slots=True)
class Options:
    """What can be chosen.

    Attributes:
        events: of the common job.
        persons: they are spread over.
        rounds: how often every peer runs.
        peers: names of those that run; empty: all.
        largest: most persons for whom state is held, where the cost per event is measured.
        burst_s: how long the burst lasts.
        database: URL of a PostgreSQL server for the whole way; empty: SQLite.
    """

    events: int = EVENTS
    persons: int = PERSONS
    rounds: int = ROUNDS
    peers: frozenset[str] = frozenset()
    largest: int = LARGEST
    burst_s: int = BURST_S
    database: str = ""

    @staticmethod
    def read(environment: Mapping[str, str] = os.environ) -> Options:
        """Each by its name in capitals; PEERS are names, comma-separated, and always the loop besides."""
        names = frozenset(filter(None, environment.get("PEERS", "").split(",")))
        events = int(environment.get("EVENTS") or EVENTS)
        return Options(
            events=events,
            persons=int(environment.get("PERSONS") or events * PERSONS // EVENTS),
            rounds=int(environment.get("ROUNDS") or ROUNDS),
            peers=names | {"loop"} if names else names,
            largest=int(environment.get("LARGEST") or LARGEST),
            burst_s=int(environment.get("BURST_S") or BURST_S),
            database=environment.get("DATABASE", ""),
        )
