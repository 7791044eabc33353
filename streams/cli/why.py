"""`headwater rules why`: explains a rule for one person or household over events in a file."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

import processors.rules
from processors.decisions import Decision
from processors.rules.lines import Replay, give, json_attributes
from processors.rules.load import load
from processors.rules.model import Subject
from processors.rules.reasons.explanation import Known, as_data
from processors.rules.reasons.saying import say
from processors.rules.reasons.why import why
from processors.rules.reasons.wording import Words, read_words
from processors.rules.ruleset import RuleSet
from schemas.deployment import Deployment
from streams.cli.contracts import DeploymentOption
from streams.cli.event_lines import EventLines
from streams.cli.rules import AsJson, Catalogue, end_of, place_of, sources_of, usable
from streams.errors import WrongUse

TEXTS = Path(processors.rules.__path__[0]) / "reasons" / "texts"
MOST_LISTED = 10


def why_command(  # noqa: PLR0913, PLR0917  # one parameter per option
    rule: Annotated[str, typer.Argument(help="Rule file, or the name of a rule of the deployment or of --rules.")],
    events: Annotated[str, typer.Option(help="JSON lines, in order of arrival; `-` reads standard input.")],
    person: Annotated[str | None, typer.Option(help="The person's pseudonym in the events.")] = None,
    household: Annotated[str | None, typer.Option(help="The household's, for a rule that reads households.")] = None,
    at: Annotated[str | None, typer.Option(help="As it was known then: RFC 3339 or a date; default: the end.")] = None,
    rules: Annotated[Path | None, typer.Option(help="Rule file or folder in which the rule is looked up.")] = None,
    language: Annotated[str | None, typer.Option(help="Of the text: en or nl; default: the deployment's.")] = None,
    catalogue: Catalogue = "deployment",
    deployment: DeploymentOption = None,
    as_json: AsJson = False,
) -> None:
    """Explains why a rule matched a person or household, or why not: steps, events, values, deadlines, feeds.

    Lines that could not be used are named on standard error, and the exit code is 1.
    Example: headwater rules why eviction-risk-after-job-loss --person p1 --events events.jsonl --at 2026-03-01
    """
    place = place_of(catalogue, deployment)
    language = _language(language, place)
    paths = [Path(rule)] if Path(rule).exists() else [rules] if rules is not None else None
    loaded = usable(load(*sources_of(place, paths), json_attributes))
    name = _rule_name(loaded, rule)
    subject, who = _subject(loaded, name, person, household)
    alone = RuleSet.of(loaded.deployment, {name: loaded.plans[name]}, json_attributes).of_subject(subject)
    lines = EventLines(events, alone)
    known = _known(alone, (subject, who), lines, end_of(at, alone.calendar, "--at"))
    explanation = why(alone, name, who, known)
    if as_json:
        typer.echo(json.dumps(as_data(explanation, alone.calendar), ensure_ascii=False))
    else:
        typer.echo("\n".join(say(explanation, _words(language, place, alone))))
    lines.leave()


def _rule_name(rules: RuleSet, rule: str) -> str:
    """The one rule that is meant, by its file or its name."""
    if rule in rules.plans:
        return rule
    names = sorted(rules.plans)
    if not Path(rule).exists():
        raise WrongUse(f"there is no rule `{rule}`", f"name a rule file or one of {_some(names)}")
    if len(names) != 1:
        raise WrongUse(f"{rule} holds {len(names)} rules", f"add `--rules {rule}` and name one of {_some(names)}")
    return names[0]


def _subject(rules: RuleSet, name: str, person: str | None, household: str | None) -> tuple[Subject, str]:
    """Whose timeline is meant; the rule must read that kind."""
    kinds = {plan.rule.per for plan in rules.plans[name]}
    if household is not None and Subject.HOUSEHOLD in kinds:
        return Subject.HOUSEHOLD, household
    if person is not None and Subject.PERSON in kinds:
        return Subject.PERSON, person
    if Subject.HOUSEHOLD in kinds:
        raise WrongUse(f"the rule `{name}` reads households", "add --household with the household's pseudonym")
    raise WrongUse(f"the rule `{name}` reads persons", "add --person with the person's pseudonym")


def _known(rules: RuleSet, name: tuple[Subject, str], lines: EventLines, end: int | None) -> Known:
    """What is known of a subject after the events, or as it was at `end`, ms."""
    replay = Replay(rules)
    history = _replayed(replay, lines, end)
    known = replay.known(name)
    if known is None:
        raise WrongUse(f"no event of {name[0]} `{name[1]}` in {lines.name}", _whom(replay, name[0]))
    mine = (each for each in history if each.subject == name[1])
    return Known(known.timeline, known.ledger, known.heard, known.now, tuple(mine))


def _replayed(replay: Replay, lines: EventLines, end: int | None) -> list[Decision]:
    """Every decision up to `end`, ms: the first line that moves the clock past it and all after it are left out."""
    decisions: list[Decision] = []
    for item in lines.items():
        if end is not None and (item if isinstance(item, int) else item.recorded_at) > end:
            break
        decisions += give(replay, item)
    else:
        lines.end(replay)
    return decisions if end is None else decisions + replay.advance(end)


def _whom(replay: Replay, subject: Subject) -> str:
    names = sorted(replay.names(subject))
    return f"name one of {_some(names)}" if names else "name a file with events, and a later --at if one is given"


def _some(names: list[str]) -> str:
    more = len(names) - MOST_LISTED
    listed = ", ".join(f"`{name}`" for name in names[:MOST_LISTED])
    return f"{listed} and {more} more" if more > 0 else listed


def _language(language: str | None, place: object) -> str:
    """The language asked for, else the deployment's first of those there are texts in."""
    there = sorted(path.stem for path in TEXTS.glob("*.yaml"))
    if language is None:
        spoken = place.languages if isinstance(place, Deployment) else ()
        return next((each for each in spoken if each in there), "en")
    if language not in there:
        raise WrongUse(f"there are no texts in `{language}`", f"use one of {_some(there)}")
    return language


def _words(language: str, place: object, rules: RuleSet) -> Words:
    text = (TEXTS / f"{language}.yaml").read_text(encoding="utf-8")
    return read_words(language, text, titles(place, rules, language), rules.calendar)


def titles(place: object, rules: RuleSet, language: str) -> Callable[[str], str]:
    """Titles of event types in a language; the catalogue's own where there is none in it, else the name."""
    own = place.titles if isinstance(place, Deployment) else {}
    catalogue = rules.deployment.catalogue or {}

    def title_of(name: str) -> str:
        entry = catalogue.get(name)
        return own.get(name, {}).get(language) or (entry.title if entry is not None else name.replace("_", " "))

    return title_of
