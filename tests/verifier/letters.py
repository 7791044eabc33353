"""Dead letters: one for every record that was refused, with its bytes as they came, and a way back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tests.verifier.log import Line, Log
from tests.verifier.place import letters_of
from tests.verifier.report import Check

CONTEXT = "__connect.errors."

Where = tuple[str, int, int]
"""Topic, partition and offset of a record."""


def where(line: Line) -> Where:
    """Where a record lies."""
    return line.topic, line.partition, line.offset


def check_letters(check: Check, log: Log, topic: str, refused: Iterable[Line]) -> dict[int, int]:
    """Compares the letters of a topic's stage with the records it had to refuse.

    Returns:
        How many letters there are, by partition of the topic.
    """
    lines = {where(line): line for line in log.of(topic)}
    letters = [(_origin(letter, topic), letter) for letter in log.of(letters_of(topic))]
    check.compare(map(where, refused), [origin for origin, _ in letters], say=_say)
    for origin, letter in letters:
        if origin in lines:
            check.wrong += [f"{letter}: {fault}" for fault in _faults(letter, lines[origin])]
    return {p: sum(origin[1] == p for origin, _ in letters) for p in {partition for _, partition, _ in lines}}


def _origin(letter: Line, topic: str) -> Where:
    context = _context(letter)
    try:
        return topic, int(context.get("partition", "")), int(context.get("offset", ""))
    except ValueError:
        return topic, -1, -1  # nobody could put it back: it does not say where it came from


def _faults(letter: Line, original: Line) -> list[str]:
    context = _context(letter)
    kept = tuple((name, value) for name, value in letter.headers if not name.startswith(CONTEXT))
    told = tuple((name, value) for name, value in original.headers if not name.startswith(CONTEXT))
    return [
        what
        for what, is_right in (
            ("its key is not the original's", letter.key == original.key),
            ("its value is not the original's", letter.value == original.value),
            ("its headers are not the original's", kept == told),
            ("it gives no reason", bool(context.get("exception.class.name"))),
            ("it names another topic", context.get("topic") == original.topic),
        )
        if not is_right
    ]


def _context(letter: Line) -> Mapping[str, str]:
    """What the stage noted; the last word under a name counts, a letter may be set aside again."""
    return {
        name.removeprefix(CONTEXT): (value or b"").decode(errors="replace")
        for name, value in letter.headers
        if name.startswith(CONTEXT)
    }


def _say(place: Where) -> str:
    return "letter of {}/{}/{}".format(*place)
