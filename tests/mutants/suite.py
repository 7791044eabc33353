"""The fast tests that cover the rules, as one process runs them: once as they are, then against one mutant.

Everything here runs in a child process that is thrown away: it plants code, changes hypothesis'
profile and lets a timer end it.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import time
from collections.abc import Generator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings

from tests.mutants.planting import Reached, plant, traced
from tests.mutants.population import Mutant, compiled, modules

MUTATED = "processors/rules"
SUITES = (
    "tests/golden",
    "tests/unit/processors/rules",
    "tests/unit/streams/cli/test_rules_command.py",
    "tests/property/test_decide.py",
    "tests/property/test_in_order.py",
    "tests/property/test_why.py",
    "tests/property/test_brute_force.py",
)
CASES = "200"
"""What each test against the brute-force matcher tries."""

TIMES_LONGER = 5
SHORTEST_LIMIT_S = 2.0
"""A test may take this many times the processor time of its clean run, and at least so many seconds."""

MOST_MEMORY = 4 << 30
OPTIONS = (
    "-q",
    "--import-mode=importlib",
    "--tb=no",
    "--hypothesis-seed=0",
    "-p",
    "no:cacheprovider",
    "-p",
    "no:xdist",
)


@dataclass(frozen=True, slots=True)
class Test:
    """A test in the clean run.

    Attributes:
        name: pytest's node id.
        cpu_s: processor time it took, seconds.
        reached: file and name of the functions it ran, as `file name`.
    """

    name: str
    cpu_s: float
    reached: frozenset[str]

    __test__ = False


@dataclass(frozen=True, slots=True)
class Clean:
    """The run without a mutant.

    Attributes:
        failed: names of tests that failed, or what kept them from running.
        imported: functions that ran while the tests were collected.
        collect_s: processor time of that, seconds.
        modules: what was imported from outside the tree, to be imported before a child is made.
    """

    tests: tuple[Test, ...]
    failed: tuple[str, ...]
    imported: frozenset[str]
    collect_s: float
    modules: tuple[str, ...]

    def against(self, mutant: Mutant) -> list[Test]:
        """The tests that run the mutant's function, its module's own first, then the quickest."""
        key = f"{mutant.file} {mutant.function}"
        own = f"test_{Path(mutant.file).name}"
        found = [test for test in self.tests if key in test.reached or key in self.imported]
        return sorted(found, key=lambda test: (own not in test.name, test.cpu_s))


def run_clean(tree: Path, told: Path) -> int:
    """Runs all tests, each noted with what it reaches, and writes a `Clean` to `told` as JSON."""
    reached: Reached = set()
    files = {path.relative_to(tree).as_posix(): path.read_text() for path in modules(tree, MUTATED)}
    plant({file: traced(file, source) for file, source in files.items()}, reached)
    watch = _Watch(reached)
    code = _run(list(SUITES), watch)
    failed = tuple(watch.failed) or ((f"pytest ended with {code}",) if code else ())
    outside = tuple(name for name, module in sorted(sys.modules.items()) if _is_outside(tree, module))
    clean = Clean(tuple(watch.tests), failed, watch.imported, watch.collect_s, outside)
    told.write_text(json.dumps(asdict(clean), default=sorted))
    return 0


def read_clean(told: Path) -> Clean:
    """What `run_clean` wrote."""
    found = json.loads(told.read_text())
    tests = tuple(Test(each["name"], each["cpu_s"], frozenset(each["reached"])) for each in found["tests"])
    return Clean(
        tests, tuple(found["failed"]), frozenset(found["imported"]), found["collect_s"], tuple(found["modules"])
    )


def run_against(tree: Path, mutant: Mutant, tests: Sequence[Test], collect_s: float) -> int:
    """Runs tests against a mutant up to the first that fails; pytest's exit code.

    The process ends by SIGPROF when one takes too long.
    """
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    _limit(collect_s)
    plant({mutant.file: compiled(mutant.file, (tree / mutant.file).read_text(), mutant)})
    files = dict.fromkeys(test.name.split("::")[0] for test in tests)
    return _run(["-x", *files], _Trial(tests))


def _run(arguments: Sequence[str], plugin: object) -> int:
    os.environ["HEADWATER_CASES"] = CASES
    profile = settings(
        database=None,
        derandomize=True,
        deadline=None,
        phases=(Phase.explicit, Phase.generate),  # a failure is enough, it need not be a small one
        suppress_health_check=list(HealthCheck),
    )
    settings.register_profile("mutants", profile)
    settings.load_profile("mutants")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.dup2(nowhere, sys.stderr.fileno())
    return int(pytest.main([*OPTIONS, *arguments], plugins=[plugin]))


def _limit(clean_s: float) -> None:
    """Ends this process once it has used so much more processor time than the clean run."""
    signal.setitimer(signal.ITIMER_PROF, max(SHORTEST_LIMIT_S, TIMES_LONGER * clean_s))


def _is_outside(tree: Path, module: object) -> bool:
    file = getattr(module, "__file__", None)
    return bool(file) and not Path(str(file)).is_relative_to(tree)


class _Watch:
    """Notes of each test how long it took and what it reached."""

    def __init__(self, reached: Reached) -> None:
        self.tests: list[Test] = []
        self.failed: list[str] = []
        self.imported: frozenset[str] = frozenset()
        self.collect_s = 0.0
        self._reached = reached

    def pytest_collection_finish(self) -> None:
        self.imported, self.collect_s = self._taken(), time.process_time()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        began = time.process_time()
        outcome = yield
        self.tests.append(Test(item.nodeid, time.process_time() - began, self._taken()))
        return outcome

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failed.append(report.nodeid)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.failed.append(report.nodeid)

    def _taken(self) -> frozenset[str]:
        taken = frozenset(f"{file} {name}" for file, name in self._reached)
        self._reached.clear()
        return taken


class _Trial:
    """Runs the chosen tests in the chosen order, each with a limit of its own."""

    def __init__(self, tests: Sequence[Test]) -> None:
        self._order = {test.name: number for number, test in enumerate(tests)}
        self._cpu_s = {test.name: test.cpu_s for test in tests}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = sorted((each for each in items if each.nodeid in self._order), key=lambda i: self._order[i.nodeid])

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        _limit(self._cpu_s[item.nodeid])
        return (yield)
