"""`headwater rules`: checks, tests and runs rules on a laptop; no broker, no database."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

import processors.rules
from processors.civil_time import Calendar, Duration, parse_duration, parse_instant
from processors.events import EventType
from processors.rules.checking.check import Deployment as RuleDeployment
from processors.rules.checking.check import warnings
from processors.rules.examples import Result, run_examples, says
from processors.rules.lines import Replay, decided, json_attributes
from processors.rules.load import load
from processors.rules.model import Problem
from processors.rules.ruleset import RuleSet
from schemas.deployment import Deployment
from streams.cli.contracts import DeploymentOption, deployment_folder
from streams.cli.event_lines import EventLines
from streams.composition import DEMO, load_deployment, rule_deployment
from streams.errors import UserError, WrongUse

app = typer.Typer(help="Rules: check them, test their examples, run them over events.", no_args_is_help=True)

LIBRARY = Path(processors.rules.__path__[0]) / "library"

Paths = Annotated[
    list[Path] | None, typer.Argument(help="Rule files or folders; if left out, the deployment's own rules.")
]
Catalogue = Annotated[
    str,
    typer.Option(
        help="What rules are checked against: `deployment` with its purposes, teams, services and holidays; "
        "`demo`: the shipped town; a file: event types only; `none`: nothing, for experiments."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line, for scripts.")]


@app.command("check")
def check_rules(
    paths: Paths = None,
    catalogue: Catalogue = "deployment",
    deployment: DeploymentOption = None,
    as_json: AsJson = False,
) -> None:
    """Checks rules: form, names, types, limits, no harm, examples. Exit 1 if there is a problem; a warning is none.

    Example: headwater rules check rules/
    """
    loaded = load(*_sources(paths, catalogue, deployment), json_attributes)
    found = loaded if isinstance(loaded, list) else warnings(loaded.rules)
    for problem in found:
        typer.echo(_json_problem(problem) if as_json else str(problem))
    if isinstance(loaded, list):
        raise typer.Exit(1)
    if not as_json:
        warned = f", {len(found)} warning{'s' if len(found) > 1 else ''}" if found else ""
        count = "1 rule" if len(loaded.rules) == 1 else f"{len(loaded.rules)} rules"
        typer.echo(f"{count}, no problem{warned}")


def _json_problem(problem: Problem) -> str:
    fields = {"file": problem.file, "line": problem.line, "problem": problem.problem, "remedy": problem.remedy}
    fields |= {"severity": "warning" if problem.is_warning else "error"}
    return json.dumps(fields, ensure_ascii=False)


@app.command("test")
def test_rules(
    paths: Paths = None,
    catalogue: Catalogue = "deployment",
    deployment: DeploymentOption = None,
    as_json: AsJson = False,
) -> None:
    """Runs the examples the rules carry. Exit 1 if one does not hold.

    Example: headwater rules test rules/eviction-risk.yaml
    """
    rules = usable(RuleSet.load(*_sources(paths, catalogue, deployment), json_attributes))
    results = list(run_examples(rules))
    for result in results:
        typer.echo(_json_result(result) if as_json else _result(result))
    failed = sum(not result.is_holding for result in results)
    if not as_json:
        typer.echo(f"{len(results) - failed} of {len(results)} examples hold")
    if failed:
        raise typer.Exit(1)


def _result(result: Result) -> str:
    where = f"{result.rule.file}:{result.example.line}: {result.example.name}"
    if result.is_holding:
        return f"ok      {where}"
    return f"FAILED  {where}: expected `{says(result.example.expect)}`, got `{result.problem or says(result.days)}`"


def _json_result(result: Result) -> str:
    fields: dict[str, Any] = {"rule": result.rule.name, "version": result.rule.version, "example": result.example.name}
    fields |= {"ok": result.is_holding, "expected": says(result.example.expect)}
    return json.dumps(fields | {"got": result.problem or says(result.days)}, ensure_ascii=False)


@app.command("run")
def run_rules(  # noqa: PLR0913, PLR0917  # one parameter per option
    rules: Annotated[Path, typer.Argument(help="Rule file or folder.")],
    events: Annotated[str, typer.Option(help="JSON lines, in order of arrival; `-` reads standard input.")],
    until: Annotated[str | None, typer.Option(help="Where the clock ends: RFC 3339 or a date.")] = None,
    catalogue: Catalogue = "deployment",
    deployment: DeploymentOption = None,
    as_json: AsJson = False,
) -> None:
    """Decides over events in a file and prints each decision as a JSON line. Exit 1 if a line could not be used.

    Example: headwater rules run rules/ --events events.jsonl --until 2026-12-31
    """
    del as_json  # the output is JSON lines in any case
    ruleset = usable(load(*_sources([rules], catalogue, deployment), json_attributes))
    end = end_of(until, ruleset.calendar)
    lines, replay = EventLines(events, ruleset), Replay(ruleset)
    for decision in decided(replay, lines.items(), end, ruleset.calendar):
        typer.echo(json.dumps(decision, ensure_ascii=False))
    lines.end(replay)
    if errors := replay.counts["condition errors"]:
        typer.echo(_failed_conditions(errors), err=True)
    lines.leave()


def _failed_conditions(errors: int) -> str:
    times = "once" if errors == 1 else f"{errors:,} times"
    return f"a condition could not be evaluated {times} and counted as false; `headwater rules why` shows where"


def end_of(until: str | None, calendar: Calendar, option: str = "--until") -> int | None:
    """Where the clock ends, ms.

    Raises:
        WrongUse: the text given for `option` is no time.
    """
    if until is None:
        return None
    moment = parse_instant(until, calendar)
    if moment is None:
        raise WrongUse(f"`{option} {until}` is no time", "write 2026-12-31 or 2026-12-31T12:00:00Z")
    return moment


def usable(loaded: RuleSet | list[Problem]) -> RuleSet:
    """The rules loaded.

    Raises:
        UserError: they have problems.
    """
    if isinstance(loaded, RuleSet):
        return loaded
    first, *more = loaded
    others = f" (and {len(more)} more)" if more else ""
    problem = f"{first.file}:{first.line}: {first.problem}{others}"
    raise UserError(problem, f"{first.remedy}; see `headwater rules check`")


def _sources(paths: list[Path] | None, catalogue: str, folder: Path | None) -> tuple[Mapping[str, str], RuleDeployment]:
    """Rule documents by name, and what they are checked against."""
    return sources_of(place_of(catalogue, folder), paths)


def sources_of(
    place: Deployment | RuleDeployment, paths: list[Path] | None
) -> tuple[Mapping[str, str], RuleDeployment]:
    """Rule documents by name, and what they are checked against; without paths a deployment's own, or the library."""
    if isinstance(place, Deployment):
        return _documents(paths) if paths else place.rules, rule_deployment(place)
    return _documents(paths or [LIBRARY]), place


