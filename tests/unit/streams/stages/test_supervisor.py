"""Starting anew: pauses that double, and what a stage said last. Processes are real and end at once."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from streams.observing.standing import LOOP, Standing
from streams.stages import supervisor
from streams.stages.supervisor import MAX_PAUSE_S, MIN_PAUSE_S, STEADY_S, TOLD_AGAIN, Supervisor

LIMIT_S = 30.0


@pytest.fixture
def failing(tmp_path: Path) -> Supervisor:
    """A stage that ends at once with code 2: there is none of that name."""
    return Supervisor(["nonsense"], {"HEADWATER_KAFKA": "127.0.0.1:1"}, tmp_path / "logs")


def await_end(running: Supervisor) -> None:
    (worker,) = running._workers
    worker.process.wait(LIMIT_S)


def test_pauses_double_up_to_a_limit_and_begin_anew_after_steady_work(failing: Supervisor) -> None:
    (worker,) = failing._workers
    await_end(failing)
    pauses = []
    for _ in range(9):
        failing._plan_restart(worker, 70, worker.started + 1)
        pauses.append(worker.standing.pause_s)
    assert pauses[:4] == [MIN_PAUSE_S * 2, MIN_PAUSE_S * 4, MIN_PAUSE_S * 8, MIN_PAUSE_S * 16]
    assert pauses[-2:] == [MAX_PAUSE_S, MAX_PAUSE_S]
    failing._plan_restart(worker, 70, worker.started + STEADY_S + 1)
    assert worker.standing.pause_s == MIN_PAUSE_S
    failing.stop()


def test_a_stage_that_ends_is_started_anew_after_its_pause_and_not_before(failing: Supervisor) -> None:
    (first,) = failing.pids.values()
    await_end(failing)
    failing.watch()
    failing.watch()
    assert failing.pids == {"nonsense": first}, "started again without a pause"
    wait_until(lambda: failing.watch() or failing.restarts["nonsense"] == 1)
    assert failing.pids["nonsense"] != first
    await_end(failing)
    failing.stop()


def test_a_killed_stage_is_started_anew(failing: Supervisor) -> None:
    (pid,) = failing.pids.values()
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: failing.watch() or failing.restarts["nonsense"] == 1)
    (worker,) = failing._workers
    assert worker.standing.code == -signal.SIGKILL
    failing.stop()


def test_last_words_are_what_an_operator_needs(failing: Supervisor) -> None:
    await_end(failing)
    said = failing.last_words("nonsense")
    assert "there is no stage `nonsense`" in said
    assert "remedy" in said
    assert "Traceback" not in said
    assert failing.last_words("never ran") == ""
    failing.stop()


def test_ends_in_a_row_are_counted_until_it_runs_steadily(failing: Supervisor) -> None:
    (worker,) = failing._workers
    await_end(failing)
    stood: list[Standing] = []
    for _ in range(4):
        failing._plan_restart(worker, 3, worker.started + 1)
        stood.append(worker.standing)
    assert [(each.ends_in_a_row, each.is_looping) for each in stood] == [(1, False), (2, False), (3, True), (4, True)]
    assert len({each.failing_since for each in stood}) == 1
    assert stood[0].failing_since > 0
    said: list[str] = []
    failing._settle(worker, worker.started + STEADY_S, said.append)
    assert worker.standing.ends_in_a_row == 4
    failing._settle(worker, worker.started + STEADY_S + 1, said.append)
    assert worker.standing == Standing(code=3)
    assert said == ["nonsense runs again"]
    failing._plan_restart(worker, 1, worker.started + STEADY_S + 1)
    assert worker.standing.ends_in_a_row == 1
    failing.stop()


def test_a_loop_is_told_with_the_last_words_and_not_each_time(failing: Supervisor) -> None:
    (worker,) = failing._workers
    await_end(failing)
    said: list[str] = []
    for _ in range(LOOP + TOLD_AGAIN):
        failing._plan_restart(worker, 2, worker.started + 1)
        failing._tell(worker, said.append)
    assert [line for line in said if "is started anew in" in line] == said[: LOOP - 1]
    loud = said[LOOP - 1 :]
    assert len(loud) == 4
    assert f"ended {LOOP} times in a row" in loud[0]
    assert f"ended {LOOP + TOLD_AGAIN} times in a row" in loud[2]
    assert "there is no stage `nonsense`" in loud[1]
    assert "remedy" in loud[1]
    failing.stop()


def test_several_workers_of_a_stage_have_a_name_and_a_log_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    telling = tmp_path / "telling.py"
    telling.write_text("import os, sys\nprint(sys.argv[3], os.environ.get('HEADWATER_WORKER'), flush=True)\n")
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec {supervisor.sys.executable} {telling} "$@"\n')
    python.chmod(0o755)
    monkeypatch.setattr(supervisor.sys, "executable", str(python))
    monkeypatch.setenv("HEADWATER_WORKER", "east")
    running = Supervisor(["plan-east-1", "plan-east-2", "board"], {}, tmp_path / "logs")
    wait_until(lambda: all(running.last_words(name) for name in running.pids))
    assert [running.last_words(name) for name in running.pids] == ["plan east-1", "plan east-2", "board east"]
    running.stop()


def test_each_process_is_told_what_is_its_own_and_restarts_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    telling = tmp_path / "telling.py"
    telling.write_text("import os\nprint('port', os.environ.get('HEADWATER_METRICS_PORT'), flush=True)\n")
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\nexec {supervisor.sys.executable} {telling}\n")
    python.chmod(0o755)
    monkeypatch.setattr(supervisor.sys, "executable", str(python))
    told: dict[str, Standing] = {}
    own = {"one": {"HEADWATER_METRICS_PORT": "9001"}, "two": {"HEADWATER_METRICS_PORT": "9002"}}
    running = Supervisor(["one", "two"], {}, tmp_path / "logs", own, told.__setitem__)
    wait_until(lambda: running.watch() or [each.restarts > 0 for each in told.values()] == [True, True])
    assert "port 9001" in running.last_words("one")
    assert "port 9002" in running.last_words("two")
    running.stop()


def test_what_ignores_sigterm_is_killed_within_the_grace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stubborn = tmp_path / "stubborn.py"
    stubborn.write_text(
        "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('up', flush=True)\ntime.sleep(60)\n"
    )
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\nexec {supervisor.sys.executable} {stubborn}\n")
    python.chmod(0o755)
    monkeypatch.setattr(supervisor.sys, "executable", str(python))
    running = Supervisor(["deaf"], {}, tmp_path / "logs")
    wait_until(lambda: "up" in running.last_words("deaf"))
    begun = time.monotonic()
    running.stop(grace_s=0.3)
    assert time.monotonic() - begun < 5
    assert running._workers[0].process.returncode == -signal.SIGKILL


def wait_until(is_so: Callable[[], object]) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)
