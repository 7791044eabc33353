"""`headwater contracts`: check, list and try what agencies send; no broker needed."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

import infra
from schemas.codec import decode_attributes
from schemas.contract import Contract, load_contract
from schemas.deployment import Deployment, DeploymentFault
from schemas.files import Entry, read_entries
from schemas.outcomes import Heartbeat, Mapped, MappedEvent, Rejection
from schemas.problems import Problem
from schemas.publishing import register_contract
from schemas.reading import intake_record
from schemas.registry import FolderRegistry
from schemas.samples import NOW, check_samples
from schemas.wire import frame
from streams import settings
from streams.errors import UserError, WrongUse

app = typer.Typer(help="What agencies send: contracts with their schema, mapping and samples.", no_args_is_help=True)

DeploymentOption = Annotated[
    Path | None,
    typer.Option("--deployment", help="Deployment folder; default: HEADWATER_DEPLOYMENT, else the demo town."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]


def deployment_folder(named: Path | None) -> Path:
    """The folder named on the command line, else in the settings, else the shipped demo town."""
    return named or settings.load().deployment or Path(infra.__file__).parent / "demo"


def load_deployment(folder: Path) -> Deployment:
    """Loads a deployment.

    Raises:
        WrongUse: there is no such folder.
        UserError: the folder has faults; every one is named.
    """
    if not (folder / "deployment.yaml").is_file():
        raise WrongUse(f"{folder} is not a deployment folder", "name a folder that holds `deployment.yaml`")
    try:
        return Deployment.load(folder)
    except DeploymentFault as fault:
        raise UserError(f"the deployment in {folder} has faults:\n{fault}", "correct them") from None


@app.command()
def check(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Contract or deployment folders; default: the deployment.")
    ] = None,
    deployment: DeploymentOption = None,
    as_json: JsonOption = False,
) -> None:
    """Checks schema, mapping and samples of contracts.

    Example: headwater contracts check infra/demo/contracts/court/eviction-proceedings
    """
    problems = [problem for path in paths or [deployment_folder(deployment)] for problem in _check(path, deployment)]
    if as_json:
        typer.echo(json.dumps([asdict(problem) for problem in problems], ensure_ascii=False))
    else:
        for problem in problems:
            typer.echo(str(problem))
        typer.echo(f"{len(problems)} problems" if problems else "no problems", err=True)
    if problems:
        raise typer.Exit(1)


def _check(path: Path, deployment: Path | None) -> list[Problem]:
    if (path / "deployment.yaml").is_file():
        try:
            loaded = Deployment.load(path)
        except DeploymentFault as fault:
            return fault.problems
        return [problem for contract in loaded.contracts.values() for problem in check_samples(contract)]
    if not path.is_dir():
        raise WrongUse(f"{path} is not a folder", "name a contract folder `<agency>/<contract>` or a deployment folder")
    contract = _load_folder(path, deployment)
    return check_samples(contract) if isinstance(contract, Contract) else contract


def _load_folder(path: Path, deployment: Path | None) -> Contract | list[Problem]:
    """A contract folder, judged by the deployment it lies in, else by the one named or configured."""
    path = path.resolve()
    around = path.parent.parent.parent
    own = around if (around / "deployment.yaml").is_file() and deployment is None else deployment_folder(deployment)
    try:
        place = Deployment.load(own)
    except DeploymentFault as fault:
        alone = load_contract(path)
        return alone if isinstance(alone, list) else fault.problems
    return load_contract(path, place.catalogue, place.zone)


@app.command("list")
def list_(deployment: DeploymentOption = None, as_json: JsonOption = False) -> None:
    """Lists contracts: feed, topic, event types, how late they may come, whom to ask.

    Example: headwater contracts list --json
    """
    place = load_deployment(deployment_folder(deployment))
    rows = [_row(contract) for contract in place.contracts.values()]
    if as_json:
        typer.echo(json.dumps(rows, ensure_ascii=False))
        return
    console = Console(highlight=False, soft_wrap=True)
    for row in rows:
        console.print(f"[bold]{row['feed']}[/bold]  {row['title']}")
        console.print(f"  topic    {row['topic']}")
        console.print(
            f"  events   {', '.join(row['types'])}; recorded within {row['settles_within_hours'] / 24:g} days"
        )
        console.print(f"  contact  {row['contact']}")


def _row(contract: Contract) -> dict[str, Any]:
    return {
        "feed": contract.feed,
        "agency": contract.agency,
        "contract": contract.name,
        "topic": contract.topic,
        "title": contract.mapping.title,
        "types": list(contract.types),
        "settles_within_hours": contract.settles_within_ms / 3_600_000,
        "contact": contract.mapping.contact.name,
        "phone": contract.mapping.contact.phone,
    }


@app.command("try")
def try_(
    contract: Annotated[str, typer.Argument(help="A feed (`court.eviction-proceedings`) or a contract folder.")],
    files: Annotated[list[Path], typer.Argument(help="Avro container, raw datum (.avro), JSON lines or CSV.")],
    catalogue: Annotated[str, typer.Option(help="`none`: any event type may be mapped to.")] = "deployment",
    deployment: DeploymentOption = None,
    as_json: JsonOption = False,
) -> None:
    """Runs samples through a contract: canonical events as JSON lines, each rejection with its reason.

    Rejections go to standard error as `file:line: reason: detail`, with --json to standard output as
    objects with `rejected`. Ends with 1 when a record was rejected.

    Example: headwater contracts try court.eviction-proceedings docket.jsonl
    """
    chosen = _choose(contract, deployment, is_free=catalogue == "none")
    accepted = rejected = 0
    for file in files:
        for entry, outcome in _outcomes(chosen, file):
            _show(file, entry, outcome, as_json)
            accepted += not isinstance(outcome, Rejection)
            rejected += isinstance(outcome, Rejection)
    typer.echo(f"{accepted} accepted, {rejected} rejected", err=True)
    if rejected:
        raise typer.Exit(1)


def _choose(named: str, deployment: Path | None, *, is_free: bool) -> Contract:
    folder = Path(named)
    if (folder / "mapping.yaml").is_file():
        found = load_contract(folder.resolve()) if is_free else _load_folder(folder, deployment)
        if isinstance(found, Contract):
            return found
        faults = "\n".join(str(problem) for problem in found)
        raise UserError(f"the contract in {folder} has faults:\n{faults}", "correct them")
    contracts = load_deployment(deployment_folder(deployment)).contracts
    chosen = contracts.get(named.replace("/", "."))
    if chosen is None:
        raise WrongUse(f"there is no contract `{named}`", f"name a folder or one of: {', '.join(contracts)}")
    return chosen


def _outcomes(contract: Contract, file: Path) -> Iterator[tuple[Entry, Mapped | Heartbeat | Rejection]]:
    registry = FolderRegistry()
    schema_id = register_contract(contract, registry)
    try:
        entries = read_entries(file, contract.schema)
    except OSError as error:
        raise WrongUse(f"{file} cannot be read ({type(error).__name__})", "name a file of records") from None
    for entry in entries:
        if isinstance(entry.datum, Rejection):
            yield entry, entry.datum
        else:
            yield entry, intake_record(contract, registry, b"try", frame(schema_id, entry.datum), (), NOW)


def _show(file: Path, entry: Entry, outcome: Mapped | Heartbeat | Rejection, as_json: bool) -> None:
    if isinstance(outcome, Mapped):
        for event in outcome.events:
            typer.echo(json.dumps(_plain(event), ensure_ascii=False))
    elif isinstance(outcome, Rejection) and as_json:
        place = {"file": str(file), "line": entry.place}
        typer.echo(
            json.dumps({"rejected": outcome.reason.value, "detail": outcome.detail, **place}, ensure_ascii=False)
        )
    elif isinstance(outcome, Rejection):
        sys.stdout.flush()
        typer.echo(f"{file}:{entry.place}: {outcome.reason}: {outcome.detail}", err=True)


def _plain(event: MappedEvent) -> dict[str, Any]:
    """An event as JSON; fields that say nothing are left out."""
    full = {
        "id": event.id,
        "type": event.type,
        "role": event.role,
        "ids": [{"scheme": scheme, "value": value} for scheme, value in event.person_ids],
        "joins_household_of": event.joins_household_of,
        "occurred_at": _moment(event.occurred_at),
        "recorded_at": _moment(event.recorded_at),
        "change": event.change.value,
        "replaces": event.replaces,
        "ended_at": None if event.ended_at is None else _moment(event.ended_at),
        "attributes": decode_attributes(event.attributes),
    }
    return {name: value for name, value in full.items() if value is not None}


def _moment(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000, tz=UTC).isoformat().replace("+00:00", "Z")
