"""A history in JSON lines, exactly as `headwater rules run` reads it: the order of the lines is the clock."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields, replace

import pyarrow as pa

from processors.civil_time import Calendar
from processors.events import LifeEvent
from processors.rules.input import read_line
from processors.rules.lines import BadLine
from schemas.history import EARLIEST, LATEST, LeftOut

_OUTSIDE = "a line is recorded before 1900 or after 2199; write 2026-01-05 or 2026-01-05T10:00:00Z"
_COLUMNS = tuple(one.name for one in fields(LifeEvent))


class LineReader:
    """Reads the lines of one file in order.

    Attributes:
        clock: ms; where the lines so far have moved it, 0 before the first. No line recorded after `until`, and
            no clock line after it, is heard.
    """

    def __init__(self, file: str, calendar: Calendar, out: LeftOut, until: int | None) -> None:
        self._file, self._calendar, self._out, self._until = file, calendar, out, until
        self._is_begun = False
        self._heard = 0
        self.clock = 0

    def rows(self, lines: Iterable[tuple[int, bytes]]) -> pa.RecordBatch:
        """The events of numbered lines; those that cannot be used are left out."""
        events = [event for number, text in lines if (event := self._event(number, text)) is not None]
        return pa.RecordBatch.from_pydict({name: [_value(event, name) for event in events] for name in _COLUMNS})

    def _event(self, number: int, text: bytes) -> LifeEvent | None:
        try:
            item = read_line(number, text, self._calendar)
        except BadLine as fault:
            self._out.add(f"{fault.kind}; {fault.remedy}", 1, [f"{self._file} line {number:,}"])
            return None
        moment = item.recorded_at if isinstance(item, LifeEvent) else item
        if moment is None or (self._until is not None and moment > self._until):
            return None
        if not EARLIEST <= moment < LATEST:
            self._out.add(_OUTSIDE, 1, [f"{self._file} line {number:,}"])
            return None
        if isinstance(item, LifeEvent):
            return self._heard_before(item)
        self._advance(moment)
        return None

    def _heard_before(self, event: LifeEvent) -> LifeEvent:
        """With what was heard before it; the first line is where every feed began."""
        heard = self._heard if self._is_begun else event.occurred_at
        self._move(event.recorded_at, max(event.recorded_at, self.clock) - 1)
        return replace(event, heard=heard)

    def _advance(self, moment: int) -> None:
        self._move(moment, moment)

    def _move(self, clock: int, heard: int) -> None:
        self.clock = max(self.clock, clock) if self._is_begun else clock
        self._heard = max(self._heard, heard) if self._is_begun else heard
        self._is_begun = True


def _value(event: LifeEvent, name: str) -> object:
    value = getattr(event, name)
    return value.decode() or "{}" if name == "attributes" else value
