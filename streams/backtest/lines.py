"""A history in JSON lines, exactly as `headwater rules run` reads it: the order of the lines is the clock."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields, replace

import orjson
import pyarrow as pa

from processors.civil_time import Calendar, parse_instant
from processors.events import LifeEvent
from processors.rules.lines import BadLine, Line, event_of
from schemas.history import LeftOut

_COLUMNS = tuple(one.name for one in fields(LifeEvent))


class LineReader:
    """Reads the lines of one file in order.

    Attributes:
        clock: ms; where the lines so far have moved it, 0 before the first.
    """

    def __init__(self, file: str, calendar: Calendar, out: LeftOut) -> None:
        self._file, self._calendar, self._out = file, calendar, out
        self._is_begun = False
        self._heard = 0
        self.clock = 0

    def rows(self, lines: Iterable[tuple[int, bytes]]) -> pa.RecordBatch:
        """The events of numbered lines; those that cannot be used are left out."""
        events = [event for number, text in lines if (event := self._event(number, text)) is not None]
        return pa.RecordBatch.from_pydict({name: [_value(event, name) for event in events] for name in _COLUMNS})

    def _event(self, number: int, text: bytes) -> LifeEvent | None:
        if not text.strip():
            return None
        try:
            line = _parsed(number, text)
            if "advance_to" in line:
                self._advance(self._moment(number, line))
                return None
            event = event_of(line, number, self._calendar)
        except BadLine as fault:
            self._out.add(f"{fault.problem}; {fault.remedy}", 1, [f"{self._file} line {number:,}"])
            return None
        return self._heard_before(event)

    def _heard_before(self, event: LifeEvent) -> LifeEvent:
        """With what was heard before it; the first line is where every feed began."""
        heard = self._heard if self._is_begun else min(0, event.occurred_at)
        self._move(event.recorded_at, max(event.recorded_at, self.clock) - 1)
        return replace(event, heard=heard)

    def _advance(self, moment: int) -> None:
        self._move(moment, moment)

    def _move(self, clock: int, heard: int) -> None:
        self.clock = max(self.clock, clock) if self._is_begun else clock
        self._heard = max(self._heard, heard) if self._is_begun else heard
        self._is_begun = True

    def _moment(self, number: int, line: Line) -> int:
        moment = parse_instant(str(line["advance_to"]), self._calendar)
        if moment is None:
            raise BadLine(number, "`advance_to` is no time", 'write "advance_to": "2026-01-05"')
        return moment


def _parsed(number: int, text: bytes) -> Line:
    try:
        line = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise BadLine(number, f"not JSON: {error.msg}", "write one JSON object a line") from None
    if not isinstance(line, dict):
        raise BadLine(number, "no JSON object", 'write {"id": ..., "type": ..., ...}')
    return line


def _value(event: LifeEvent, name: str) -> object:
    value = getattr(event, name)
    return value.decode() or "{}" if name == "attributes" else value
