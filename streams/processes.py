"""The processes of the platform by name, in the order in which an event passes them.

A process is called after what it runs: `correlate`; with several workers of a stage, `correlate-1`, `correlate-2`.
"""

from __future__ import annotations

from collections.abc import Iterable

FAUST_STAGES = ("intake", "correlate", "households", "plan", "deliver")
"""Those that follow Kafka as Faust workers; `streams.stages` runs them."""

SERVICES = ("aggregate", "relay", "gateway", "board")
"""The others; each is a module of `streams.services`, and runs once."""

STAGES = FAUST_STAGES + SERVICES
"""All of them, as `headwater up` names them."""

ONLY_WORKER = "1"
"""What a worker is called when nobody named it."""


def with_workers(stages: Iterable[str], number: int, worker: str = ONLY_WORKER) -> tuple[str, ...]:
    """The processes of these stages, each Faust stage with so many workers.

    Args:
        stages: some of `STAGES`.
        number: at least 1; with 1 a process is called as its stage.
        worker: name of this machine's worker, before their numbers when it is not `ONLY_WORKER`.

    >>> with_workers(["correlate", "board"], 2)
    ('correlate-1', 'correlate-2', 'board')
    >>> with_workers(["plan"], 2, "east")
    ('plan-east-1', 'plan-east-2')
    """
    if number == 1:
        return tuple(stages)
    prefix = "" if worker == ONLY_WORKER else f"{worker}-"
    return tuple(
        process
        for stage in stages
        for process in ([f"{stage}-{prefix}{n}" for n in range(1, number + 1)] if stage in FAUST_STAGES else [stage])
    )


def stage_of(process: str) -> str:
    """What a process runs.

    >>> stage_of("correlate-2"), stage_of("board")
    ('correlate', 'board')
    """
    return process.partition("-")[0]


def worker_of(process: str) -> str:
    """Name of its worker; empty for the only one, which the settings name.

    >>> worker_of("plan-east-2"), worker_of("plan")
    ('east-2', '')
    """
    return process.partition("-")[2]
