"""Stages and the database are killed in the middle of the demo: nothing is lost, nothing comes twice.

Real processes; what is killed when is drawn from a seed. The supervisor starts stages anew.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from streams.processes import FAUST_STAGES
from streams.stages.supervisor import Supervisor
from tests.conftest import postgres, start_postgres, stop_postgres
from tests.faults.sabotage import Saboteur, play
from tests.integration.towns import check_right, make_town, new_demo

SEED = 20261122
KILLS = 2


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_town(tmp_path_factory.mktemp("town") / "history", persons=800)


def test_every_stage_killed_in_the_middle(history: Path, tmp_path: Path) -> None:
    saboteur = Saboteur()
    killers: list[Killer] = []

    def prepare(supervisor: Supervisor) -> Callable[[str, int, int], None]:
        killers.append(Killer(supervisor))
        return killers[0].strike

    played = play(new_demo(tmp_path, history, advance=saboteur), saboteur, prepare)
    killed = Counter(stage for stage, _lag in killers[0].kills)
    # Twice is what is tried; a quick stage may have had work waiting only once.
    assert killed.keys() == set(FAUST_STAGES), f"the town was worked off too soon: {killed}"
    assert all(lag > 0 for _stage, lag in killers[0].kills)
    assert played.restarts >= killed.total()
    check_right(played)


class Killer:
    """Kills each stage up to twice while work waits for it.

    A stage that is quicker than its lag can be seen is stopped until it has some, then goes on for a
    moment drawn from the seed, then dies.
    """

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._dice = random.Random(SEED)
        self._spared: dict[str, float] = {}
        self._held: dict[str, int] = {}
        self.kills: list[tuple[str, int]] = []

    def strike(self, stage: str, done: int, total: int) -> None:
        """Is told how far a stage is."""
        killed = sum(name == stage for name, _lag in self.kills)
        if killed == KILLS or time.monotonic() < self._spared.get(stage, 0):
            return
        pid = self._supervisor.pids[stage]
        with suppress(ProcessLookupError):
            if done < total:
                os.kill(pid, signal.SIGCONT)
                time.sleep(self._dice.uniform(0, 0.15))
                os.kill(pid, signal.SIGKILL)
                self.kills.append((stage, total - done))
                self._spared[stage] = time.monotonic() + self._dice.uniform(1, 5)
            elif stage in ("households", "plan", "deliver") and self._held.get(stage) != pid:
                os.kill(pid, signal.SIGSTOP)
                self._held[stage] = pid


@pytest.fixture
def own_postgres(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A PostgreSQL that may be stopped: its folder and URL."""
    folder = tmp_path / "postgres"
    folder.mkdir()
    url = start_postgres(folder)
    yield folder, url
    stop_postgres(folder)


def test_the_database_gone_and_back(
    history: Path, tmp_path: Path, own_postgres: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, url = own_postgres
    monkeypatch.setenv("HEADWATER_CASE_DB", url)
    saboteur = Saboteur()
    demo = new_demo(tmp_path, history, advance=saboteur, case_db=url)
    database = Database(Path((folder / "data").read_text()))

    def prepare(supervisor: Supervisor) -> Callable[[str, int, int], None]:
        pid = supervisor.pids["deliver"]
        os.kill(pid, signal.SIGSTOP)  # until it has work: it is quicker than its lag can be seen

        def strike(stage: str, done: int, total: int) -> None:
            if stage == "deliver" and database.stops == 0 and done < total:
                database.stop()
                os.kill(pid, signal.SIGCONT)
            # Back only when deliver noticed and was started anew into its absence.
            elif database.is_down and supervisor.restarts["deliver"] >= 2:
                database.start()

        return strike

    played = play(demo, saboteur, prepare)
    assert database.stops == 1
    assert "remedy" in (demo.settings.data / "logs" / "deliver.log").read_text()
    assert played.restarts >= 2
    check_right(played)


class Database:
    """The test's own PostgreSQL, to be stopped and started on the same port."""

    def __init__(self, data: Path) -> None:
        self._db = f"{data}/db"
        self._log = f"{data}/log"
        self._options = (data / "db" / "postmaster.opts").read_text().partition('"')[2]
        self.stops = 0
        self.is_down = False

    def stop(self) -> None:
        postgres("pg_ctl", "-D", self._db, "-m", "immediate", "-w", "stop")
        self.stops, self.is_down = self.stops + 1, True

    def start(self) -> None:
        options = self._options.replace('"', "").strip()
        postgres("pg_ctl", "-D", self._db, "-l", self._log, "-o", options, "-w", "start")
        self.is_down = False
