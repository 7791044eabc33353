"""`python -m bench [NAME ..]`: everything, or the parts named, on one machine in one run.

Prints a table for each part and writes all rows to `bench/results.json`. Machines differ and are noisy: what
counts are ratios within one run. How large it is can be chosen by environment variables (`bench.options`).
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

from bench.machine.processes import Failed, pin
from bench.options import Options
from bench.parts import burst, correlate, latency, persons, rebuild, town, whole_way, workers
from bench.session import Session
from bench.table import Row, show, write
from streams.errors import UserError

PARTS: dict[str, Callable[[Session], list[Row]]] = {
    "correlate": correlate.measure,
    "workers": workers.measure,
    "rebuild": rebuild.measure,
    "persons": persons.measure,
    "whole-way": whole_way.measure,
    "latency": latency.measure,
    "burst": burst.measure,
    "town": town.measure,
}


def main(names: Sequence[str]) -> int:
    """Runs the parts named, or all; an exit code other than 0 when one failed or there is no such part."""
    unknown = [name for name in names if name not in PARTS]
    if unknown:
        sys.stderr.write(f"there is no part {', '.join(unknown)}; name some of: {', '.join(PARTS)}\n")
        return 2
    pin()
    with tempfile.TemporaryDirectory(prefix="headwater-bench-") as folder:
        return _run(Path(folder), names or list(PARTS))


def _run(folder: Path, names: Sequence[str]) -> int:
    rows: list[Row] = []
    failed = False
    with closing(Session(folder, Options.read())) as session:
        for name in names:
            try:
                found = PARTS[name](session)
            except Failed as fault:
                session.say(f"{name}: {fault}")
                failed = True
                continue
            except UserError as fault:
                session.say(f"{name}: {fault.problem}\n  remedy: {fault.remedy}")
                failed = True
                continue
            show(name, found)
            rows += found
    write(rows)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
