"""`headwater up`: the stages, kept running."""

from __future__ import annotations

import signal
import sys
import threading
from typing import Annotated

import typer

from streams import composition, topics
from streams.composition import Platform
from streams.errors import WrongUse
from streams.observing.supervision import supervised
from streams.processes import STAGES, with_workers
from streams.settings import load
from streams.stages.supervisor import Supervisor


def up(
    stages: Annotated[list[str] | None, typer.Argument(help=f"Of {', '.join(STAGES)}; none named: all.")] = None,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Workers of each stage; services run once.")] = 1,
) -> None:
    """Runs stages until SIGTERM or Ctrl-C; a stage that ends is started anew.

    Example: headwater up intake correlate --workers 2
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    named = stages or list(STAGES)
    unknown = [stage for stage in named if stage not in STAGES]
    if unknown:
        raise WrongUse(f"there is no stage `{unknown[0]}`", f"name some of: {', '.join(STAGES)}")
    settings = load()
    platform = Platform(settings)
    topics.ensure(platform.bootstrap, platform.topics, settings)
    _ = platform.rules
    with composition.case_store(settings):
        pass
    processes = with_workers(named, workers, settings.worker)
    # From here on a signal must not come between starting a process and knowing of it.
    is_over = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: is_over.set())
    with supervised(settings, processes) as seen:
        supervisor = Supervisor(
            processes,
            {"HEADWATER_KAFKA": platform.bootstrap},
            settings.data / "logs",
            seen.environments,
            seen.note,
        )
        typer.echo(f"{', '.join(processes)} run against {platform.bootstrap}; logs in {settings.data / 'logs'}")
        if seen.address:
            typer.echo(f"operator's page: {seen.address}")
        try:
            while not is_over.wait(0.1):
                supervisor.watch(typer.echo)
        except KeyboardInterrupt:
            pass
        finally:
            supervisor.stop()
