"""Processes that are measured: where they run, what they cost, how they end. Reads Linux's `/proc`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

CORES = 2
"""Everything measured shares so many cores, the broker included, on however large a machine."""

_TICKS = os.sysconf("SC_CLK_TCK")
_ENDS_WITHIN_S = 40


class Failed(Exception):
    """A process that was measured ended, stalled or gave a wrong answer; the message says which and why."""


@dataclass(frozen=True, slots=True)
class Child:
    """A process that was started for a measurement, and its log."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def check(self) -> None:
        """Sees that it still runs.

        Raises:
            Failed: it ended; with the end of its log.
        """
        code = self.process.poll()
        if code is not None:
            raise Failed(f"{self.name} ended with code {code}:\n{self.last_words()}")

    def last_words(self, lines: int = 30) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


def pin() -> None:
    """Keeps this process, and all it starts from now on, on the first `CORES` cores it may use."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])


@contextmanager
def running(
    name: str, command: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None
) -> Iterator[Child]:
    """Runs a command while the block does; ends it by SIGTERM, by force when it does not end."""
    log = folder / f"{name}.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            list(command), env={**os.environ, **(environment or {})}, cwd=_repository(),
            stdin=subprocess.DEVNULL, stdout=output, stderr=output,
        )  # fmt: skip
    try:
        yield Child(name, process, log)
    finally:
        _end(process)


def python(module: str, *arguments: str) -> list[str]:
    """The command that runs a module with this interpreter."""
    return [sys.executable, "-m", module, *arguments]


def cpu_s(pid: int) -> float:
    """CPU-seconds of a process, its threads, and its children that ended."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / _TICKS


def peak_mb(pid: int) -> float:
    """The most memory it ever held at once, MB."""
    return _memory_mb(pid, "VmHWM")


def resident_mb(pid: int) -> float:
    """The memory it holds now, MB."""
    return _memory_mb(pid, "VmRSS")


def await_that(condition: object, seconds: float, what: str, *children: Child) -> None:
    """Waits until a function gives true.

    Raises:
        Failed: it does not within the time, or one of the children ended.
    """
    assert callable(condition)
    deadline = time.monotonic() + seconds
    while not condition():
        for child in children:
            child.check()
        if time.monotonic() > deadline:
            words = "".join(f"\n{child.name}: {child.last_words(8)}" for child in children)
            raise Failed(f"{what}: not within {seconds:g} s{words}")
        time.sleep(0.05)


def _memory_mb(pid: int, what: str) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{what}:"):
            return int(line.split()[1]) / 1024
    return 0.0


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(_ENDS_WITHIN_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _repository() -> Path:
    return Path(__file__).parents[2]
