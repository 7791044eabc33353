"""Input lines of `headwater rules run`, `why` and `backtest` read one by one: a bad line is noted, the rest goes on.

Pure: bytes in, values out. What a line means once it is read is in `lines`.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator

import orjson

from processors.civil_time import Calendar
from processors.events import LifeEvent
from processors.rules.lines import BadLine, Item, Line, Replay, item_of
from processors.rules.model import Subject


def read_line(number: int, text: bytes, calendar: Calendar) -> Item | None:
    """What a line says; None if it is empty.

    Args:
        number: its place in the input, from 1, empty lines counted.
        text: one JSON object in UTF-8.
        calendar: zone of bare dates.

    Raises:
        BadLine: it cannot be used.
    """
    text = text.strip()
    return item_of(_parsed(number, text), number, calendar) if text else None


def _parsed(number: int, text: bytes) -> Line:
    try:
        line = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        if not _is_utf8(text):
            raise BadLine(number, "not UTF-8", "save the file as UTF-8") from None
        raise BadLine(number, f"not JSON: {error.msg}", "write one JSON object a line") from None
    if not isinstance(line, dict):
        raise BadLine(number, "no JSON object", 'write {"id": ..., "type": ..., ...}')
    return line


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


class Input:
    """The lines of one input in order.

    Args:
        calendar: zone of bare dates.
        types: event types there are; None: any.
        note: called with every line that cannot be used.
    """

    def __init__(self, calendar: Calendar, types: Container[str] | None, note: Callable[[BadLine], None]) -> None:
        self._calendar, self._types, self._note = calendar, types, note
        self._replacing: dict[tuple[str, str], int] = {}

    def items(self, lines: Iterable[bytes]) -> Iterator[Item]:
        """What the good lines say, each read only when it is asked for."""
        for number, text in enumerate(lines, start=1):
            if (item := self._item(number, text)) is not None:
                yield item

    def _item(self, number: int, text: bytes) -> Item | None:
        try:
            item = read_line(number, text, self._calendar)
            if isinstance(item, LifeEvent):
                self._check_type(item)
        except BadLine as fault:
            self._note(fault)
            return None
        if isinstance(item, LifeEvent) and item.replaces is not None:
            self._replacing.setdefault((item.person, item.replaces), number)
        return item

    def _check_type(self, event: LifeEvent) -> None:
        if self._types is not None and event.type not in self._types:
            remedy = "correct it, or add it to the catalogue; `--catalogue none` takes any"
            raise BadLine(event.arrival, f"the event type `{event.type}` is not in the catalogue", remedy)

    def end(self, replay: Replay) -> None:
        """Notes the lines that replace one never heard; asked at the end only, since the two may come in any order.

        Args:
            replay: what the items were given to.
        """
        for (person, replaced), number in self._replacing.items():
            known = replay.known((Subject.PERSON, person))
            timeline = None if known is None else known.timeline
            if timeline and replaced not in timeline.forgotten and all(replaced != each.id for each in timeline.lines):
                problem = f"`replaces: {replaced}` names no line of this person"
                self._note(BadLine(number, problem, "correct the id, or add the line it names"))
