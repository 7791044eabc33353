"""The form of `times` and of what belongs to it."""

from __future__ import annotations

import re

from ruamel.yaml.comments import CommentedMap

from processors.rules.model import ONCE, How, Repetition
from processors.rules.reading.member_text import read_member
from processors.rules.reading.reader import Reader, line_of

REPETITION_KEYS = ("times", "how", "stop_at", "max_gap", "unbroken")
"""Keywords that repeat a step."""
MOST_TIMES = 1_000
"""How often a step may be repeated, or what it may count, at most."""

TIMES = re.compile(r"(?P<from>\d{1,6})\s*\.\.\s*(?P<to>\d{1,6})|at\s+least\s+(?P<least>\d{1,6})|(?P<exactly>\d{1,6})")


def read_repetition(node: CommentedMap, reader: Reader) -> Repetition:
    """`times`, `how`, `stop_at`, `max_gap`, `unbroken` of a step; once if there is none of them."""
    if "times" not in node:
        for key in REPETITION_KEYS:
            if key in node:
                reader.refuse(
                    line_of(node, key), f"`{key}` goes with `times` only", f"add `times:`, or leave out `{key}`"
                )
        return ONCE
    least, most = read_times(node["times"], line_of(node, "times"), reader)
    stop_at = None
    if "stop_at" in node:
        stop_at = read_member(node["stop_at"], line_of(node, "stop_at"), reader, key="stop_at", is_named=False)
    gap = reader.duration(node["max_gap"], line_of(node, "max_gap"), "max_gap") if "max_gap" in node else None
    how = reader.one_of(node.get("how", How.LONGEST.value), [*How], line_of(node, "how"), "how")
    return Repetition(least, most, How(how), stop_at, gap, reader.flag(node, "unbroken"))


def read_times(value: object, line: int, reader: Reader) -> tuple[int, int | None]:
    """`3`, `2..5` or `at least 2` as least and most."""
    is_number = isinstance(value, int) and not isinstance(value, bool)
    found = TIMES.fullmatch(str(value).strip()) if isinstance(value, str) or is_number else None
    if found is None:
        reader.refuse(line, f"`times: {value}` is no number of times", "write `3`, `2..5` or `at least 2`")
        return 1, 1
    if found["least"]:
        least, most = int(found["least"]), None
    else:
        least, most = int(found["from"] or found["exactly"]), int(found["to"] or found["exactly"])
    if least < 1 or (most is not None and most < least):
        remedy = (
            "begin with 1 or more; a step that may be missing has `optional: true`" if least < 1 else "exchange them"
        )
        reader.refuse(line, f"`times: {value}` cannot be", remedy)
        return 1, 1
    if max(least, most or 0) > MOST_TIMES:
        reader.refuse(line, f"`times: {value}` is too often", f"stay at {MOST_TIMES:,} or below")
    return least, most
