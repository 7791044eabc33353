"""Pictures for a rule's page: its steps from top to bottom, and its matches by month. SVG, without scripts.

Every picture stands beside the same facts in words, so it is hidden from screen readers.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape

from processors.backtest.findings import Period
from processors.backtest.wording import Kind, Span, Told
from processors.rules.model import FIRST, PREVIOUS

_LINE, _SMALL_LINE = 22, 18
_LEFT, _WIDTH, _INDENT, _GAP = 56, 520, 22, 16
_LANE = 118
_LETTER, _SMALL_LETTER = 8.8, 7.2
"""Width of a letter of the headline and of the details, px; generous."""


@dataclass(frozen=True, slots=True)
class _Box:
    """A step drawn: its place and what stands in it."""

    told: Told
    depth: int
    top: int
    height: int
    headline: tuple[str, ...]
    details: tuple[str, ...]

    @property
    def middle(self) -> int:
        return self.top + (self.height // 2 if self.told.kind is not Kind.GROUP else 20)


@dataclass(slots=True)
class _Layout:
    """Boxes put one below the other."""

    boxes: list[_Box] = field(default_factory=list)
    bottom: int = 8

    def add(self, told: Told, depth: int = 0) -> None:
        """Puts a step, and those of a group, below what is there."""
        inner = _WIDTH - 2 * _INDENT * depth - 28
        headline = tuple(textwrap.wrap(told.headline, int(inner / _LETTER)))
        details = tuple(line for phrase in told.details for line in textwrap.wrap(phrase, int(inner / _SMALL_LETTER)))
        top = self.bottom
        self.bottom += 20 + _LINE * len(headline) + _SMALL_LINE * len(details)
        place = len(self.boxes)
        for step in told.steps:
            self.add(step, depth + 1)
        self.bottom += 6 if told.steps else 0
        self.boxes.insert(place, _Box(told, depth, top, self.bottom - top, headline, details))
        self.bottom += _GAP


def steps_picture(steps: Sequence[Told]) -> str:
    """The steps of a rule as a timeline that is read downwards.

    Args:
        steps: in order, in words.
    """
    layout = _Layout()
    for told in steps:
        layout.add(told)
    brackets = list(_brackets(layout.boxes))
    width = _LEFT + _WIDTH + 24 + _LANE * len({lane for lane, *_ in brackets})
    parts = [f'<line class="axis" x1="24" y1="4" x2="24" y2="{layout.bottom - 4}"/>']
    for box in layout.boxes:
        parts += _drawn(box)
    parts += [_bracket(*each) for each in brackets]
    return _svg("steps", width, layout.bottom, parts)


def _drawn(box: _Box) -> Iterator[str]:
    left, width = _LEFT + _INDENT * box.depth, _WIDTH - 2 * _INDENT * box.depth
    kind = box.told.kind.value
    yield f'<rect class="{kind}" x="{left}" y="{box.top}" width="{width}" height="{box.height}" rx="6"/>'
    if box.told.kind is not Kind.GROUP:
        yield f'<line class="tie {kind}" x1="24" y1="{box.middle}" x2="{left}" y2="{box.middle}"/>'
        yield f'<circle class="{kind}" cx="24" cy="{box.middle}" r="7"/>'
        if box.told.kind is Kind.ABSENCE:
            yield f'<path class="cross" d="M19 {box.middle - 5} l10 10 m0 -10 l-10 10"/>'
    line = box.top + 12
    for text in box.headline:
        line += _LINE
        yield f'<text class="headline" x="{left + 14}" y="{line - 6}">{escape(text)}</text>'
    for text in box.details:
        line += _SMALL_LINE
        yield f'<text class="detail" x="{left + 14}" y="{line - 6}">{escape(text)}</text>'


_Bracket = tuple[int, int, int, str]
"""Lane, from which height to which, and what is written beside it."""


def _brackets(boxes: Sequence[_Box]) -> Iterator[_Bracket]:
    """A bracket for each span of time, from the step it counts from; no two in one lane overlap."""
    ends: list[int] = []
    named = {name: box for box in boxes for name in box.told.names}
    for place, box in enumerate(boxes):
        anchor = _anchor(box.told.span, boxes, place, named)
        if box.told.span is None or anchor is None or anchor is box:
            continue
        top, bottom = sorted((anchor.middle, box.middle))
        lane = next((number for number, end in enumerate(ends) if end < top), len(ends))
        ends[lane : lane + 1] = [bottom]
        yield lane, top, bottom, box.told.span.length


def _anchor(span: Span | None, boxes: Sequence[_Box], place: int, named: Mapping[str, _Box]) -> _Box | None:
    if span is None:
        return None
    if span.anchor == FIRST:
        return boxes[0]
    if span.anchor == PREVIOUS:
        return next((box for box in reversed(boxes[:place]) if box.told.kind is Kind.EVENT), None)
    return named.get(span.anchor)


def _bracket(lane: int, top: int, bottom: int, text: str) -> str:
    left = _LEFT + _WIDTH + 8 + _LANE * lane
    lines = textwrap.wrap(text, 12)
    first = (top + bottom) // 2 - _SMALL_LINE * (len(lines) - 1) // 2 + 4
    words = "".join(
        f'<text class="span" x="{left + 22}" y="{first + _SMALL_LINE * number}">{escape(line)}</text>'
        for number, line in enumerate(lines)
    )
    return f'<path class="span" d="M{left} {top} h14 V{bottom} h-14"/>{words}'


_PLOT, _PLOT_WIDTH, _MONTH_WIDTH = 180, 760, 56


def months_picture(periods: Sequence[Period], months: Sequence[str]) -> str:
    """Matches by month; months that are shown together have one wide bar, hatched, at their average.

    Args:
        periods: what is shown, in order, together all months.
        months: every month.
    """
    place = {month: number for number, month in enumerate(months)}
    each = _PLOT_WIDTH / len(months)
    spans = [(place[one.first], place[one.last] + 1) for one in periods]
    heights = [one.matches / (end - start) for one, (start, end) in zip(periods, spans, strict=True)]
    most = max([*heights, 1])
    parts = [_HATCH, f'<line class="axis" x1="0" y1="{_PLOT}" x2="{_PLOT_WIDTH}" y2="{_PLOT}"/>']
    for one, (start, end), height in zip(periods, spans, heights, strict=True):
        tall, left, wide = (_PLOT - 28) * height / most, each * start + 1.5, each * (end - start) - 3
        joined = "joined" if end - start > 1 else "bar"
        parts.append(
            f'<rect class="{joined}" x="{left:.1f}" y="{_PLOT - tall:.1f}" width="{wide:.1f}" height="{tall:.1f}"/>'
        )
        if one.matches and wide >= 10 + 8 * len(str(one.matches)):
            middle = left + wide / 2
            parts.append(f'<text class="number" x="{middle:.1f}" y="{_PLOT - tall - 6:.1f}">{one.matches:,}</text>')
    for number in range(0, len(months), max(1, -(-len(months) // 8))):
        if number and each * number > _PLOT_WIDTH - _MONTH_WIDTH:
            break
        parts.append(f'<text class="month" x="{each * number + 2:.1f}" y="{_PLOT + 20}">{months[number]}</text>')
    return _svg("months", _PLOT_WIDTH, _PLOT + 28, parts)


_HATCH = (
    '<defs><pattern id="hatch" width="7" height="7" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
    '<rect width="7" height="7" fill="#cfe0e8"/><line x1="0" y1="0" x2="0" y2="7" stroke="#11405a" stroke-width="3"/>'
    "</pattern></defs>"
)


def _svg(name: str, width: int, height: int, parts: Sequence[str]) -> str:
    return (
        f'<svg class="{name}" viewBox="0 0 {width} {height}" style="max-width: {width}px" aria-hidden="true" '
        f'xmlns="http://www.w3.org/2000/svg">{"".join(parts)}</svg>'
    )
