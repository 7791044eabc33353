"""`python echo_worker.py`: a stage that copies its input, in a real `StageWorker`, to prove the transport.

Reads what to do from ECHO_* variables. Each record goes to the output partition of the same number
with a header naming its source topic and offset; the note kept with a position counts the records
worked on, so that it can be checked against the position. Trouble is asked for by ECHO_LOSE (every how
many chunks one is lost between Faust and the stage; unless it is 1, only once the stage is at work) and
ECHO_LOSE_MOST (how often at most), ECHO_SLOW_S (per chunk), ECHO_RAISE_AFTER (so many records of a
partition) and ECHO_HANG: `chunk`, `claim`, `open` or `commit` never ends, `fetch` ends without a word,
`follow` never looks at what it follows (its own output), `interpreter` lets no other thread run.
ECHO_PATIENCE_S and ECHO_GRACE_S shorten the limits of watchdog and ending; while there is a file ECHO_HELD its
input is held. Records whose value ends with one of the characters of ECHO_ASIDE are left aside by the fetcher.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from processors.pauses import Pause, PauseKind
from sinks.metrics import Meters
from streams import logs
from streams.ending import Ending
from streams.errors import UserError
from streams.kafka import chunks, committer
from streams.kafka.committer import Position
from streams.kafka.follower import Follower
from streams.kafka.tail import Source
from streams.kafka.transactions import Outgoing
from streams.observing.health import Health
from streams.settings import Settings
from streams.stages import application, watchdog, worker
from streams.stages.tally import Report
from streams.stages.task import Stage, Work

SOURCES = tuple(os.environ["ECHO_FROM"].split(","))
TARGET = os.environ["ECHO_TO"]
SLOW_S = float(os.environ.get("ECHO_SLOW_S", "0"))
LOSE = int(os.environ.get("ECHO_LOSE", "0"))
LOSE_MOST = int(os.environ.get("ECHO_LOSE_MOST", "0"))
RAISE_AFTER = int(os.environ.get("ECHO_RAISE_AFTER", "0"))
ASIDE = os.environ.get("ECHO_ASIDE", "").encode()
HANG = os.environ.get("ECHO_HANG", "")
EVER_S = 3600
HELD = Pause(PauseKind.FEED, "echo", True, "asked for", "test", 0)


class EchoTask:
    """Copies one partition."""

    has_worked = False

    def __init__(self, partition: int, worker_name: str) -> None:
        self._partition = partition
        self._worker = worker_name.encode()
        self._done = 0

    def open(self, position: Position) -> None:
        """Takes up the count where it was committed."""
        self._done = int(position.note or 0)
        hang_in("open")

    @property
    def restored(self) -> float:
        """How many records were worked on is all there is to know."""
        return 0.5 if HANG == "open" else 1.0

    @property
    def is_behind(self) -> bool:
        """Nothing is ever due."""
        return False

    def process(self, records: Sequence[Any]) -> Work:
        """One copy a record."""
        time.sleep(SLOW_S)
        hang_in("chunk")
        hang_in("interpreter")
        EchoTask.has_worked = True
        self._done += len(records)
        if 0 < RAISE_AFTER < self._done:
            raise ZeroDivisionError("asked for")
        return Work([self._copy(record) for record in records], len(records))

    def tick(self, is_idle: bool) -> list[Outgoing]:
        """Nothing is due."""
        return []

    def note(self) -> str:
        """How many records were worked on."""
        return str(self._done)

    def committed(self, position: int, delivered: Mapping[Any, int]) -> None:
        """There is no state to write."""

    def report(self) -> Report:
        """Nothing is counted."""
        return Report()

    def close(self) -> None:
        """Nothing to let go of."""

    def _copy(self, record: Any) -> Outgoing:
        headers = [("source", f"{record.topic}/{record.offset}".encode()), ("worker", self._worker)]
        return Outgoing(TARGET, self._partition, record.key, record.value, headers)


def hang_in(what: str) -> None:
    """Never comes back where that is asked for; `PyDLL` holds the interpreter, as a faulty extension would."""
    if what == HANG:
        sys.stderr.write("hangs on purpose\n")
        sys.stderr.flush()
        (ctypes.PyDLL(None) if HANG == "interpreter" else time).sleep(EVER_S)


class HangingCommitter(committer.Committer):
    """Hangs as librdkafka may when the broker was away."""

    def claim(self, source: Source) -> Position:
        """Claims, or never does."""
        hang_in("claim")
        return super().claim(source)

    def commit(self, ready: Sequence[committer.Progress]) -> None:
        """Commits, or never does."""
        hang_in("commit")
        super().commit(ready)


class DeafConsumer(chunks.ChunkConsumer):
    """Hands over one round of chunks and then nothing more, as a fetcher that died."""

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[Any, Any]]:
        """Passes on the first chunks."""
        if EchoTask.has_worked:
            sys.stderr.write("hangs on purpose\n")
            await asyncio.sleep(EVER_S)
        async for each in super().getmany(timeout):
            yield each


class LosingConsumer(chunks.ChunkConsumer):
    """Loses every so many-th chunk, as Faust does around a rebalance."""

    _seen = 0
    _lost = 0

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[Any, Any]]:
        """Passes on what is not lost."""
        async for tp, message in super().getmany(timeout):
            self._seen += EchoTask.has_worked or LOSE == 1
            if self._seen % LOSE or not self._seen or self._lost == LOSE_MOST:
                yield tp, message
            else:
                self._lost += 1
                sys.stderr.write(f"lost on purpose {tp}\n")


def main() -> None:
    """Runs until SIGTERM."""
    ending = Ending("echo", float(os.environ.get("ECHO_GRACE_S", "20")))
    ending.listen()
    settings = Settings(worker=os.environ["ECHO_WORKER"])
    logs.configure("info")
    application.CHUNK_RECORDS = int(os.environ.get("ECHO_CHUNK", "200"))
    if "ECHO_PATIENCE_S" in os.environ:
        watchdog.LOOK_S = 0.2
        watchdog.PATIENCE_S = watchdog.FROZEN_S = float(os.environ["ECHO_PATIENCE_S"])
        watchdog.HUNG_S = watchdog.PATIENCE_S / 2
    if HANG == "fetch":
        chunks.ChunkTransport.Consumer = DeafConsumer
    worker.Committer = HangingCommitter
    if LOSE:
        chunks.ChunkTransport.Consumer = LosingConsumer
    follower = Follower(os.environ["HEADWATER_KAFKA"], {(TARGET, 0): 0})

    def held_by(_topic: str) -> Pause | None:
        for _ in () if HANG == "follow" else follower.since(0.1):
            pass
        return HELD if Path(os.environ.get("ECHO_HELD", "none")).exists() else None

    if HANG == "follow":
        sys.stderr.write("hangs on purpose\n")
    stage = Stage(
        os.environ["ECHO_NAME"], SOURCES, lambda _topic, partition: EchoTask(partition, settings.worker),
        held_by=held_by, followed=lambda: follower.positions,
        leaves_aside=lambda record: bool(record.value) and record.value[-1] in ASIDE,
    )  # fmt: skip
    running = worker.StageWorker(stage, os.environ["HEADWATER_KAFKA"], settings, Meters("deliver"), Health(), ending)
    # Were Faust's own commits on, they would come this often.
    running.app.conf.broker_commit_interval = 0.05
    try:
        running.run()
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        ending.leave(error.exit_code)
    ending.leave(0)


if __name__ == "__main__":
    main()
