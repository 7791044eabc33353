"""What is printed of the trials, and whether they are good enough."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence

from tests.mutants.trials import Trial, Verdict

LEAST_SHARE = 0.85
"""Of the mutants, killed or timed out."""

_ROW = "{:<40} {:>8} {:>8} {:>10} {:>9} {:>7}"


def table(trials: Sequence[Trial]) -> Iterator[str]:
    """A line for each module, and one for all."""
    yield _ROW.format("module", "mutants", "killed", "timed out", "survived", "share")
    for file in sorted({each.mutant.file for each in trials}):
        yield _row(file, [each for each in trials if each.mutant.file == file])
    yield _row("all", trials)


def share(trials: Sequence[Trial]) -> float:
    """Part of the mutants that did not survive, 0 to 1."""
    return sum(each.verdict is not Verdict.SURVIVED for each in trials) / len(trials)


def _row(name: str, trials: Sequence[Trial]) -> str:
    count = Counter(each.verdict for each in trials)
    numbers = (count[Verdict.KILLED], count[Verdict.TIMED_OUT], count[Verdict.SURVIVED])
    return _ROW.format(name, len(trials), *numbers, f"{share(trials):.0%}")


def survivors(trials: Sequence[Trial], explained: Collection[str]) -> Iterator[str]:
    """A line for each survivor, those nobody explained first."""
    survived = [each for each in trials if each.verdict is Verdict.SURVIVED]
    for each in sorted(survived, key=lambda one: (one.mutant.id in explained, one.mutant.file, one.mutant.line)):
        state = "explained" if each.mutant.id in explained else "NOT EXPLAINED"
        reach = "" if each.tests else ", no test runs it"
        yield f"{each.mutant} [{each.mutant.id}, {state}{reach}]"


def stale(trials: Sequence[Trial], explained: Collection[str], existing: Collection[str]) -> Iterator[str]:
    """A line for each explanation that explains nothing any more."""
    killed = {each.mutant.id for each in trials if each.verdict is not Verdict.SURVIVED}
    for name in sorted(explained):
        if name not in existing:
            yield f"survivors.md explains {name}, which this source does not have any more; take it out"
        elif name in killed:
            yield f"survivors.md explains {name}, which is killed now; take it out"


def faults(trials: Sequence[Trial], explained: Collection[str]) -> Iterator[str]:
    """Why this is not good enough; nothing if it is."""
    if share(trials) < LEAST_SHARE:
        yield f"{share(trials):.1%} of the mutants were killed, {LEAST_SHARE:.0%} must be: write the tests"
    open_ones = [t for t in trials if t.verdict is Verdict.SURVIVED and t.mutant.id not in explained]
    if open_ones:
        yield f"{len(open_ones)} survivors are not explained: write a test, or say in survivors.md why none can"
