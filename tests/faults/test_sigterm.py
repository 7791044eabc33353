"""SIGTERM ends every process within 30 seconds and with code 0, also when what it works with is gone or silent."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from streams import topics
from streams.broker import Broker, ports, start_broker, stop_broker
from streams.composition import Platform
from streams.processes import FAUST_STAGES, STAGES
from streams.settings import Settings
from streams.stages.supervisor import Supervisor
from streams.stages.worker import FAULT
from tests.conftest import start_postgres, stop_postgres

LIMIT_S = 90.0


@dataclass
class Town:
    """All processes of a platform of its own, at work."""

    broker: Broker
    postgres: Path
    supervisor: Supervisor
    logs: Path

    def said(self, process: str) -> str:
        return (self.logs / f"{process}.log").read_text(errors="replace")

    def codes(self) -> dict[str, int | None]:
        return {worker.name: worker.process.poll() for worker in self.supervisor._workers}


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    folder = tmp_path / "postgres"
    folder.mkdir()
    url = start_postgres(folder)
    board = ports.find_row(2)
    settings = Settings(
        kafka=None, broker_port=None, deployment=None, data=tmp_path / "data", case_db=url, register_db=url,
        board_port=board, gateway_port=board + 1,
    )  # fmt: skip
    broker = start_broker(settings)
    topics.ensure(broker.bootstrap, Platform(settings).topics, settings)
    told = {
        "DATA": settings.data, "KAFKA": broker.bootstrap, "CASE_DB": url, "REGISTER_DB": url,
        "BOARD_PORT": board, "GATEWAY_PORT": board + 1,
    }  # fmt: skip
    environment = {f"HEADWATER_{name}": str(value) for name, value in told.items()}
    logs = tmp_path / "logs"
    made = Town(broker, folder, Supervisor(STAGES, environment, logs), logs)
    try:
        yield made
    finally:
        made.supervisor.stop(grace_s=0)
        resume(made)
        stop_broker(settings)
        stop_postgres(folder)


def resume(town: Town) -> None:
    for pid in (town.broker.pid, *backends(town.postgres)):
        try:
            os.kill(pid, signal.SIGCONT)
        except ProcessLookupError:
            continue


def backends(folder: Path) -> list[int]:
    """PostgreSQL's processes, the first of them last."""
    first = int(Path((folder / "data").read_text(), "db", "postmaster.pid").read_text().splitlines()[0])
    children = Path(f"/proc/{first}/task/{first}/children").read_text().split()
    return [*map(int, children), first]


def work(town: Town) -> None:
    """Waits until every stage has its partitions and every service runs."""
    wait_until(lambda: all("partition opened" in town.said(stage) for stage in FAUST_STAGES), town)
    wait_until(lambda: "relay runs" in town.said("relay"), town)


def nothing(_town: Town) -> None:
    """All is well."""


def start_only(_town: Town) -> None:
    """The processes have just been started."""


def silence_broker(town: Town) -> None:
    os.kill(town.broker.pid, signal.SIGSTOP)


def kill_broker(town: Town) -> None:
    os.kill(town.broker.pid, signal.SIGKILL)


def silence_database(town: Town) -> None:
    for pid in backends(town.postgres):
        os.kill(pid, signal.SIGSTOP)


@pytest.mark.parametrize("trouble", [start_only, nothing, silence_broker, kill_broker, silence_database])
def test_sigterm_ends_everything_in_time(town: Town, trouble: Callable[[Town], None]) -> None:
    if trouble is start_only:
        wait_until(lambda: all(Path(f"/proc/{pid}/comm").exists() for pid in town.supervisor.pids.values()), town)
        wait_until(lambda: "partition opened" in "".join(town.said(stage) for stage in FAUST_STAGES), town)
    else:
        work(town)
    trouble(town)
    town.supervisor.stop(grace_s=30.0)
    # Without a broker one may end by itself an instant before it is asked to.
    good = {0, FAULT} if trouble is kill_broker else {0}
    codes = town.codes()
    assert codes.keys() == set(STAGES)
    assert set(codes.values()) <= good, "\n".join(town.said(name)[-500:] for name in STAGES)


def wait_until(is_so: Callable[[], object], town: Town) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not is_so():
        if time.monotonic() > deadline:
            pytest.fail("\n".join(town.said(name)[-500:] for name in STAGES), pytrace=False)
        time.sleep(0.05)
