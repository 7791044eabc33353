"""`headwater verify`: the accounting equation over topics and databases."""

from __future__ import annotations

import json as json_module
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from streams.composition import Platform, case_store
from streams.kafka.transactions import require_reachable
from streams.settings import load
from streams.verification.accounting import Accountant, Accounting


def verify(as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False) -> int:
    """Proves from topics and databases that every record has exactly one outcome.

    Ends with 0 when every equation holds, 1 when one does not.

    Example: headwater verify
    """
    settings = load()
    platform = Platform(settings)
    require_reachable(platform.bootstrap)
    console = Console(stderr=True)
    with case_store(settings) as store, console.status("reading") as status:
        accountant = Accountant(platform.bootstrap, platform.codec, platform.deployment.contracts.values(), store)
        account = accountant.draw_up(lambda step: status.update(f"reading {step}"))
    if as_json:
        # `asdict` counts the pairs of a Counter instead of copying it.
        counts = {"offers": dict(account.offers), "suppressed": dict(account.suppressed)}
        typer.echo(json_module.dumps({**asdict(account), **counts, "holds": account.holds}))
    else:
        _print(account)
    return 0 if account.holds else 1


def _print(account: Accounting) -> None:
    console = Console()
    console.print(
        f"{account.received:,} events in = {account.processed:,} processed + {account.duplicate:,} duplicate "
        f"+ {account.rejected:,} rejected + {account.pending:,} pending",
        highlight=False, soft_wrap=True,
    )  # fmt: skip
    table = Table(box=None, pad_edge=False)
    for heading, justify in (
        ("counted", "left"),
        ("", "right"),
        ("", "center"),
        ("", "right"),
        ("counted elsewhere", "left"),
    ):
        table.add_column(heading, justify=justify)  # type: ignore[arg-type]
    for equation in account.equations:
        sign = "[green]=[/green]" if equation.holds else "[bold red]is not[/bold red]"
        table.add_row(equation.left, f"{equation.left_count:,}", sign, f"{equation.right_count:,}", equation.right)
    console.print(table, highlight=False)
    if account.under_way:
        stages = ", ".join(f"{stage} {count:,}" for stage, count in account.under_way.items())
        console.print(f"stages are at work ({stages} offsets to read): figures may differ by as much", soft_wrap=True)
    console.print("every equation holds" if account.holds else "[bold red]the accounting does not add up[/bold red]")
