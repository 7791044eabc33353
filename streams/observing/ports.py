"""Where each process can be observed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from streams.errors import WrongUse
from streams.processes import STAGES, stage_of
from streams.settings import Settings

EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - named to be recognised


@dataclass(frozen=True, slots=True)
class Place:
    """A process and the port that serves its /livez, /readyz and /metrics."""

    process: str
    port: int


def places(settings: Settings, processes: Sequence[str]) -> tuple[Place, ...]:
    """Ports of the processes named: those after the supervisor's, in the order of all stages and services.

    The second workers of stages follow in the same order, and so on: a process has the same port whichever
    others run.

    Raises:
        WrongUse: two of them would share a port, or there is no such port.
    """
    if settings.metrics_port is None:
        return ()
    first = settings.metrics_port + 1
    found = tuple(Place(name, first + number) for name, number in _numbered(processes))
    own = {"board": settings.board_port, "gateway": settings.gateway_port}
    taken = [settings.metrics_port, *(place.port for place in found), *(own[name] for name in processes if name in own)]
    if len(set(taken)) < len(taken) or max(taken) > 65535:
        raise WrongUse(
            f"HEADWATER_METRICS_PORT {settings.metrics_port} and the {max(n for _, n in _numbered(processes)) + 1} "
            "ports after it are not all free for the stages",
            "choose one below 65000 that leaves out HEADWATER_BOARD_PORT and HEADWATER_GATEWAY_PORT",
        )
    return found


def _numbered(processes: Sequence[str]) -> Iterator[tuple[str, int]]:
    """Each process and its place in the rows of ports, one row for each number of worker."""
    seen: Counter[str] = Counter()
    for name in processes:
        stage = stage_of(name)
        yield name, seen[stage] * len(STAGES) + STAGES.index(stage)
        seen[stage] += 1


def reachable(bind: str) -> str:
    """An address at which this machine reaches what listens there, as a URL writes it.

    >>> reachable("0.0.0.0"), reachable("::1")
    ('127.0.0.1', '[::1]')
    """
    host = EVERYWHERE.get(bind, bind)
    return f"[{host}]" if ":" in host else host
