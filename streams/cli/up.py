"""`headwater up`: the stages, kept running."""

from __future__ import annotations

import signal
import sys
import time
from typing import Annotated

import typer

from streams import composition, topics
from streams.composition import Platform
from streams.errors import WrongUse
from streams.observing.supervision import supervised
from streams.processes import STAGES
from streams.settings import load
from streams.stages.supervisor import Supervisor


def up(
    stages: Annotated[list[str] | None, typer.Argument(help=f"Of {', '.join(STAGES)}; none named: all.")] = None,
) -> None:
    """Runs stages until SIGTERM or Ctrl-C; a stage that ends is started anew.

    Example: headwater up intake correlate
    """
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
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with supervised(settings, named) as seen:
        supervisor = Supervisor(
            named,
            {"HEADWATER_KAFKA": platform.bootstrap},
            settings.data / "logs",
            seen.environments,
            seen.count_restart,
        )
        typer.echo(f"{', '.join(named)} run against {platform.bootstrap}; logs in {settings.data / 'logs'}")
        if seen.address:
            typer.echo(f"operator's page: {seen.address}")
        try:
            while True:
                supervisor.watch(typer.echo)
                time.sleep(0.1)
        except KeyboardInterrupt:
            pass
        finally:
            supervisor.stop()