def _documents(paths: list[Path]) -> dict[str, str]:
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            files += sorted([*path.rglob("*.yaml"), *path.rglob("*.yml")])
        else:
            files.append(path)
    if not files:
        raise WrongUse("no rule file found", "name a rule file, or a folder with .yaml files")
    return {str(path): _read(path) for path in files}


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise WrongUse(f"{path} cannot be read: {error}", "name a file in UTF-8, or a folder") from None


def place_of(catalogue: str, folder: Path | None) -> Deployment | RuleDeployment:
    """The deployment a catalogue stands in, else the catalogue alone."""
    if folder is not None and catalogue != "deployment":
        raise WrongUse(f"--deployment and --catalogue {catalogue} exclude each other", "leave one of them out")
    if catalogue == "none":
        return RuleDeployment()
    if catalogue in ("deployment", "demo"):
        return load_deployment(deployment_folder(folder) if catalogue == "deployment" else DEMO)
    return RuleDeployment(catalogue=read_catalogue(_read(Path(catalogue)), catalogue))


def read_catalogue(text: str, name: str) -> dict[str, EventType]:
    """Reads a catalogue: `job_lost: {title, attributes, help_seeking, benefit_receipt, crisis}`, one entry a type.

    The entries may stand under `types:`.

    Args:
        text: YAML.
        name: of the file, for messages.

    Raises:
        WrongUse: it is no catalogue.
    """
    remedy = "write a block with `title` and `attributes` for each type"
    try:
        document = YAML(typ="safe", pure=True).load(text)
    except YAMLError as error:
        raise WrongUse(f"{name} is not YAML: {str(error).splitlines()[0]}", "correct it") from None
    types = document.get("types", document) if isinstance(document, dict) else None
    if not isinstance(types, dict):
        raise WrongUse(f"{name} is no catalogue", remedy)
    return {str(key): _event_type(str(key), entry, name, remedy) for key, entry in types.items()}


def _event_type(key: str, entry: object, name: str, remedy: str) -> EventType:
    if not isinstance(entry, Mapping) or not isinstance(entry.get("attributes") or {}, Mapping):
        raise WrongUse(f"{name}: the entry `{key}` is no block", remedy)
    return EventType(
        name=key,
        title=_title(entry.get("title", key)),
        attributes={str(field): _kind(kind) for field, kind in (entry.get("attributes") or {}).items()},
        is_help_seeking=bool(entry.get("help_seeking", False)),
        is_benefit_receipt=bool(entry.get("benefit_receipt", False)),
        kept_for=_kept_for(entry.get("kept_for"), key, name),
        is_crisis=bool(entry.get("crisis", False)),
    )


def _kept_for(value: object, key: str, name: str) -> Duration | None:
    found = None if value is None else parse_duration(str(value))
    if value is not None and found is None:
        raise WrongUse(f"{name}: `kept_for: {value}` of `{key}` is no duration", "write such as `13 months`")
    return found


def _title(title: object) -> str:
    """A text, or the first of a map by language."""
    return str(next(iter(title.values()), "")) if isinstance(title, Mapping) else str(title)


def _kind(kind: object) -> str:
    """`number`, or the longer form `{type: number, ...}`."""
    return str(kind.get("type", "string")) if isinstance(kind, Mapping) else str(kind)
