"""Tries mutants, several at a time, each in a process of its own that is forked when all libraries are loaded."""

from __future__ import annotations

import importlib
import multiprocessing
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from multiprocessing.connection import wait
from multiprocessing.context import ForkProcess
from pathlib import Path

import pytest

from tests.mutants.population import Mutant
from tests.mutants.suite import Clean, read_clean, run_against, run_clean

LONGEST_S = 900
"""A process that sleeps instead of working is ended after so many seconds of the clock."""

_FORK = multiprocessing.get_context("fork")


class Verdict(StrEnum):
    """What became of a mutant: a test failed, a test did not end, or none noticed."""

    KILLED = "killed"
    TIMED_OUT = "timed out"
    SURVIVED = "survived"


@dataclass(frozen=True, slots=True)
class Trial:
    """A mutant, what became of it, and how many tests run its function."""

    mutant: Mutant
    verdict: Verdict
    tests: int


def clean_run(tree: Path, scratch: Path) -> Clean:
    """The tests without a mutant; then loads what they import from outside the tree, for all children."""
    told = scratch / "clean.json"
    process = _start(partial(run_clean, tree, told))
    process.join()
    if not told.exists():
        return Clean((), (f"the process that runs the tests ended with {process.exitcode}",), frozenset(), 0.0, ())
    clean = read_clean(told)
    for name in clean.modules:
        importlib.import_module(name)
    return clean


def trials(tree: Path, mutants: Sequence[Mutant], clean: Clean, jobs: int) -> Iterator[Trial]:
    """Each mutant's trial as it ends."""
    waiting = list(reversed(mutants))
    running: dict[int, _Running] = {}
    while waiting or running:
        while waiting and len(running) < jobs:
            mutant = waiting.pop()
            tests = clean.against(mutant)
            if not tests:
                yield Trial(mutant, Verdict.SURVIVED, 0)
                continue
            process = _start(partial(run_against, tree, mutant, tests, clean.collect_s))
            running[process.sentinel] = _Running(process, mutant, len(tests), time.monotonic() + LONGEST_S)
        wait(list(running), timeout=5)
        for sentinel, each in list(running.items()):
            if each.is_over():
                del running[sentinel]
                yield Trial(each.mutant, each.verdict(), each.tests)


@dataclass(frozen=True, slots=True)
class _Running:
    process: ForkProcess
    mutant: Mutant
    tests: int
    until_s: float

    def is_over(self) -> bool:
        """Whether it ended; ends it when its time is up."""
        if self.process.is_alive() and time.monotonic() > self.until_s:
            self.process.kill()
            self.process.join()
        return not self.process.is_alive()

    def verdict(self) -> Verdict:
        """By how the process ended."""
        self.process.join()
        match self.process.exitcode:
            case pytest.ExitCode.OK | pytest.ExitCode.NO_TESTS_COLLECTED:
                return Verdict.SURVIVED
            case pytest.ExitCode.USAGE_ERROR:
                raise RuntimeError(f"pytest did not understand how it was called for {self.mutant}")
            case code if code in (-signal.SIGPROF, -signal.SIGKILL):
                return Verdict.TIMED_OUT
            case _:
                return Verdict.KILLED


def _start(work: Callable[[], int]) -> ForkProcess:
    """A child that ends with what `work` returns."""

    def run() -> None:
        raise SystemExit(work())

    process = _FORK.Process(target=run, daemon=True)
    process.start()
    return process
