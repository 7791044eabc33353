"""How commands print: tables for people in any width, text that came from outside."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table

WIDE = 220
"""Columns where no terminal limits them."""


def out() -> Console:
    """Standard output; takes nothing in a text for markup."""
    return Console(markup=False, highlight=False, width=None if sys.stdout.isatty() else WIDE)


def err() -> Console:
    """Standard error, for progress."""
    return Console(markup=False, highlight=False, stderr=True)


def table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    """A plain table; numbers stand to the right, the first column is never broken."""
    rows = list(rows)
    made = Table(box=None, pad_edge=False)
    for position, heading in enumerate(headings):
        is_number = bool(rows) and all(isinstance(row[position], int) for row in rows)
        made.add_column(heading, justify="right" if is_number else "left", no_wrap=position == 0, overflow="fold")
    for row in rows:
        made.add_row(*(f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row))
    return made


def harmless(text: str, most: int = 200) -> str:
    """Text from outside, without what would steer a terminal, and not too long.

    >>> harmless("a\\x1b[31mb")
    'a?[31mb'
    """
    shown = "".join(char if char.isprintable() else "?" for char in text)
    return shown if len(shown) <= most else f"{shown[:most]}..."
