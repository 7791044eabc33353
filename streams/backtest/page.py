"""A page about each rule, made from a back-test: one HTML file, no scripts, nothing loaded from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from processors.backtest.findings import RuleFindings
from processors.backtest.report import Report, months_of
from processors.backtest.wording import Told, tell
from processors.rules.examples import run_examples, says
from processors.rules.model import Rule, in_language
from processors.rules.ruleset import RuleSet
from schemas.deployment import Deployment
from streams.backtest.picture import months_picture, steps_picture
from streams.errors import Unreachable

_DEFAULT_LANGUAGE = "en"


def make_folder(folder: Path) -> None:
    """Makes a folder for pages if it is missing, and tries to write there.

    Raises:
        Unreachable: it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise _unwritable(folder, error) from None


def _unwritable(folder: Path, error: OSError) -> Unreachable:
    return Unreachable(f"{folder} cannot be written: {error.strerror or error}", "free space, or name another folder")


def write_pages(folder: Path, told: Report, rules: RuleSet, place: Deployment | None) -> None:
    """Writes a page for each rule, `<rule>.html`, in place of those that are there.

    Args:
        folder: that exists.
        told: of the back-test.
        rules: on trial.
        place: the deployment, for titles; None: types and teams go by their ids.

    Raises:
        Unreachable: the folder cannot be written.
    """
    template = _environment().get_template("rule.html")
    findings = {one.rule: one for one in told.rules}
    examples = _examples(rules)
    try:
        for rule in rules.rules:
            page = template.render(_values(rule, findings[rule.key], examples[rule.key], told, place))
            (folder / f"{rule.name}.html").write_text(page, encoding="utf-8")
    except OSError as error:
        raise _unwritable(folder, error) from None


def _environment() -> Environment:
    return Environment(loader=PackageLoader("streams.backtest"), autoescape=True, trim_blocks=True, lstrip_blocks=True)


def _values(
    rule: Rule, found: RuleFindings, examples: Sequence[Mapping[str, Any]], told: Report, place: Deployment | None
) -> dict[str, Any]:
    language = place.languages[0] if place is not None else _DEFAULT_LANGUAGE
    steps = [tell(step, lambda name: _title(name, place, language)) for step in rule.steps]
    months = months_of(told.read.first, told.read.last)
    return {
        "language": language,
        "rule": rule,
        "title": in_language(rule.title, language) or rule.name,
        "explain": in_language(rule.explain, language),
        "owner": _team(rule.owner, place, language),
        "purpose": _named(place.purposes if place else {}, rule.purpose, language),
        "lead": _team(rule.offer.lead, place, language) if rule.offer else "",
        "services": [_named(place.services if place else {}, name, language) for name in _services(rule)],
        "steps": steps,
        "lines": [line for step in steps for line in _lines(step)],
        "picture": Markup(steps_picture(steps)),  # noqa: S704 - every text in it is escaped there
        "examples": examples,
        "found": found,
        "months": Markup(months_picture(found.periods, months)) if found.periods else "",  # noqa: S704
        "load": next((one for one in told.teams if rule.offer and one.team == rule.offer.lead), None),
        "difference": next((one for one in told.differences if one.new == rule.key), None),
        "crises": [_title(name, place, language) for name in sorted(told.crises.get(rule.key, ()))],
        "read": told.read,
        "events": told.events,
        "policy": told.policy,
    }


def _services(rule: Rule) -> tuple[str, ...]:
    return rule.offer.services if rule.offer else ()


def _lines(told: Told, depth: int = 0) -> list[tuple[int, str, str]]:
    """A step and those of a group as lines of text, with how deep they stand and their number."""
    text = ", ".join((told.headline, *told.details))
    return [(depth, told.position, text), *(line for step in told.steps for line in _lines(step, depth + 1))]


def _title(name: str, place: Deployment | None, language: str) -> str:
    titles = place.titles.get(name, {}) if place is not None else {}
    return titles.get(language) or name


def _team(name: str, place: Deployment | None, language: str) -> str:
    return _named(place.teams if place else {}, name, language)


def _named(entries: Mapping[str, Any], name: str, language: str) -> str:
    """What a team, purpose or service is called; its id where the deployment does not know it."""
    return str(entries[name].title.get(language, name)) if name in entries else name


def _examples(rules: RuleSet) -> dict[str, list[dict[str, Any]]]:
    """Examples of each rule with what came of them."""
    found: dict[str, list[dict[str, Any]]] = {rule.key: [] for rule in rules.rules}
    for result in run_examples(rules):
        events = [(event.at, event.type) for event in result.example.events]
        outcome = result.problem or says(result.days)
        found[result.rule.key].append(
            {"name": result.example.name, "events": events, "outcome": outcome, "holds": result.is_holding}
        )
    return found
