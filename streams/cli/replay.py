"""`headwater replay`: what the rules would find over the whole log as they are now, beside what was decided."""

from __future__ import annotations

import json
import time
from typing import Annotated, Any

import typer

from processors.civil_time import parse_instant
from processors.rules.comparing import Difference, differences
from streams.cli.printing import err, out, table
from streams.composition import Platform
from streams.errors import WrongUse
from streams.instants import rfc3339
from streams.replaying import Replayed, replay
from streams.settings import load

SHOWN = 3
"""Matches of a rule that are named as examples; `--json` names all."""

FromOption = Annotated[str, typer.Option("--from", help="Only matches completed then or later: RFC 3339 or a date.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Only look; there is no other replay.")]
RuleOption = Annotated[str | None, typer.Option("--rule", help="Only this rule.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object for scripts.")]


def replay_command(
    since: FromOption, dry_run: DryRunOption = False, rule: RuleOption = None, as_json: AsJson = False
) -> None:
    """Decides over all life events with the rules as they are now, and shows what differs from the ledgers.

    Reads only: no stage is disturbed, nothing is written to Kafka.

    Example: headwater replay --from 2026-01-01 --dry-run
    """
    if not dry_run:
        raise WrongUse(
            "replay only looks, and wants to be asked so",
            "say --dry-run; for changed rules to hold, restart correlate and households: they decide anew then",
        )
    platform = Platform(load())
    moment = parse_instant(since, platform.calendar)
    if moment is None:
        raise WrongUse(f"`--from {since}` is no time", "write 2026-12-31 or 2026-12-31T12:00:00Z")
    if rule is not None and rule not in platform.rules.plans:
        raise WrongUse(f"there is no rule `{rule}`", f"name one of: {', '.join(sorted(platform.rules.plans))}")
    begun = time.monotonic()
    with err().status("reading the ledgers") as status:
        found = replay(platform, status.update)
    by_rule = differences(found.before, found.now, moment)
    shown = {name: each for name, each in by_rule.items() if rule in {None, name}}
    if as_json:
        typer.echo(json.dumps(_as_data(found, shown), ensure_ascii=False))
    else:
        _show(found, shown, time.monotonic() - begun)


def _as_data(found: Replayed, shown: dict[str, Difference]) -> dict[str, Any]:
    return {
        "records": found.records,
        "exact": found.is_exact,
        "rules": {
            name: {"unchanged": each.unchanged, "new": list(each.new), "gone": list(each.gone)}
            for name, each in shown.items()
        },
    }


def _show(found: Replayed, shown: dict[str, Difference], seconds: float) -> None:
    typer.echo(f"{found.records:,} records decided over in {seconds:.1f} s; nothing was written")
    if not found.is_exact:
        typer.echo("the stages decided meanwhile: the newest matches may show as a difference")
    headings = ["rule", "unchanged", "newly matched", "no longer"]
    rows = [[name, each.unchanged, len(each.new), len(each.gone)] for name, each in shown.items()]
    out().print(table(headings, rows) if rows else "no matches")
    for name, each in shown.items():
        for what, matches, by in (("newly matched", each.new, found.now), ("no longer", each.gone, found.before)):
            for match in matches[:SHOWN]:
                typer.echo(f"{name}: {what}: {match} of {rfc3339(by[match].completed_at)}")
