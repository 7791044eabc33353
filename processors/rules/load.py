"""Loads rules with every check, their examples included."""

from __future__ import annotations

from collections.abc import Mapping

from processors.rules.checking.check import Deployment
from processors.rules.conditions import AttributeDecoder
from processors.rules.examples import check_examples
from processors.rules.model import Problem
from processors.rules.ruleset import RuleSet


def load(documents: Mapping[str, str], deployment: Deployment, decode: AttributeDecoder) -> RuleSet | list[Problem]:
    """As `RuleSet.load`, and every example must hold (experiments excepted).

    Args:
        documents: file name -> YAML text, one rule each.
        deployment: what they are checked against.
        decode: turns the encoded attributes of an event into a mapping.
    """
    rules = RuleSet.load(documents, deployment, decode)
    if isinstance(rules, RuleSet) and deployment.catalogue is not None:
        return check_examples(rules) or rules
    return rules
