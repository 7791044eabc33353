"""The case database goes, comes back, is slow, and refuses."""

from __future__ import annotations

import os
import random
import signal

from tests.conftest import connect
from tests.faults.cases import Case
from tests.faults.database import FAILING, SLOW, TROUBLE
from tests.faults.rig import Rig, Setup
from tests.faults.stage import Order
from tests.faults.striking import publish_in_waves


def _gone(rig: Rig) -> None:
    """Gone while offers wait, back when deliver has been started anew into its absence."""
    pid = rig.stages.pids["deliver"]
    _await_tables(rig)
    os.kill(pid, signal.SIGSTOP)  # until there is work: it is quicker than its lag can be seen
    rig.publish()
    rig.await_until(lambda: rig.lag("deliver") > 0, "offers to wait for deliver")
    rig.database.stop()
    os.kill(pid, signal.SIGCONT)
    rig.await_until(lambda: rig.stages.restarts["deliver"] >= 2, "deliver to be started into the absence")
    rig.database.start()
    rig.struck += 1
    log = (rig.settings.data / "logs-1" / "deliver.log").read_text(errors="replace")
    assert "remedy" in log, "deliver did not say what to do"
    assert "Traceback" not in log, "deliver showed a traceback"


def _restarted(rig: Rig) -> None:
    _await_tables(rig)
    for wave in range(3):
        rig.publish(wave, 3)
        rig.database.stop()
        rig.database.start()
        rig.struck += 1


def _troubled(rig: Rig, body: str, least: int) -> None:
    _await_tables(rig)
    rig.database.do(TROUBLE.format(body=body))
    publish_in_waves(rig)
    rig.await_until(lambda: rig.database.count() >= least, "the trouble to be met")
    rig.struck += least


def _await_tables(rig: Rig) -> None:
    rig.await_until(lambda: _has_tables(rig.database.url), "deliver to make the tables")


def _has_tables(url: str) -> bool:
    with connect(url) as connection:
        row = connection.execute("select to_regclass('suppressed') is not null").fetchone()
        return bool(row and row[0])


def _no_room(dice: random.Random) -> Setup:
    """Files may not grow: databases, state and logs, as on a full disk."""
    limit = str(dice.choice((60_000, 90_000)))
    return Setup([Order(stage, "full", 1, 3, limit) for stage in ("intake", "deliver")])


CASES = [
    Case("database gone and back", _gone, on_postgres=True, is_short=True),
    Case("database restarted", _restarted, on_postgres=True),
    Case("database slow", lambda rig: _troubled(rig, SLOW, 3), on_postgres=True),
    Case("database fails to serialise",
         lambda rig: _troubled(rig, FAILING.format(times=3, code="40001"), 3), on_postgres=True),
    Case("database ends deadlocks",
         lambda rig: _troubled(rig, FAILING.format(times=2, code="40P01"), 2), on_postgres=True),
    Case("disk full", publish_in_waves, _no_room),
]  # fmt: skip
