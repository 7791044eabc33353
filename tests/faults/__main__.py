"""`python -m tests.faults`: plays the fault cases on real processes and prints what came of each.

Ends with 0 when all was right, 1 when something was not. What a case that went wrong left behind stays in its
folder, to be looked at.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from tests.faults.all import ALL
from tests.faults.cases import Result, play
from tests.integration.towns import make_town

PERSONS = 800


def main() -> int:
    """Reads the arguments and plays."""
    asked = _arguments()
    chosen = [case for case in ALL if any(word in case.name for word in asked.cases.split("|"))]
    if not chosen:
        sys.stderr.write("no fault of that name; --list prints them\n")
        return 2
    if asked.list:
        print("\n".join(case.name for case in chosen))
        return 0
    history = asked.folder / f"town-{asked.seed}"
    if not history.exists():
        make_town(history, PERSONS, asked.seed)
    print(_row("fault", "struck", "records", "offers", "lost", "twice", "verdict", "seconds"), flush=True)
    results = []
    for number, case in enumerate(chosen):
        results.append(play(case, asked.seed, asked.folder / f"case-{number}", history))
        show(results[-1])
    if asked.json:
        asked.json.write_text(json.dumps([{**asdict(each), "verdict": each.verdict} for each in results], indent=1))
    wrong = sum(bool(result.faults) for result in results)
    print(f"{len(results)} faults, {wrong} wrong, seed {asked.seed}")
    return 1 if wrong else 0


def show(result: Result) -> None:
    """Prints a line of the table, and what is wrong below it."""
    figures = (result.struck, result.records, result.offers, result.lost, result.twice)
    print(_row(result.name, *map(str, figures), result.verdict, f"{result.seconds:.0f}"), flush=True)
    for fault in result.faults:
        print(f"    {fault}", flush=True)


def _row(name: str, *cells: str) -> str:
    return f"{name:<58}" + "".join(f"{cell:>9}" for cell in cells)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--seed", type=int, default=7, help="of the town and of every draw")
    parser.add_argument("--cases", default="", help="words of their names, divided by |; default: all")
    parser.add_argument("--folder", type=Path, default=Path(".headwater/faults"), help="where everything is kept")
    parser.add_argument("--json", type=Path, help="also write the table to this file")
    parser.add_argument("--list", action="store_true", help="print the names only")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
