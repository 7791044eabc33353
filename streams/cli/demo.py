"""`headwater demo`: everything on the embedded broker, with a summary worth reading."""

from __future__ import annotations

import json as json_module
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from processors.offers.model import OfferState
from schemas.contract import Contract
from streams.cli.offers import OfferList, read_offers, show_offer, wording_of
from streams.composition import Platform, case_db_url
from streams.demo.addresses import issue_codes
from streams.demo.comparison import Comparison
from streams.demo.officers import Officers
from streams.demo.play import Advance, Demo, Played, Say
from streams.errors import UserError
from streams.observing.ports import reachable
from streams.settings import load
from streams.stages.supervisor import Supervisor

SHOWN = 5


def demo(
    history: Annotated[Path, typer.Option(help="Folder written by `headwater simulate`.")],
    once: Annotated[bool, typer.Option("--once", help="End when all is told.")] = False,
    officers: Annotated[bool, typer.Option("--officers", help="Show what officers do by command afterwards.")] = False,
    json: Annotated[Path | None, typer.Option(help="Write the summary to this file as JSON.")] = None,
) -> int:
    """Plays a simulated town through the whole platform and compares the offers with the truth.

    Ends with 0 when the accounting adds up, every expected offer, and no other, was made, and the story of
    the officers, if asked for, came to its end.

    Example: headwater demo --history .headwater/demo-history --officers --once
    """
    console = Console()
    settings = load()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with _progress(console) as bars:
        demo = Demo(settings, history, _say(console), _advance(bars), is_watched=not once)
        with demo.running() as (platform, supervisor):
            played = demo.play(platform, supervisor)
            bars.stop()
            _print(console, played, platform)
            found = read_offers(case_db_url(demo.settings), OfferState.OPEN)
            _print_offers(console, found, platform)
            if json is not None:
                json.write_text(json_module.dumps(summary(played)) + "\n", encoding="utf-8")
            is_right = played.is_right
            if officers:
                is_right &= _show_officers(console, Officers(demo, platform, supervisor, _line(console)), played)
            if not once:
                _print_addresses(console, demo, platform, found)
                _stay(supervisor, console)
    return 0 if is_right else 1


def summary(played: Played) -> dict[str, Any]:
    """The summary for scripts; stable (see `docs/interfaces.md`)."""
    account, comparison = played.accounting, played.comparison
    offers = {"expected": 0, "found": sum(account.offers.values()), "missing": 0, "extra": 0}
    if comparison is not None:
        offers = {
            "expected": comparison.expected,
            "found": comparison.found,
            "missing": len(comparison.missing),
            "extra": len(comparison.extra),
        }
    return {
        "events": {
            "in": account.received,
            "processed": account.processed,
            "duplicate": account.duplicate,
            "rejected": account.rejected,
            "pending": account.pending,
        },
        "situations": account.situations,
        "offers": offers,
        "suppressed": dict(sorted(account.suppressed.items())),
        "seconds": round(played.seconds, 1),
    }


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description:>18}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        console=console, transient=True, disable=not console.is_terminal,
    )  # fmt: skip


def _say(console: Console) -> Say:
    return lambda what: console.print(f"[dim]{datetime.now().astimezone():%H:%M:%S}[/dim]  {what}", highlight=False)


def _advance(bars: Progress) -> Advance:
    tasks: dict[str, TaskID] = {}

    def advance(stage: str, done: int, total: int) -> None:
        if stage not in tasks:
            tasks[stage] = bars.add_task(stage, total=max(total, 1))
        bars.update(tasks[stage], completed=done, total=max(total, 1))

    return advance


def _print(console: Console, played: Played, platform: Platform) -> None:
    account = played.accounting
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(justify="right", style="bold")
    table.add_column()
    for number, text in (
        (account.received, f"events of {len(platform.deployment.contracts)} feeds came in, of these"),
        (account.processed, f"  processed ({account.withheld} withheld: granted to no purpose)"),
        (account.duplicate, "  duplicates, taken for what they are"),
        (account.rejected, f"  rejected to dead letters ({played.poisoned} were spoiled on purpose)"),
        (account.pending, "  pending"),
        (account.situations, f"situations found and standing ({account.held} still in their hold)"),
        (account.review, "late beyond what their rule accepts: to be reviewed by a person"),
        (sum(account.offers.values()), "joined-up offers: " + _listed(account.offers)),
        (sum(account.suppressed.values()), "situations suppressed: " + _listed(account.suppressed)),
    ):
        table.add_row(f"{number:,}", text)
    console.print()
    console.print(table, highlight=False)
    console.print()
    for equation in account.equations:
        sign = "[green]=[/green]" if equation.holds else "[bold red]is not[/bold red]"
        console.print(
            f"  {equation.left} {equation.left_count:,} {sign} {equation.right_count:,} {equation.right}",
            highlight=False, soft_wrap=True,
        )  # fmt: skip
    console.print()
    _print_comparison(console, played.comparison)
    console.print(f"played in {played.seconds:.1f} s, stages restarted {played.restarts} times", highlight=False)


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in sorted(counts.items())) or "none"


