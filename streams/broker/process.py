"""A detached process known by its id and a word of its command line; no output of it is read here."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

_TRANSITION_S = 5.0


def spawn(command: list[str], output: Path, folder: Path) -> subprocess.Popen[bytes]:
    """Starts a command that outlives this process, in a session of its own (Ctrl-C does not reach it)."""
    with output.open("wb") as stream:
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, cwd=folder, start_new_session=True
        )


def is_running(pid: int, mark: str) -> bool:
    """Whether the process lives and has `mark` in its command line; another program under a reused id has not."""
    return mark in _command_line(pid)


def terminate(pid: int, mark: str, patience_s: float) -> bool:
    """Asks a process to end, and kills it when it has not after `patience_s` seconds.

    Returns:
        True when it ended by itself.
    """
    _signal(pid, signal.SIGTERM)
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        if not is_running(pid, mark):
            return True
        time.sleep(0.05)
    _signal(pid, signal.SIGKILL)
    while is_running(pid, mark):
        time.sleep(0.05)
    return False


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _command_line(pid: int) -> str:
    if not Path("/proc/self").exists():
        found = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)
        return found.stdout
    deadline = time.monotonic() + _TRANSITION_S
    while time.monotonic() < deadline:
        text = _read(pid, "cmdline").replace("\0", " ")
        if text or not _is_between(pid):
            return text
        time.sleep(0.002)
    return ""


def _is_between(pid: int) -> bool:
    """Whether a process without a command line is just beginning or ending: its files and ports are open still.

    The first thread of a killed process may be a zombie while others yet run, so every thread counts.
    """
    threads = Path(f"/proc/{pid}/task").glob("*")
    states = [_read(int(thread.name), "stat").rpartition(")")[2].split() for thread in threads]
    return any(state and state[0] not in "ZX" for state in states)


def _read(pid: int, name: str) -> str:
    try:
        return Path(f"/proc/{pid}/{name}").read_text(errors="replace")
    except OSError:
        return ""
