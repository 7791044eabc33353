"""The short notation of events in examples: `2026-01-05 job_lost {amount: 400} agency=x`."""

from __future__ import annotations

import re
from datetime import date, datetime

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from processors.rules.model import ExampleEvent

_EVENT = re.compile(
    r"\s*(?P<at>\S+)\s+(?P<type>[\w*.-]+)\s*(?P<attributes>\{.*\})?(?P<rest>(?:\s+\w+=\S+)*)\s*", re.DOTALL
)


def example_event(text: str) -> ExampleEvent | str:
    """Reads one event of an example; a text says what is wrong with it.

    >>> event = example_event("2026-01-05 job_lost {amount: 400} agency=x")
    >>> event.type, event.attributes, event.envelope
    ('job_lost', {'amount': 400.0}, {'agency': 'x'})
    """
    found = _EVENT.fullmatch(text)
    if found is None:
        return f"is unreadable: {text!r}"
    attributes = _attributes(found["attributes"] or "{}")
    if attributes is None:
        return f"has unreadable attributes: {found['attributes']}"
    envelope = dict(pair.split("=", 1) for pair in found["rest"].split())
    return ExampleEvent(found["at"], found["type"], attributes, envelope)


def _attributes(text: str) -> dict[str, str | float | bool | None] | None:
    try:
        node = YAML(typ="safe", pure=True).load(text)
    except YAMLError:
        return None
    return {str(name): _value(value) for name, value in node.items()}


def _value(value: object) -> str | float | bool | None:
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int | float):
        return float(value)
    return value.isoformat() if isinstance(value, date | datetime) else str(value)


def expected_days(text: str) -> tuple[date, ...] | None:
    """Reads `nothing` or `matched DATE [DATE ..]`; None if it is neither.

    >>> expected_days("matched 2026-02-10")
    (datetime.date(2026, 2, 10),)
    """
    words = text.replace(",", " ").split()
    if words == ["nothing"]:
        return ()
    if len(words) < 2 or words[0] != "matched":
        return None
    try:
        return tuple(date.fromisoformat(word) for word in words[1:])
    except ValueError:
        return None
