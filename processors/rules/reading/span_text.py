"""The form of `within: D of NAME` and `for: D after NAME`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ruamel.yaml.comments import CommentedMap

from processors.civil_time import Duration
from processors.rules.model import Window
from processors.rules.reading.reader import Reader, line_of

_WINDOW = re.compile(r"(?P<duration>.+?)\s+of\s+(?P<name>\S+)")
_FOR = re.compile(r"(?P<duration>.+?)\s+(?P<side>after|before)\s+(?P<name>\S+)")


def read_window(node: CommentedMap, reader: Reader) -> Window | None:
    """`within: D of NAME`."""
    if "within" not in node:
        return None
    line, value = line_of(node, "within"), node["within"]
    found = _WINDOW.fullmatch(str(value).strip())
    if found is None:
        remedy = "write `within: 60 days of NAME` (or of first, of previous)"
        reader.refuse(line, f"`within: {value}` does not say of what", remedy)
        return None
    return Window(reader.duration(found["duration"], line, "within"), found["name"])


@dataclass(frozen=True, slots=True)
class Span:
    """`for: D after NAME` or `for: D before NAME`."""

    duration: Duration
    name: str
    is_looking_back: bool


def read_for(node: CommentedMap, line: int, reader: Reader) -> Span | None:
    """The time of an absence; None if it has none."""
    if "for" not in node:
        return None
    line, value = line_of(node, "for", line), node["for"]
    found = _FOR.fullmatch(str(value).strip())
    if found is None:
        reader.refuse(line, f"`for: {value}` does not say after what", "write `for: 28 days after NAME`")
        return None
    return Span(reader.duration(found["duration"], line, "for"), found["name"], found["side"] == "before")
