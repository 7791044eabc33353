"""Detached processes, with a real `sleep`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from streams.broker.process import is_running, spawn, terminate

STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("up", flush=True)
time.sleep(60)
"""


def test_a_process_is_known_by_its_command_line(tmp_path: Path) -> None:
    child = spawn(["sleep", "60"], tmp_path / "out", tmp_path)
    assert is_running(child.pid, "sleep 60")
    assert not is_running(child.pid, "kafka.Kafka")
    assert os.getsid(child.pid) == child.pid
    assert terminate(child.pid, "sleep 60", 5)
    assert not is_running(child.pid, "sleep 60")
    assert terminate(child.pid, "sleep 60", 5)
    child.wait()


def test_a_stubborn_process_is_killed(tmp_path: Path) -> None:
    child = spawn([sys.executable, "-c", STUBBORN], tmp_path / "out", tmp_path)
    while b"up" not in (tmp_path / "out").read_bytes():
        pass
    assert not terminate(child.pid, "SIG_IGN", 0.2)
    assert child.wait() == -9
