"""The rows of a benchmark, as a table and as `bench/results.json`.

`python -m bench.table` prints the last run's as the tables of `docs/performance.md`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

RESULTS = Path(__file__).parent / "results.json"
FIELDS = ("name", "events", "events_per_s", "cpu_s", "peak_mb", "ratio_to_loop")
COLUMNS = ("what", "events", "events/s", "CPU s", "CPU us an event", "peak MB", "ratio to loop", "besides")
HEADINGS = ("", "events", "events/s", "CPU s", "CPU us/event", "peak MB", "ratio to loop", "")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table.

    Attributes:
        events: records worked on; 0 where a row is not about throughput.
        cpu_s: of the processes measured, the broker's not.
        peak_mb: the most memory they held.
        ratio_to_loop: events/s to those of the plain loop that does the same job, in the same run.
        more: what else was measured, by name.
    """

    name: str
    events: int
    events_per_s: float
    cpu_s: float
    peak_mb: float
    ratio_to_loop: float | None
    more: Mapping[str, float | int | str] = field(default_factory=dict)

    def as_json(self) -> dict[str, object]:
        """As it stands in the file: rounded, what else was measured beside it."""
        return {
            "name": self.name,
            "events": self.events,
            "events_per_s": round(self.events_per_s),
            "cpu_s": round(self.cpu_s, 2),
            "peak_mb": round(self.peak_mb),
            "ratio_to_loop": None if self.ratio_to_loop is None else round(self.ratio_to_loop, 3),
            **self.more,
        }


def show(title: str, rows: Iterable[Row]) -> None:
    """Prints rows under a title."""
    table = Table(box=None, pad_edge=False, title=title, title_justify="left")
    for heading in HEADINGS:
        table.add_column(heading, justify="left" if not heading else "right")
    for row in rows:
        table.add_row(*_cells(row))
    Console(width=180).print(table)


def write(rows: Iterable[Row], path: Path = RESULTS) -> None:
    """Writes all rows of a run."""
    path.write_text(json.dumps([row.as_json() for row in rows], indent=1) + "\n")


def markdown(rows: Iterable[Mapping[str, object]]) -> str:
    """The rows of a results file as one table of Markdown."""
    lines = ["| " + " | ".join(COLUMNS) + " |", "|---|" + "---:|" * (len(COLUMNS) - 2) + "---|"]
    for row in rows:
        more = ", ".join(f"{name} {_shown(value)}" for name, value in row.items() if name not in FIELDS)
        lines.append("| " + " | ".join([*_figures(row), more]) + " |")
    return "\n".join(lines)


def _figures(row: Mapping[str, Any]) -> list[str]:
    ratio = row["ratio_to_loop"]
    return [
        row["name"], f"{row['events']:,}", f"{row['events_per_s']:,}", f"{row['cpu_s']:,}",
        f"{1e6 * row['cpu_s'] / row['events']:.1f}", f"{row['peak_mb']:,}", "" if ratio is None else f"{ratio:.2f}",
    ]  # fmt: skip


def _cells(row: Row) -> tuple[str, ...]:
    speed = f"{row.events_per_s:,.0f}" if row.events else ""
    each = f"{1e6 * row.cpu_s / row.events:.1f}" if row.events else ""
    ratio = "" if row.ratio_to_loop is None else f"{row.ratio_to_loop:.2f}"
    more = ", ".join(f"{name} {_shown(value)}" for name, value in row.more.items())
    return row.name, f"{row.events:,}", speed, f"{row.cpu_s:.1f}", each, f"{row.peak_mb:,.0f}", ratio, more


def _shown(value: object) -> str:
    return f"{value:,.4g}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)


if __name__ == "__main__":
    sys.stdout.write(markdown(json.loads(RESULTS.read_text())) + "\n")
