"""`headwater aggregates`: weekly counts as they were published."""

from __future__ import annotations

from typing import Annotated

import orjson
import typer

from processors.disclosure.model import Cell, Measure
from sinks.aggregates import AggregateFiles, AggregatesUnusable
from streams.cli.printing import out, table
from streams.errors import UserError, WrongUse
from streams.services.aggregate import folder_of
from streams.settings import load

app = typer.Typer(help="Weekly counts for analysts, under disclosure control.", no_args_is_help=True)

WITHHELD = "withheld"

Week = Annotated[str | None, typer.Option("--week", help="Only this week, as 2025-W03; else all.", metavar="W")]
OneMeasure = Annotated[Measure | None, typer.Option("--measure", help="Only this measure; else all.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for scripts: one list of cells.")]


@app.callback()
def _group() -> None:
    """Keeps `show` a sub-command."""


@app.command()
def show(week: Week = None, measure: OneMeasure = None, as_json: AsJson = False) -> None:
    """Shows published counts; `withheld` protects persons, it is never zero.

    Example: headwater aggregates show --week 2025-W03 --measure events
    """
    cells = published(AggregateFiles(folder_of(load())), week, measure)
    if as_json:
        typer.echo(orjson.dumps([_row(cell) for cell in cells]).decode())
        return
    headings = ("week", "measure", "type", "area", "count")
    out().print(table(headings, [(c.week, c.measure.value, c.type, c.area, shown(c)) for c in cells]))


def published(files: AggregateFiles, week: str | None, measure: Measure | None) -> list[Cell]:
    """The cells asked for.

    Raises:
        WrongUse: that week is not published.
        UserError: a file cannot be read.
    """
    weeks = files.weeks()
    if week is not None and week not in weeks:
        raise WrongUse(f"week {week!r} is not published", f"name one of: {', '.join(weeks) or 'none is yet'}")
    try:
        return files.cells(week, measure)
    except AggregatesUnusable as fault:
        raise UserError(fault.problem, fault.remedy) from None


def shown(cell: Cell) -> str:
    """A count as people read it."""
    return WITHHELD if cell.count is None else f"{cell.count:,}"


def _row(cell: Cell) -> dict[str, object]:
    return {"week": cell.week, "measure": cell.measure, "area": cell.area, "type": cell.type, "count": cell.count}
