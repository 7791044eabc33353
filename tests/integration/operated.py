"""A town with a broker and real stages, worked on with commands as an operator would."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from streams import cli
from streams.broker import start_broker, stop_broker
from streams.composition import Platform
from streams.settings import Settings, load
from streams.stages.supervisor import Supervisor
from tests.integration.towns import DEPLOYMENT, Ended

PATIENCE_S = 90.0


class OperatedTown:
    """A data folder, a deployment of its own, a broker, and stages that are kept running."""

    def __init__(self, folder: Path, stages: Sequence[str], **settings: str) -> None:
        self.folder = folder
        self.deployment = folder / "deployment"
        shutil.copytree(DEPLOYMENT, self.deployment)
        broker = start_broker(Settings(kafka=None, broker_port=None, data=folder / "data"))
        self.environment = {
            "HEADWATER_DATA": str(folder / "data"),
            "HEADWATER_DEPLOYMENT": str(self.deployment),
            "HEADWATER_KAFKA": broker.bootstrap,
            **{f"HEADWATER_{name}": value for name, value in settings.items()},
        }
        self._names = stages
        self._stages: Supervisor | None = None
        self._lock = threading.Lock()
        self._is_over = threading.Event()
        self._watcher = threading.Thread(target=self._watch)
        self._watcher.start()

    @property
    def platform(self) -> Platform:
        """The platform as the settings of this town make it."""
        return Platform(load())

    def start(self) -> None:
        """Starts the stages."""
        self._stages = Supervisor(self._names, self.environment, self.folder / "logs")

    def stop(self) -> None:
        """Ends the stages."""
        with self._lock:
            stages, self._stages = self._stages, None
        if stages is not None:
            stages.stop()

    def close(self) -> None:
        """Ends everything."""
        self._is_over.set()
        self._watcher.join()
        self.stop()
        stop_broker(Settings(kafka=None, broker_port=None, data=self.folder / "data"))

    def logged(self, stage: str, event: str) -> int:
        """How often a stage logged an event."""
        return sum(
            f'event="{event}"' in line for line in (self.folder / "logs" / f"{stage}.log").read_text().splitlines()
        )

    def _watch(self) -> None:
        while not self._is_over.wait(0.1):
            with self._lock:
                if self._stages is not None:
                    self._stages.watch()


@contextmanager
def operated(folder: Path, stages: Sequence[str], **settings: str) -> Iterator[OperatedTown]:
    """A town whose settings are this process's while it is there."""
    with pytest.MonkeyPatch.context() as patch:
        town = OperatedTown(folder, stages, **settings)
        for name, value in town.environment.items():
            patch.setenv(name, value)
        try:
            yield town
        finally:
            town.close()


def command(*words: object) -> Ended:
    """Runs a command as the console script would."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        patch.setattr(sys, "argv", ["headwater", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
    said = Ended(int(ended.value.code or 0), out.getvalue(), err.getvalue())
    assert "Traceback" not in said.err
    return said


def until(holds: Callable[[], Any], what: str) -> Any:
    """Waits for a condition; returns what it gave."""
    deadline = time.monotonic() + PATIENCE_S
    while not (found := holds()):
        assert time.monotonic() < deadline, f"never came: {what}"
        time.sleep(0.1)
    return found


def rent(ref: str, **more: object) -> dict[str, Any]:
    """A record of the landlord's about a tenant of the samples."""
    sample = json.loads(
        (DEPLOYMENT / "contracts/landlord/rent-accounts/samples/good.jsonl").read_text().splitlines()[0]
    )
    return {**sample, "messageRef": ref, "earlierRef": None, "code": "N", **more}


def written(folder: Path, name: str, records: Sequence[dict[str, Any]]) -> Path:
    """A file of records."""
    path = folder / name
    path.write_text("\n".join(map(json.dumps, records)))
    return path
