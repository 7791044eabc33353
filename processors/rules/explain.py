"""The explanation of a match in plain words, filled from its decision."""

from __future__ import annotations

import re

from processors.civil_time import local_date
from processors.decisions import BoundEvent, Decision
from processors.rules.checking.check import PLACEHOLDER
from processors.rules.model import in_language
from processors.rules.ruleset import RuleSet

PERSON, HOUSEHOLD = "This person", "This household"
"""What stands for `{person}`: an explanation never carries an identity."""


def title(rules: RuleSet, decision: Decision, language: str = "") -> str:
    """The rule's title in that language; the rule's name if the rule is not in the set."""
    rule = rules.rule(decision.rule, decision.version)
    return in_language(rule.title, language) or rule.name if rule is not None else decision.rule


def explain(rules: RuleSet, decision: Decision, language: str = "") -> str:
    """Says why a match was told.

    Args:
        rules: the rule set.
        decision: a match of one of its rules.
        language: of the text; any other if the rule has none in it.

    Returns:
        The rule's `explain` text with local dates and titles filled in; empty if it has none.
    """
    rule = rules.rule(decision.rule, decision.version)
    if rule is None:
        return ""
    bound = {event.step: event for event in decision.events}

    def fill(found: re.Match[str]) -> str:
        name, _, field = found[1].partition(".")
        subject = HOUSEHOLD if decision.is_household else PERSON
        text = subject if name == "person" else _field(bound[name], field, rules) if name in bound else name
        return text if found.start() == 0 else text[:1].lower() + text[1:]

    return PLACEHOLDER.sub(fill, in_language(rule.explain, language)).strip()


def _field(event: BoundEvent, field: str, rules: RuleSet) -> str:
    if field == "occurred_at":
        return local_date(event.occurred_at, rules.calendar).isoformat()
    if field == "recorded_at":
        return local_date(event.recorded_at, rules.calendar).isoformat()
    if field == "type":
        entry = (rules.deployment.catalogue or {}).get(event.type)
        return entry.title if entry is not None else event.type.replace("_", " ")
    return event.agency
