"""`headwater broker`: start, stop and look at the embedded Apache Kafka."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated

import typer

from streams import broker
from streams.settings import load

app = typer.Typer(help="The embedded Apache Kafka of this machine.", no_args_is_help=True)


@app.command()
def start() -> None:
    """Starts the broker and leaves it running; does nothing when it runs already.

    Example: headwater broker start
    """
    settings = load()
    if settings.kafka:
        broker.check_reachable(settings.kafka)
        typer.echo(f"HEADWATER_KAFKA names {settings.kafka}: it answers; no embedded broker is started")
        return
    found = broker.start_broker(settings)
    typer.echo(f"Apache Kafka runs at {found.bootstrap} (process {found.pid}, data in {found.folder})")


@app.command()
def stop() -> None:
    """Stops the broker and keeps its data; does nothing when none runs.

    Example: headwater broker stop
    """
    was_running = broker.stop_broker(load())
    typer.echo("Apache Kafka stopped" if was_running else "no embedded broker was running")


@app.command()
def status(as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False) -> None:
    """Shows whether the broker runs, where, and how much disk it uses; ends with 1 when it does not run.

    Example: headwater broker status --json
    """
    settings = load()
    if settings.kafka:
        broker.check_reachable(settings.kafka)
        _show({"running": True, "bootstrap": settings.kafka, "embedded": False}, as_json)
        return
    found = broker.status(settings)
    shown = {
        "running": found.running,
        "bootstrap": found.bootstrap,
        "embedded": True,
        "pid": found.pid,
        "folder": str(found.folder),
        "size_bytes": found.size_bytes,
    }
    _show(shown, as_json)
    if not found.running:
        raise typer.Exit(1)


def _show(fields: Mapping[str, object], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(fields))
        return
    for name, value in fields.items():
        typer.echo(f"{name.replace('_', ' ')}: {'-' if value is None else value}")
