"""`headwater identity`: filling the identity register."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, BinaryIO

import orjson
import typer
from rich.console import Console
from rich.progress import Progress, TaskID

from streams.errors import WrongUse
from streams.register import LoadReport, open_register
from streams.settings import load as load_settings

app = typer.Typer(help="The identity register: who a pseudonym is.", no_args_is_help=True)

_FAULTS_SHOWN = 20


@app.callback()
def _group() -> None:
    """The identity register: who a pseudonym is."""


@app.command("load")
def load(
    file: Annotated[Path, typer.Argument(help="JSON lines, one household each; `-` reads standard input.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Loads households and their members; loading the same file again changes nothing.

    Lines with faults are left out and reported by number; the rest is loaded. Exit code 1 if there were any.

    Example: headwater identity load population.jsonl
    """
    with ExitStack() as stack:
        source = _opened(file, stack)
        progress = stack.enter_context(Progress(console=Console(stderr=True), disable=not sys.stderr.isatty()))
        total = None if source is sys.stdin.buffer else file.stat().st_size
        task = progress.add_task("loading", total=total)
        register = stack.enter_context(open_register(load_settings()))
        report = register.load_population(_parsed(source, progress, task))
    typer.echo(json.dumps(asdict(report)) if as_json else _summary(report))
    if report.faulty:
        raise typer.Exit(1)


def _opened(file: Path, stack: ExitStack) -> BinaryIO:
    if str(file) == "-":
        return sys.stdin.buffer
    try:
        return stack.enter_context(file.open("rb"))
    except OSError as error:
        raise WrongUse(f"{file} cannot be read: {error.strerror}", "name a file of JSON lines, or -") from None


def _parsed(source: BinaryIO, progress: Progress, task: TaskID) -> Iterator[object]:
    """None for a blank line and a text for one that is not JSON, as `load_population` wants them."""
    for line in source:
        progress.advance(task, len(line))
        if not line.strip():
            yield None
            continue
        try:
            yield orjson.loads(line)
        except orjson.JSONDecodeError:
            yield "not JSON"


def _summary(report: LoadReport) -> str:
    shown = [f"line {fault.line}: {'; '.join(fault.reasons)}" for fault in report.faults[:_FAULTS_SHOWN]]
    if report.faulty > len(shown):
        shown.append(f"and {report.faulty - len(shown):,} more; --json lists a thousand of them")
    return "\n".join(
        [
            *shown,
            f"{report.lines:,} lines: {report.households_new:,} households new, "
            f"{report.households_changed:,} changed, {report.households_unchanged:,} unchanged, "
            f"{report.faulty:,} left out",
            f"{report.persons_new:,} persons new, {report.doubts:,} ids in doubt",
        ]
    )
