"""The broker is killed in the middle of the demo and started again: nothing is lost, nothing comes twice.

A commit under way then may hang for ever in librdkafka; the stage must end by itself and start anew.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from streams.broker import start_broker, status
from streams.settings import Settings
from streams.stages.supervisor import Supervisor
from tests.faults.sabotage import Saboteur, play
from tests.integration.towns import check_right, make_town, new_demo


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_town(tmp_path_factory.mktemp("town") / "history", persons=800)


def test_the_broker_killed_and_started_again_in_the_middle(history: Path, tmp_path: Path) -> None:
    saboteur = Saboteur()
    demo = new_demo(tmp_path, history, advance=saboteur)
    kills = []

    def prepare(_supervisor: Supervisor) -> Callable[[str, int, int], None]:
        def strike(stage: str, done: int, total: int) -> None:
            if not kills and stage == "correlate" and 0 < done < total:
                kills.append(kill_broker(demo.settings))
                assert start_broker(demo.settings).pid != kills[0]

        return strike

    played = play(demo, saboteur, prepare)
    assert kills, "the town was worked off too soon"
    check_right(played)


def kill_broker(settings: Settings) -> int:
    pid = status(settings).pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    while status(settings).running:
        pass
    return pid
