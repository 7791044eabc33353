"""Runs a back-test: pieces side by side, then buckets side by side, on as many processes as wanted.

Rows put aside lie in a temporary folder that only this user can read, and are removed at the end.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Thread
from typing import TypeVar

from processors.backtest.counting import Counts
from processors.rules.checking.check import Deployment
from processors.rules.deciding.heard import Heard
from schemas.history import LeftOut
from streams.backtest.job import Decided, Job, Sorted, Worker
from streams.backtest.sources import Piece
from streams.backtest.spill import Chunk
from streams.errors import Unreachable, UserError

Progress = Callable[[str, int, int], None]
"""Told the name of a pass, how much is done and how much there is to do."""

READING, PERSONS, HOUSEHOLDS = "reading", "persons", "households"
"""Names of the passes."""

_Buckets = dict[int, list[Chunk]]
_BUCKET_ROWS = 100_000
_MOST_BUCKETS = 4_096
_WORTH_A_PROCESS = 100_000
"""Rows below which starting processes costs more than it saves."""

Given = TypeVar("Given")
Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be back-tested; fields as in `Job`."""

    rules: Mapping[str, str]
    old: Mapping[str, str]
    deployment: Deployment
    by: tuple[str, ...]
    crises: frozenset[str]
    most: int


@dataclass(slots=True)
class Taken:
    """What was read and counted.

    Attributes:
        rows: read. used: usable rows of types that matter.
        first, last: ms; where the history begins, None when nothing in it is usable or it begins only after its
            clock ends; and where that clock ends, or the latest event heard of by then occurs.
        subjects: persons and households whose rows were used.
    """

    counts: Counts
    left_out: LeftOut
    faults: list[str]
    rows: int = 0
    used: int = 0
    first: int | None = None
    last: int | None = None
    subjects: int = 0


def run(wanted: Wanted, pieces: list[Piece], jobs: int, until: int | None, progress: Progress) -> Taken:
    """Back-tests a history.

    Args:
        wanted: rules and what is asked of them.
        pieces: of the history.
        jobs: processes to use at most.
        until: where the clock ends, ms, and no row recorded after it is heard; None: where the history does.
        progress: told how far it is.

    Raises:
        UserError: a process was killed, for want of memory perhaps.
        Unreachable: rows cannot be put aside.
    """
    rows = sum(piece.rows for piece in pieces)
    jobs = 1 if rows < _WORTH_A_PROCESS else jobs
    buckets = min(_MOST_BUCKETS, max(jobs, rows // _BUCKET_ROWS + 1))
    try:
        with tempfile.TemporaryDirectory(prefix="headwater-backtest-") as folder:
            job = Job(
                wanted.rules, wanted.old, wanted.deployment, wanted.by, wanted.crises, until, wanted.most, buckets,
                Path(folder),
            )  # fmt: skip
            with _crew(job, jobs) as crew:
                return _passes(crew, job, pieces, progress)
    except OSError as error:
        raise Unreachable(
            f"rows cannot be put aside in {tempfile.gettempdir()}: {error.strerror or error}",
            "free space there, or name another folder in TMPDIR",
        ) from None
    except BrokenProcessPool:
        raise UserError("a process was killed, perhaps for want of memory", "try again with fewer `--jobs`") from None


class _Crew:
    """Workers in processes, or one worker here."""

    def __init__(self, job: Job, pool: ProcessPoolExecutor | None) -> None:
        self._pool = pool
        if pool is None:
            _start(job)

    def each(self, work: Callable[[Given], Made], given: Iterable[Given]) -> Iterator[Made]:
        """Results as they come, in any order."""
        if self._pool is None:
            yield from map(work, given)
            return
        for future in as_completed([self._pool.submit(work, one) for one in given]):
            yield future.result()


@contextmanager
def _crew(job: Job, jobs: int) -> Iterator[_Crew]:
    if jobs == 1:
        yield _Crew(job, None)
        return
    context = multiprocessing.get_context("spawn")  # threads of Arrow and of the progress bar do not survive a fork
    theirs, ours = context.Pipe(duplex=False)
    with ProcessPoolExecutor(jobs, context, _start_process, (job, theirs)) as pool:
        try:
            yield _Crew(job, pool)
        except BaseException:
            ours.close()  # what they do is wanted no more
            raise


_worker: Worker
"""The worker of this process."""


def _start(job: Job) -> None:
    global _worker  # noqa: PLW0603 - a process pool has no other place for it
    _worker = Worker(job)


def _start_process(job: Job, parent: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent ends its workers
    Thread(target=_end_with, args=(parent,), daemon=True).start()
    _start(job)


def _end_with(parent: Connection) -> None:
    """Ends this process at once when the other end is closed, as it also is when the parent is gone."""
    parent.poll(None)
    os._exit(1)


def _sort(piece: Piece) -> tuple[Piece, Sorted]:
    return piece, _worker.sort(piece)


def _decide_persons(given: tuple[list[Chunk], Heard]) -> Decided:
    return _worker.decide_persons(*given)


def _decide_households(given: tuple[list[Chunk], Heard]) -> Decided:
    return _worker.decide_households(*given)


def _passes(crew: _Crew, job: Job, pieces: list[Piece], progress: Progress) -> Taken:
    taken = Taken(Counts(job.most), LeftOut(), [])
    by_bucket = _sorted(crew, pieces, taken, progress)
    if taken.first is None or taken.last is None:
        return taken
    end = taken.last if job.until is None else job.until
    taken.last = max(taken.last, end)
    if taken.first > end:
        taken.first = None
        return taken
    heard = Heard(every=end, every_began=taken.first)
    homes = _decided(crew, PERSONS, by_bucket, heard, taken, progress)
    if homes:
        _decided(crew, HOUSEHOLDS, homes, heard, taken, progress)
    return taken


def _sorted(crew: _Crew, pieces: list[Piece], taken: Taken, progress: Progress) -> _Buckets:
    """Reads every piece; rows of each bucket."""
    by_bucket: _Buckets = {}
    total, done = sum(piece.rows for piece in pieces), 0
    firsts, lasts = list[int](), list[int]()
    for piece, one in crew.each(_sort, pieces):
        for chunk in one.chunks:
            by_bucket.setdefault(chunk.bucket, []).append(chunk)
        taken.rows, taken.used = taken.rows + one.rows, taken.used + one.used
        taken.left_out.merge(one.left_out)
        taken.faults += [one.fault] if one.fault else []
        firsts += [one.first] if one.first is not None else []
        lasts += [one.last] if one.last is not None else []
        done += piece.rows
        progress(READING, done, total)
    taken.faults.sort()
    taken.first, taken.last = min(firsts, default=None), max(lasts, default=None)
    return by_bucket


def _decided(  # noqa: PLR0913, PLR0917 - a pass and what it needs
    crew: _Crew, name: str, by_bucket: _Buckets, heard: Heard, taken: Taken, progress: Progress
) -> _Buckets:
    """Decides every bucket; rows to be decided after them, again by bucket."""
    work = _decide_persons if name == PERSONS else _decide_households
    after: _Buckets = {}
    for done, one in enumerate(crew.each(work, [(chunks, heard) for chunks in by_bucket.values()]), start=1):
        taken.counts.merge(one.counts)
        taken.subjects += one.subjects
        for chunk in one.chunks:
            after.setdefault(chunk.bucket, []).append(chunk)
        progress(name, done, len(by_bucket))
    return after
