"""The wheel carries every module and data file, and works without the source tree."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("streams", "schemas", "processors", "sinks", "infra")
IMPORT_ALL = """
import importlib, sys
from pathlib import Path
target = Path(sys.argv[1])
sys.path.insert(0, str(target))
for name in sys.argv[2:]:
    module = importlib.import_module(name)
    assert Path(module.__file__).is_relative_to(target), module.__file__
from streams.broker.archives import read_lock
assert read_lock()
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run("build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT))
    return next(folder.glob("*.whl"))


def test_every_file_of_the_packages_is_inside(wheel: Path) -> None:
    inside = set(zipfile.ZipFile(wheel).namelist())
    assert [name for name in shipped() if name not in inside] == []


def test_the_files_read_at_run_time_are_inside(wheel: Path) -> None:
    inside = zipfile.ZipFile(wheel).namelist()
    assert "streams/broker/kafka.lock" in inside
    for folder, suffix in (
        ("infra/", ""),
        ("schemas/internal/", ".avsc"),
        ("processors/rules/library/", ".yaml"),
        ("processors/rules/reasons/texts/", ".yaml"),
        ("processors/rules/", "rule.schema.json"),
        ("sinks/", "/env.py"),
    ):
        assert any(name.startswith(folder) and name.endswith(suffix) for name in inside), (folder, suffix)


def test_the_installed_wheel_is_imported_from(wheel: Path, tmp_path: Path) -> None:
    run("pip", "install", "--quiet", "--no-deps", "--target", str(tmp_path / "site"), str(wheel))
    packages = {Path(name).parent.as_posix().replace("/", ".") for name in shipped() if name.endswith("/__init__.py")}
    command = [sys.executable, "-I", "-c", IMPORT_ALL, str(tmp_path / "site"), *sorted(packages)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def shipped() -> list[str]:
    files = (path for package in PACKAGES for path in (ROOT / package).rglob("*") if path.is_file())
    return [path.relative_to(ROOT).as_posix() for path in files if "__pycache__" not in path.parts]


def run(*module_and_arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *module_and_arguments], capture_output=True, text=True, check=False, cwd=ROOT.parent
    )
    assert done.returncode == 0, done.stdout + done.stderr
