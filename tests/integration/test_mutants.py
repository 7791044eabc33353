"""`python -m tests.mutants` on a small tree of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.mutants.explanations import SURVIVORS
from tests.mutants.suite import SUITES

FEE = """
def fee(days: int) -> int:
    total = 0
    while days > 0:
        days -= 1
        total += 2
    return total


def limit(days: int) -> int:
    return min(days, 30)
"""
TEST = """
from processors.rules.fee import fee, limit

def test_fee() -> None:
    assert [fee(0), fee(3)] == [0, 6]

def test_limit() -> None:
    assert limit(30) == 30
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Rules of two functions and tests that hold one of them."""
    shutil.copytree(SURVIVORS.parent, tmp_path / "tests/mutants", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "tests/mutants/survivors.md").write_text("# None\n")
    for suite in SUITES:
        path = tmp_path / suite / "test_more.py" if "." not in suite else tmp_path / suite
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("def test_nothing() -> None:\n    pass\n")
    (tmp_path / "tests/unit/processors/rules/test_fee.py").write_text(TEST)
    for package in ("processors", "processors/rules"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").touch()
    (tmp_path / "processors/rules/fee.py").write_text(FEE)
    return tmp_path


def run(tree: Path, *arguments: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "tests.mutants", "--jobs", "2", *arguments]
    done = subprocess.run(
        command, check=False, cwd=tree, env={**os.environ, "PYTHONPATH": str(tree)}, capture_output=True, text=True
    )
    return done.returncode, done.stdout + done.stderr


def test_survivors_are_listed_until_they_are_explained(tree: Path) -> None:
    code, said = run(tree)
    survivors = [line for line in said.splitlines() if "NOT EXPLAINED" in line]
    total = next(line for line in said.splitlines() if line.startswith("all "))
    assert code == 1, said
    assert [line.split(" [")[0] for line in survivors] == [
        "processors/rules/fee.py:11: return min(days, 30) -> return max(days, 30)",
        "processors/rules/fee.py:11: return min(days, 30) -> return min(days, 31)",
    ]
    assert total.split()[3:5] == ["3", "2"], said  # counting up, by nought or not at all, the loop never ends
    ids = [line.split(" [")[1].split(",")[0] for line in survivors]
    (tree / "tests/mutants/survivors.md").write_text("".join(f"## {each}\nIt is as good.\n" for each in ids))
    code, said = run(tree)
    assert (code, said.count(", explained")) == (0, 2), said
    assert (tree / "processors/rules/fee.py").read_text() == FEE


def test_tests_that_fail_by_themselves_are_refused(tree: Path) -> None:
    (tree / "processors/rules/fee.py").write_text(FEE.replace("total += 2", "total += 3"))
    code, said = run(tree)
    assert code == 2
    assert "the tests fail without a mutant" in said
    assert "test_fee.py::test_fee" in said


def test_a_module_that_is_not_there_is_refused(tree: Path) -> None:
    assert run(tree, "--only", "feee")[0] == 2
