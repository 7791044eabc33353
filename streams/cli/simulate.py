"""`headwater simulate`: a synthetic town with ground truth."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from streams.errors import Unreachable, WrongUse
from streams.simulation.town import Town, build, least_persons


def simulate(  # noqa: PLR0913, PLR0917  # one parameter per option
    persons: Annotated[int, typer.Option(help="How many people live in the town.")],
    out: Annotated[Path, typer.Option(help="Folder to write to; made if missing.")],
    months: Annotated[int, typer.Option(help="How many months of their lives.")] = 12,
    seed: Annotated[int, typer.Option(help="Same arguments, same town, byte for byte.")] = 1,
    start: Annotated[str, typer.Option(help="First day; its day of the month is 28 at most.")] = "2025-01-01",
    as_json: Annotated[bool, typer.Option("--json", help="Print the manifest as JSON.")] = False,
) -> None:
    """Writes a synthetic population, the agencies' feeds about it, and the truth.

    Example: headwater simulate --persons 5000 --months 12 --seed 7 --out town
    """
    town = Town(persons, months, seed, _checked_start(start))
    _check(town)
    try:
        with Progress(console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("simulating", total=persons)
            manifest = build(town, out, lambda done: bar.update(task, completed=done))
    except OSError as error:
        raise Unreachable(f"{out} cannot be written: {error.strerror}", "name a folder you may write to") from None
    if as_json:
        typer.echo(json.dumps(manifest))
        return
    disturbed = sum(manifest["disturbances"].values())
    typer.echo(
        f"{manifest['persons']} persons in {manifest['households']} households, {manifest['events']} events, "
        f"{manifest['records']} records, {disturbed} disturbances, {manifest['stories']} planted stories: {out}"
    )


def _checked_start(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise WrongUse(f"--start {text} is no date", "write it as 2025-01-01") from None


def _check(town: Town) -> None:
    if town.persons < least_persons():
        raise WrongUse(
            f"--persons {town.persons} is too few for the planted stories", f"ask for {least_persons()} or more"
        )
    if not 1 <= town.months <= 120:
        raise WrongUse(f"--months {town.months} is out of range", "ask for 1 to 120 months")
    if town.start.day > 28:
        raise WrongUse(f"--start {town.start} is a day not every month has", "choose a day from 1 to 28")
