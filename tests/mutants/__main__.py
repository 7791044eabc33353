"""`python -m tests.mutants`: tries a seeded sample of mutants of the rules against the fast tests.

Exit code 0: enough were killed and every survivor is explained; 1: not so; 2: the tests fail without a mutant.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.mutants.explanations import SURVIVORS, explanations
from tests.mutants.population import Mutant, population, sample
from tests.mutants.report import faults, stale, survivors, table
from tests.mutants.suite import MUTATED
from tests.mutants.trials import Trial, Verdict, clean_run, trials

ROOT = Path(__file__).parents[2]
PROGRESS_EVERY = 20


def main() -> int:
    """Copies the tree and goes on in the copy: nobody's work is in the way of anybody's."""
    arguments = _arguments()
    if arguments.is_copy:
        return _try(arguments)
    with tempfile.TemporaryDirectory(prefix="headwater-mutants-") as folder:
        copy = Path(folder) / "tree"
        shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".*", "__pycache__", "dist", "build"))
        again = [sys.executable, "-m", "tests.mutants", "--is-copy", *sys.argv[1:]]
        return subprocess.run(again, cwd=copy, env={**os.environ, "PYTHONPATH": str(copy)}, check=False).returncode


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("--count", type=int, default=300, help="how many mutants are tried")
    parser.add_argument("--seed", type=int, default=7, help="which of all there are")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="how many at a time")
    parser.add_argument("--only", default="", help="only modules whose path contains this")
    parser.add_argument("--is-copy", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def _try(arguments: argparse.Namespace) -> int:
    mutants = [each for each in population(ROOT, MUTATED) if arguments.only in each.file]
    drawn = sample(mutants, arguments.count, arguments.seed)
    if not drawn:
        return _refuse(f"no mutants of {MUTATED} in modules with `{arguments.only}` in their path")
    _say(f"{len(drawn)} of {len(mutants)} mutants of {MUTATED}, seed {arguments.seed}; first the tests without any")
    with tempfile.TemporaryDirectory() as scratch:
        clean = clean_run(ROOT, Path(scratch))
    if clean.failed:
        return _refuse("the tests fail without a mutant, mend them first:\n  " + "\n  ".join(clean.failed))
    cpu_s = clean.collect_s + sum(test.cpu_s for test in clean.tests)
    _say(f"{len(clean.tests)} tests pass in {cpu_s:.0f} s; {arguments.jobs} mutants at a time")
    found: list[Trial] = []
    began = time.monotonic()
    for number, trial in enumerate(trials(ROOT, drawn, clean, arguments.jobs), start=1):
        found.append(trial)
        if number % PROGRESS_EVERY == 0 or number == len(drawn):
            survived = sum(each.verdict is Verdict.SURVIVED for each in found)
            _say(f"{number} of {len(drawn)} tried in {time.monotonic() - began:.0f} s, {survived} survived")
    return _report(found, mutants)


def _report(found: Sequence[Trial], mutants: Sequence[Mutant]) -> int:
    explained = explanations(SURVIVORS.read_text())
    existing = {each.id for each in mutants}
    wrong = list(faults(found, explained))
    for line in (*table(found), "", *survivors(found, explained), *stale(found, explained, existing), *wrong):
        _say(line)
    return 1 if wrong else 0


def _refuse(why: str) -> int:
    sys.stderr.write(f"{why}\n")
    return 2


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
