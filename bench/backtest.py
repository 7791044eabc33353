"""What a back-test costs: a long history of many persons against a plain loop that only decodes it.

The history is a simulated town's, taken in as on the platform (late, repeated, corrected, annulled lines),
copied under new pseudonyms until it is large enough, in order of arrival. `measure` is for `python -m bench`;
`python -m bench.backtest` runs the large sizes alone.
"""

from __future__ import annotations

import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

from processors.backtest.findings import most_remembered
from schemas.history import FILE
from streams.backtest.making import events_of_town, write_history
from streams.backtest.passes import Wanted, run
from streams.backtest.sources import pieces
from streams.composition import DEMO, load_deployment, rule_deployment
from streams.simulation.town import Town, build

BASE_PERSONS = 5_000
MONTHS = 48
RULES = 20
EVENTS = 10_000_000
_KEYS = ("id", "person", "household", "replaces")
_CHUNK = 500_000


@dataclass(frozen=True, slots=True)
class Cost:
    """What one back-test cost.

    Attributes:
        persons: roughly; copies of a town of `BASE_PERSONS`.
        decode_s: a plain loop over the same file that makes Python rows of it, in one process.
        cpu_s: of all processes; says more than seconds on a busy machine.
        peak_mb: of the largest process.
    """

    persons: int
    events: int
    seconds: float
    decode_s: float
    cpu_s: float
    peak_mb: int

    @property
    def events_per_s(self) -> int:
        """Rows read, whether used or not."""
        return round(self.events / self.seconds)

    @property
    def ratio_to_loop(self) -> float:
        """Speed as a share of the plain loop's."""
        return round(self.decode_s / self.seconds, 2)


def measure(folder: Path, events: int = EVENTS, months: int = MONTHS, jobs: int | None = None) -> Cost:
    """Makes a history of at least so many events in a folder, and back-tests it.

    Args:
        folder: for the files.
        events: how many, at the least.
        months: how long the persons are watched; the fewer, the more persons.
        jobs: processes; None: one for each core.
    """
    base, history = folder / f"base-{months}.parquet", folder / "history.parquet"
    if not base.exists():
        build(Town(BASE_PERSONS, months, 7), folder / "town")
        write_history(events_of_town(folder / "town", DEMO), base)
    copies = -(-events // pq.read_metadata(base).num_rows)
    rows = copy_history(base, history, copies)
    decode_s = _timed(lambda: _decode(history))
    before = _cpu_s()
    seconds = _timed(lambda: _backtest(history, jobs or os.cpu_count() or 1))
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    history.unlink()
    cpu_s = round(_cpu_s() - before, 1)
    return Cost(copies * BASE_PERSONS, rows, round(seconds, 1), round(decode_s, 1), cpu_s, peak)


def _cpu_s() -> float:
    spent = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in spent)


def copy_history(base: Path, target: Path, copies: int) -> int:
    """Writes so many copies of a history side by side, in order of arrival, each under pseudonyms of its own."""
    rows = pq.read_table(base)
    rows = rows.take(pc.sort_indices(rows.column("recorded_at"))).combine_chunks()
    step, written = max(1, _CHUNK // copies), 0
    with pq.ParquetWriter(target, FILE, compression="zstd", compression_level=1) as writer:
        for start in range(0, rows.num_rows, step):
            part = rows.slice(start, step).combine_chunks()
            whole = pa.concat_tables([_copied(part, copy) for copy in range(copies)])
            arrivals = pa.array(range(written, written + whole.num_rows), pa.int64())
            whole = whole.set_column(FILE.get_field_index("arrival"), FILE.field("arrival"), arrivals)
            writer.write_table(whole.unify_dictionaries().cast(FILE), row_group_size=_CHUNK)
            written += whole.num_rows
    return written


def _copied(rows: pa.Table, copy: int) -> pa.Table:
    for name in _KEYS:
        column = rows.column(name)
        renamed = pc.binary_replace_slice(column, 0, 5, f"{copy:05}")
        empty = pc.or_kleene(pc.is_null(column), pc.equal(column, ""))
        rows = rows.set_column(FILE.get_field_index(name), FILE.field(name), pc.if_else(empty, column, renamed))
    return rows


def _decode(history: Path) -> None:
    """The plain loop: every row of the file as a Python mapping, one after the other."""
    for batch in pq.ParquetFile(history).iter_batches(10_000, use_threads=False):
        for _ in batch.to_pylist():
            pass


def _backtest(history: Path, jobs: int) -> None:
    place = load_deployment(DEMO)
    wanted = Wanted(
        dict(_rules(place.rules)), {}, rule_deployment(place), ("area", "agency"),
        frozenset(name for name, one in place.catalogue.items() if one.is_crisis),
        most_remembered(place.disclosure),
    )  # fmt: skip
    taken = run(wanted, pieces(history), jobs, None, lambda *_: None)
    assert taken.counts.rules, "nothing was found"


def _rules(shipped: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """`RULES` of the shipped rules, the first ones again under another name while there are fewer."""
    for number in range(RULES):
        name, text = sorted(shipped.items())[number % len(shipped)]
        again = "again-" * (number // len(shipped))
        yield f"{again}{name}", text.replace("rule: ", f"rule: {again}", 1)


def _timed(work: Callable[[], None]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


SIZES = ((100_000, 48), (1_000_000, 48), (EVENTS, 48), (EVENTS, 6))
"""Events and months: from ten thousand persons to millions."""


def main() -> int:
    """Prints a line for each size; sizes may be named as EVENTS:MONTHS."""
    sizes = [tuple(map(int, one.split(":"))) for one in sys.argv[1:]] or list(SIZES)
    table = Table(box=None, pad_edge=False)
    for heading in ("persons", "events", "seconds", "events/s", "CPU s", "CPU us an event", "peak MB", "ratio to loop"):
        table.add_column(heading, justify="right")
    for events, months in sizes:
        with tempfile.TemporaryDirectory(prefix="headwater-bench-") as folder:
            cost = measure(Path(folder), events, months)
        table.add_row(
            f"{cost.persons:,}", f"{cost.events:,}", f"{cost.seconds:,}", f"{cost.events_per_s:,}",
            f"{cost.cpu_s:,}", f"{1e6 * cost.cpu_s / cost.events:.1f}", f"{cost.peak_mb:,}", f"{cost.ratio_to_loop}",
        )  # fmt: skip
    Console().print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
