"""`headwater rules backtest`: what rules would have found over a history; files alone, no broker."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from processors.backtest.findings import TeamPlan, about, most_remembered
from processors.backtest.report import Asked, Read, Report, day_of, document, report
from processors.backtest.trial import on_trial
from processors.disclosure.policy import DisclosurePolicy
from processors.rules.checking.check import Deployment as RuleDeployment
from processors.rules.load import load
from processors.rules.model import Rule
from processors.rules.ruleset import RuleSet
from schemas.attributes import decode_attributes
from schemas.deployment import Deployment
from schemas.history import LeftOut
from streams.backtest.making import events_of_town, is_town, write_history
from streams.backtest.page import make_folder, write_pages
from streams.backtest.passes import Taken, Wanted, run
from streams.backtest.sources import Piece, pieces
from streams.cli.backtest_tables import print_report, so_many
from streams.cli.contracts import DeploymentOption
from streams.cli.printing import err
from streams.cli.rules import Catalogue, end_of, place_of, sources_of, usable
from streams.errors import UserError, WrongUse

ENVELOPE_KEYS = ("area", "agency")

Advance = Callable[[str, int, int], None]


def backtest_command(  # noqa: PLR0913, PLR0917  # one parameter per option
    rules: Annotated[Path, typer.Argument(help="Rule file or folder.")],
    history: Annotated[
        Path,
        typer.Option(help="Parquet, Avro or JSON lines: a file or a folder; or a folder of `headwater simulate`."),
    ],
    by: Annotated[
        str,
        typer.Option(help="Groups, comma-separated: `area`, `agency`, an attribute of the event that opens a match."),
    ] = "area",
    compare: Annotated[Path | None, typer.Option(help="Rule file or folder of the version to compare with.")] = None,
    crisis: Annotated[
        str | None,
        typer.Option(
            help="Types to come before, comma-separated, granted to the purpose of every rule named; default: those "
            "the catalogue marks, for the rules whose purpose is granted them."
        ),
    ] = None,
    until: Annotated[
        str | None, typer.Option(help="Where the clock ends: rows recorded later are not heard; default: with them.")
    ] = None,
    page: Annotated[Path | None, typer.Option(help="Folder for a page about each rule; made if missing.")] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Processes; default: one for each core.")] = os.cpu_count() or 1,
    catalogue: Catalogue = "deployment",
    deployment: DeploymentOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document for scripts.")] = False,
) -> None:
    """Shows what rules would have found over a history: when, where, how much work, how long before a crisis.

    Small numbers are protected. Exit 1 if rows of the history had to be left out.

    Example: headwater rules backtest rules/ --history history.parquet --by area,agency
    """
    place = place_of(catalogue, deployment)
    asked, wanted = _wanted(place, rules, compare, _listed(by), crisis)
    end = end_of(until, asked.rules.calendar)
    if page is not None:
        make_folder(page)  # now: not after an hour of work
    with _interruptible(), _history(history, deployment) as found, _progress() as advance:
        taken = run(wanted, found, jobs, end, advance)
    told = _report(asked, taken, until)
    if as_json:
        typer.echo(orjson.dumps(document(told)).decode())
    else:
        print_report(told)
    if page is not None:
        write_pages(page, told, asked.rules, place if isinstance(place, Deployment) else None)
    if _complain(taken, asked.policy):
        raise typer.Exit(1)


def _wanted(
    place: Deployment | RuleDeployment, rules: Path, compare: Path | None, by: tuple[str, ...], crisis: str | None
) -> tuple[Asked, Wanted]:
    documents, against = sources_of(place, [rules])
    old = sources_of(place, [compare])[0] if compare is not None else {}
    loaded = on_trial(usable(load(documents, against, decode_attributes)))
    compared = on_trial(usable(load(old, against, decode_attributes))) if old else None
    _check_keys(by, against)
    crises = _crises(crisis, against, [loaded, *([compared] if compared is not None else [])])
    policy = place.disclosure if isinstance(place, Deployment) else DisclosurePolicy()
    asked = Asked(loaded, compared, _teams(place), by, crises, policy, _public(place))
    return asked, Wanted(documents, old, against, by, crises, most_remembered(policy))


def _listed(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))


def _check_keys(by: tuple[str, ...], against: RuleDeployment) -> None:
    if against.catalogue is None:
        return
    known = {*ENVELOPE_KEYS, *(name for one in against.catalogue.values() for name in one.attributes)}
    for key in by:
        if key not in known:
            raise WrongUse(
                f"`--by {key}` is not known", f"use area, agency or an attribute: {', '.join(sorted(known))}"
            )


def _crises(named: str | None, against: RuleDeployment, sets: Iterable[RuleSet]) -> frozenset[str]:
    """Types that are a crisis: those named, or those the catalogue marks.

    Raises:
        WrongUse: one that is named is not in the catalogue, or some rule may not see it.
    """
    catalogue = against.catalogue
    if named is None:
        return frozenset(name for name, one in (catalogue or {}).items() if one.is_crisis)
    types = _listed(named)
    for name in types:
        if catalogue is not None and name not in catalogue:
            remedy = f"use one of: {', '.join(sorted(catalogue))}"
            raise WrongUse(f"`--crisis {name}` is not in the catalogue", remedy)
        _check_grant(name, against, (rule for one in sets for rule in one.rules))
    return frozenset(types)


def _check_grant(crisis: str, against: RuleDeployment, rules: Iterable[Rule]) -> None:
    for rule in rules:
        if against.purposes is not None and crisis not in against.purposes.get(rule.purpose, ()):
            raise WrongUse(
                f"`--crisis {crisis}` is not granted to the purpose `{rule.purpose}` of {rule.key}",
                "leave it out, or name only rules whose purpose is granted it",
            )


def _teams(place: Deployment | RuleDeployment) -> tuple[TeamPlan, ...]:
    if not isinstance(place, Deployment):
        return ()
    return tuple(TeamPlan(team.id, team.capacity, team.areas) for team in place.teams.values())


def _public(place: Deployment | RuleDeployment) -> dict[str, frozenset[str]]:
    """Groups that the deployment itself names."""
    if not isinstance(place, Deployment):
        return {}
    agencies = (contract.agency for contract in place.contracts.values())
    return {"area": frozenset(place.areas), "agency": frozenset(agencies)}


@contextmanager
def _interruptible() -> Iterator[None]:
    """SIGTERM ends the command as Ctrl-C does, so that its workers end and its temporary files go."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _history(path: Path, deployment: Path | None) -> Iterator[list[Piece]]:
    """The pieces of a history; a simulated town's is made first, in a folder of its own."""
    if not is_town(path):
        yield pieces(path)
        return
    with tempfile.TemporaryDirectory(prefix="headwater-history-") as folder:
        made = Path(folder) / "town.parquet"
        err().print(f"taking in the feeds of {path}")
        write_history(events_of_town(path, deployment), made)
        yield pieces(made)


