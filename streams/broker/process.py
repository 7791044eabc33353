"""A detached process known by its id and a word of its command line; no output of it is read here."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path


def spawn(command: list[str], output: Path, folder: Path) -> subprocess.Popen[bytes]:
    """Starts a command that outlives this process, in a session of its own (Ctrl-C does not reach it)."""
    with output.open("wb") as stream:
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, cwd=folder, start_new_session=True
        )
    while child.poll() is None and not _command_line(child.pid):  # for a moment after exec it reads empty
        time.sleep(0.001)
    return child


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
    if Path("/proc/self").exists():
        try:
            return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            return ""
    found = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return found.stdout
