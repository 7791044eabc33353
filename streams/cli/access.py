"""`headwater access`: codes for teams (board) and agencies (gateway)."""

from __future__ import annotations

from typing import Annotated

import orjson
import typer

from schemas.deployment import Deployment
from streams.access import AccessFile, Kind
from streams.composition import Platform, access_file
from streams.errors import WrongUse
from streams.settings import load

app = typer.Typer(help="Codes by which teams sign in to the board and agencies to the gateway.", no_args_is_help=True)

KindArgument = Annotated[Kind, typer.Argument(help="For whom the code is.")]
NameArgument = Annotated[str, typer.Argument(help="The team's or agency's id, as in the deployment folder.")]


@app.command()
def issue(kind: KindArgument, name: NameArgument) -> None:
    """Makes a new code and prints it, once; an earlier code of the same team or agency stops working.

    Example: headwater access issue team housing-prevention
    """
    platform, codes = _opened()
    known = names_of(platform.deployment, kind)
    if name not in known:
        raise WrongUse(f"the deployment has no {kind} `{name}`", f"name one of: {', '.join(known)}")
    typer.echo(codes.issue(kind, name))


@app.command("list")
def list_names(as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False) -> None:
    """Lists who has a code and who has none; never a code.

    Example: headwater access list
    """
    platform, codes = _opened()
    rows = [
        {"kind": kind.value, "name": name, "has_code": name in codes.names(kind)}
        for kind in Kind
        for name in names_of(platform.deployment, kind)
    ]
    if as_json:
        typer.echo(orjson.dumps(rows, option=orjson.OPT_INDENT_2).decode())
        return
    for row in rows:
        typer.echo(f"{row['kind']:<7} {row['name']:<24} {'has a code' if row['has_code'] else 'no code'}")


@app.command()
def revoke(kind: KindArgument, name: NameArgument) -> None:
    """Makes a code stop working at once.

    Example: headwater access revoke agency landlord
    """
    _, codes = _opened()
    codes.revoke(kind, name)


def names_of(deployment: Deployment, kind: Kind) -> list[str]:
    """Teams or agencies of a deployment."""
    if kind is Kind.TEAM:
        return sorted(deployment.teams)
    return sorted({contract.agency for contract in deployment.contracts.values()})


def _opened() -> tuple[Platform, AccessFile]:
    platform = Platform(load())
    return platform, access_file(platform.settings)
