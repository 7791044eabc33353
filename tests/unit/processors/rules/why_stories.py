"""Short stories for tests of explanations: rules and events by a letter, told over JSON lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from textwrap import dedent, indent

import processors.rules
from processors.civil_time import parse_instant
from processors.decisions import Decision
from processors.rules.checking.check import Deployment
from processors.rules.lines import Replay, feed, json_attributes
from processors.rules.model import Subject
from processors.rules.reasons.explanation import Explanation, RunReport
from processors.rules.reasons.saying import say
from processors.rules.reasons.why import why
from processors.rules.reasons.wording import Words, read_words
from processors.rules.ruleset import RuleSet
from tests.unit.processors.rules.stories import CALENDAR, events

DEPLOYMENT = Deployment(calendar=CALENDAR)
TEXTS = Path(processors.rules.__path__[0]) / "reasons" / "texts"
TITLES = {
    "en": {"a": "Job lost", "b": "Rent arrears", "c": "Benefit claimed", "d": "Notice served"},
    "nl": {"a": "Werk verloren", "b": "Huurachterstand", "c": "Uitkering gevraagd", "d": "Aanzegging betekend"},
}


def rules_of(versions: Sequence[str], deployment: Deployment) -> RuleSet:
    """Versions of one rule, each given by its steps or by all that follows `version`."""
    texts = {}
    for number, text in enumerate(versions, start=1):
        body = dedent(text).strip()
        tail = body if "steps:" in body else f"steps:\n{indent(body, '  ')}"
        texts[f"{number}.yaml"] = f"rule: story\nversion: {number}\n{tail}\n"
    loaded = RuleSet.load(texts, deployment, json_attributes)
    assert isinstance(loaded, RuleSet), loaded
    return loaded


def lines_of(story: Sequence[str]) -> list[dict[str, object]]:
    """Lines from `01-05 a n=1`, an event of person p whose id is its type and place, or `01-05`, a clock line."""
    lines: list[dict[str, object]] = []
    for number, text in enumerate(story):
        if " " in text:
            (event,) = events([text])
            lines.append(event | ({} if " id=" in text else {"id": f"{event['type']}{number}"}))
        else:
            lines.append({"advance_to": f"2026-{text}"})
    return lines


def explained(
    rule: str | Sequence[str],
    story: Sequence[str],
    deployment: Deployment = DEPLOYMENT,
    subject: tuple[Subject, str] = (Subject.PERSON, "p"),
) -> Explanation:
    """The explanation after a story."""
    rules = rules_of([rule] if isinstance(rule, str) else rule, deployment).of_subject(subject[0])
    replay, history = Replay(rules), list[Decision]()
    for number, line in enumerate(lines_of(story), start=1):
        history += feed(replay, line, number, CALENDAR)
    known = replay.known(subject)
    assert known is not None
    return why(rules, "story", subject[1], replace(known, history=tuple(history)))


def runs_of(rule: str | Sequence[str], *story: str) -> tuple[RunReport, ...]:
    """The runs of the newest version that matters."""
    return explained(rule, story).versions[-1].runs


def words(language: str) -> Words:
    """The shipped words with the titles of these stories."""
    text = (TEXTS / f"{language}.yaml").read_text(encoding="utf-8")
    return read_words(language, text, lambda name: TITLES[language].get(name, name), CALENDAR)


def said(language: str, rule: str | Sequence[str], *story: str) -> list[str]:
    """The sentences after a story, without the two that say what is asked."""
    return say(explained(rule, story), words(language))[2:]


def at(text: str) -> int:
    """Milliseconds of a day of 2026."""
    moment = parse_instant(f"2026-{text}", CALENDAR)
    assert moment is not None
    return moment
