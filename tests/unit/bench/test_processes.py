import sys
from pathlib import Path

import pytest

from bench.machine.processes import Failed, cpu_s, peak_mb, python, running, succeed


def test_a_command_that_fails_says_what_it_said() -> None:
    with pytest.raises(Failed, match=r"(?s)building ended with code 3.*no compiler"):
        succeed("building", [sys.executable, "-c", "print('no compiler'); raise SystemExit(3)"])


def test_a_child_that_ended_is_told_with_the_end_of_its_log(tmp_path: Path) -> None:
    with running("peer", [sys.executable, "-c", "print('out of memory'); raise SystemExit(9)"], tmp_path) as child:
        child.process.wait(30)
        with pytest.raises(Failed, match=r"(?s)peer ended with code 9.*out of memory"):
            child.check()


def test_what_a_child_costs_is_seen_while_it_runs(tmp_path: Path) -> None:
    spend = "import time\nwhile time.process_time() < 0.3: pass\nprint('spent', flush=True)\ntime.sleep(600)"
    with running("peer", [sys.executable, "-c", spend], tmp_path) as child:
        while "spent" not in child.log.read_text():
            child.check()
        assert cpu_s(child.process.pid) >= 0.25
        assert peak_mb(child.process.pid) > 1
    assert child.process.poll() is not None


def test_modules_run_with_this_interpreter() -> None:
    assert python("bench.peers.loop", "job.json") == [sys.executable, "-m", "bench.peers.loop", "job.json"]