@contextmanager
def _progress() -> Iterator[Advance]:
    """A bar on a terminal, a line for each quarter elsewhere."""
    console = err()
    if not console.is_terminal:
        yield _Lines()
        return
    columns = TextColumn("{task.description:>12}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn()
    with Progress(*columns, console=console, transient=True) as bars:
        tasks: dict[str, object] = {}

        def advance(name: str, done: int, total: int) -> None:
            if name not in tasks:
                tasks[name] = bars.add_task(name, total=total)
            bars.update(tasks[name], completed=done)  # type: ignore[arg-type]

        yield advance


@dataclass(slots=True)
class _Lines:
    """Tells progress in plain lines."""

    said: tuple[str, int] = ("", 0)

    def __call__(self, name: str, done: int, total: int) -> None:
        quarter = (name, 4 * done // max(total, 1))
        if quarter != self.said and quarter[1]:
            self.said = quarter
            err().print(f"{name}: {25 * quarter[1]} %")


def _report(asked: Asked, taken: Taken, until: str | None) -> Report:
    if taken.first is None or taken.last is None:
        _complain(taken, asked.policy)
        if until is not None:
            problem = f"the history has no row that can be used up to `--until {until}`"
            raise WrongUse(problem, "name a later day, or leave `--until` out")
        raise UserError("the history has no row that can be used", "see above what is wrong with its rows")
    calendar = asked.rules.calendar
    days = day_of(taken.first, calendar), day_of(taken.last, calendar)
    read = Read(*days, taken.rows, taken.left_out.counts, taken.faults, is_cut=until is not None)
    return report(asked, taken.counts, read)


def _complain(taken: Taken, policy: DisclosurePolicy) -> bool:
    """Says on standard error what was left out; whether there was anything."""
    for fault in taken.faults:
        err().print(fault, soft_wrap=True)
    for line in _left_out(taken.left_out, policy):
        err().print(line, soft_wrap=True)
    return bool(taken.faults or taken.left_out.counts)


def _left_out(left_out: LeftOut, policy: DisclosurePolicy) -> Iterator[str]:
    for reason, count in sorted(left_out.counts.items()):
        rows = so_many(about(count, policy), policy.round_to)
        yield f"{rows} rows left out, such as {', '.join(left_out.rows[reason])}: {reason}"
