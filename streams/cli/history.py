"""`headwater history`: makes a file that `headwater rules backtest` reads."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from processors.events import LifeEvent
from streams import topics
from streams.backtest.making import events_of_town, is_town, write_history
from streams.cli.contracts import DeploymentOption
from streams.composition import Platform
from streams.errors import WrongUse
from streams.kafka.log import read_topic
from streams.settings import load

app = typer.Typer(help="Histories: life events in a file, to back-test rules on.", no_args_is_help=True)

Out = Annotated[Path, typer.Option(help="Parquet file to write; replaced if it is there.")]


@app.command()
def town(
    folder: Annotated[Path, typer.Argument(help="Folder written by `headwater simulate`.")],
    out: Out,
    deployment: DeploymentOption = None,
) -> None:
    """Takes in a simulated town's feeds as the platform would, and writes the life events.

    Example: headwater history town town --out town.parquet
    """
    if not is_town(folder):
        raise WrongUse(
            f"{folder} holds no simulated town", f"write one: headwater simulate --persons 5000 --out {folder}"
        )
    typer.echo(f"{write_history(events_of_town(folder, deployment), out):,} rows: {out}")


@app.command()
def export(out: Out) -> None:
    """Writes all life events on Kafka. The file holds pseudonyms and dates of persons: keep it as safe as the topic.

    Example: headwater history export --out history.parquet
    """
    typer.echo(f"{write_history(_events(Platform(load())), out):,} rows: {out}")


def _events(platform: Platform) -> Iterator[LifeEvent]:
    for message in read_topic(platform.bootstrap, topics.LIFE_EVENTS):
        value = platform.codec.decode(message.value())
        if isinstance(value, LifeEvent):
            yield value
