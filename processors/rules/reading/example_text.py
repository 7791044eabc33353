"""The form of examples, with the short notation of events: `2026-01-05 job_lost {amount: 400} agency=x`."""

from __future__ import annotations

import re
from datetime import date, datetime

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import YAMLError

from processors.rules.model import Example, ExampleEvent
from processors.rules.reading.reader import Reader, line_of

EXAMPLE_KEYS = ("name", "events", "expect")
"""Keywords of an example; all three are needed."""

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
    except (YAMLError, ValueError, RecursionError):
        return None
    if not isinstance(node, dict) or any(isinstance(value, dict | list) for value in node.values()):
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


def read_examples(document: CommentedMap, reader: Reader) -> tuple[Example, ...]:
    """The examples a rule carries."""
    node = document.get("examples", [])
    if not isinstance(node, list):
        reader.refuse(line_of(document, "examples"), "`examples` is no list", "begin with `- name: ...`")
        return ()
    found = (_example(item, line_of(node, place), reader) for place, item in enumerate(node))
    return tuple(example for example in found if example is not None)


def _example(item: object, line: int, reader: Reader) -> Example | None:
    if not isinstance(item, CommentedMap) or set(item) != set(EXAMPLE_KEYS) or not isinstance(item["events"], list):
        remedy = "add what is missing, take away what is more; `events` is a list"
        reader.refuse(line, "an example needs name, events and expect", remedy)
        return None
    expect = expected_days(str(item["expect"]))
    if expect is None:
        problem = f"`expect: {item['expect']}` is not known"
        reader.refuse(line_of(item, "expect", line), problem, "write `matched 2026-02-10` or `nothing`")
        return None
    events = []
    for place, text in enumerate(item["events"]):
        event = example_event(text) if isinstance(text, str) else "is no text; put quotes around it"
        if isinstance(event, ExampleEvent):
            events.append(event)
        else:
            own = line_of(item["events"], place, line_of(item, "events", line))
            remedy = 'write "2026-01-05 job_lost {amount: 400} agency=x"'
            reader.refuse(own, f"an event of the example {event}", remedy)
    return Example(reader.text(item["name"], line_of(item, "name", line), "name"), line, tuple(events), expect)