def _print_comparison(console: Console, comparison: Comparison | None) -> None:
    if comparison is None:
        console.print("no ground truth beside this history: offers were not compared")
        return
    if comparison.is_equal:
        console.print(
            f"[green]ground truth:[/green] all {comparison.expected:,} expected offers were made, and no other; "
            "every suppression is an expected one",
            highlight=False, soft_wrap=True,
        )  # fmt: skip
        return
    console.print(
        f"[bold red]ground truth:[/bold red] {comparison.expected:,} offers expected, {comparison.found:,} found, "
        f"{len(comparison.missing):,} missing, {len(comparison.extra):,} extra; suppressions "
        f"{len(comparison.suppressed_missing):,} missing, {len(comparison.suppressed_extra):,} extra",
        highlight=False, soft_wrap=True,
    )  # fmt: skip
    for name in ("missing", "extra", "suppressed_missing", "suppressed_extra"):
        for facts in getattr(comparison, name)[:SHOWN]:
            console.print(f"  {name.replace('_', ' ')}: {facts}", highlight=False, soft_wrap=True)


def _print_offers(console: Console, found: OfferList, platform: Platform) -> None:
    """How many open offers each team has, and the most urgent one with its why."""
    wording = wording_of(platform.deployment)
    teams = Counter(wording.teams.get(offer.lead, offer.lead) for offer in found.offers)
    if not found.offers:
        return
    console.print()
    console.print("Open offers by team in the lead: " + ", ".join(f"{team} {n}" for team, n in teams.most_common()))
    console.print("The most urgent of them, as its team sees it:")
    show_offer(console, found.offers[0], wording)


def _line(console: Console) -> Callable[[str], None]:
    return lambda text: console.print(text, highlight=False, soft_wrap=True, markup=False)


def _show_officers(console: Console, officers: Officers, played: Played) -> bool:
    """Whether the story came to its end; a deployment without its feed or rule has none to tell."""
    console.print()
    console.print("[bold]Officers at work, by command.[/bold]")
    try:
        accounting = officers.work(played.accounting.clock)
    except UserError as error:
        console.print(f"[bold red]The story ends here:[/bold red] {escape(error.problem)}", highlight=False)
        console.print(f"  remedy: {escape(error.remedy)}", highlight=False)
        return False
    console.print(
        f"All {len(accounting.equations)} equations of the accounting [green]hold[/green] after that.", highlight=False
    )
    return True


def _print_addresses(console: Console, demo: Demo, platform: Platform, found: OfferList) -> None:
    """What each of the four users opens, with a code for who needs one."""
    settings, wording = demo.settings, wording_of(platform.deployment)
    agencies = sorted({contract.agency for contract in platform.deployment.contracts.values()})
    codes = issue_codes(settings, sorted(platform.deployment.teams), agencies)
    sender = min(platform.deployment.contracts.values(), key=lambda contract: contract.feed)
    team = found.offers[0].lead if found.offers else next(iter(codes.teams))
    board, gateway = (
        f"http://{reachable(settings.bind)}:{port}/" for port in (settings.board_port, settings.gateway_port)
    )
    console.print()
    console.print("[bold]The platform keeps running; Ctrl-C stops it.[/bold] Four users, four addresses:")
    for user, address, hint in (
        ("duty teams", board, f"board; team {wording.teams[team]}, code {codes.teams[team]}"),
        ("operators", demo.operations, "every process, lag, delays, dead letters; /targets for Prometheus"),
        ("analysts", f"{board}aggregates", "weekly counts under disclosure control, no sign-in"),
        ("agencies", gateway, f"gateway; agency {sender.agency}, code {codes.agencies[sender.agency]}"),
    ):
        console.print(f"  {user:<12}[link={address}]{address:<38}[/link] {hint}", highlight=False, soft_wrap=True)
    console.print()
    console.print("  an agency sends a sample (from this folder), and reads what became of it:")
    console.print(f"  {_sending(sender, gateway, codes.agencies[sender.agency])}",
                  highlight=False, soft_wrap=True, markup=False)  # fmt: skip
    console.print()
    data = f"HEADWATER_DATA={settings.data}"
    other = next((name for name in codes.teams if name != team), team)
    console.print(
        f"  other codes  {data} .venv/bin/headwater access issue team {other}", highlight=False, soft_wrap=True
    )
    console.print(f"  commands     {data} .venv/bin/headwater offers", highlight=False, soft_wrap=True)
    console.print(f"  Kafka        {platform.bootstrap}; logs in {settings.data / 'logs'}",
                  highlight=False, soft_wrap=True)  # fmt: skip


def _sending(contract: Contract, gateway: str, code: str) -> str:
    """A command line that works as it is, from the folder the demo was started in."""
    samples = Path(os.path.relpath(contract.folder / "samples" / "good.jsonl"))
    return (
        f"curl -H 'Authorization: Bearer {code}' -H 'Content-Type: application/json' {gateway}v1/events "
        f'-d "{{\\"contract\\": \\"{contract.name}\\", \\"event\\": $(head -n 1 {samples})}}"\n'
        f"  curl -H 'Authorization: Bearer {code}' {gateway}v1/receipts"
    )


def _stay(supervisor: Supervisor, console: Console) -> None:
    try:
        while True:
            supervisor.watch()
            time.sleep(0.2)
    except KeyboardInterrupt:
        console.print()
