"""Who takes part: each peer's command, what it reads and writes, and how its matches are read."""

from __future__ import annotations

import subprocess
import sys
import venv
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.machine import processes
from bench.machine.cluster import Cluster
from bench.machine.processes import Child
from bench.peers.job import Job, decode_match
from bench.peers.kafka_streams import building
from bench.workload.events import life_event_schema
from processors.events import LifeEvent
from processors.offers.model import Situation
from streams import topics
from streams.kafka.log import read_topic

HERE = Path(__file__).parent
QUIX = Path(".venv-peers")
"""Quix Streams pins another confluent-kafka than the platform."""


@dataclass(frozen=True)
class Run:
    """A peer at work: its processes, its consumer group, and how to read what it found once it is done."""

    children: list[Child]
    group: str
    answer: Callable[[], list[tuple[str, str]]]


@dataclass(frozen=True)
class Peer:
    """One who takes part.

    Attributes:
        name: in the table.
        promise: what it keeps, in words.
        is_slow: reads the short log, so that a run does not take minutes.
        start: cluster, source, name of the run -> a running peer.
    """

    name: str
    promise: str
    is_slow: bool
    start: Callable[[Cluster, str, str], AbstractContextManager[Run]]


def peers(cluster: Cluster) -> list[Peer]:
    """Everybody, the limit first; fetches and builds what they need.

    Raises:
        UserError: something could not be fetched.
    """
    classes = cluster.folder / "classes"
    jars = building.build(cluster.settings.cache, classes)
    quix = _quix_python()
    return [
        Peer("loop", "nothing", False, _foreign(lambda job: processes.python("bench.peers.loop", *_told(job)))),
        Peer("headwater", "exactly once, RocksDB", False, headwater),
        Peer(
            "kafka streams", "exactly once, RocksDB", False,
            _foreign(lambda job: building.command(job, jars, classes)),
        ),
        Peer(
            "quix streams", "exactly once, RocksDB", True,
            _foreign(lambda job: [str(quix), "-m", "bench.peers.quix", *_told(job)]),
        ),
        Peer(
            "faust", "at least once, in memory", True,
            _foreign(lambda job: processes.python("bench.peers.faust_agent", *_told(job), "worker")),
        ),
    ]  # fmt: skip


@contextmanager
def headwater(cluster: Cluster, source: str, run: str, workers: Sequence[str] = ("1",)) -> Iterator[Run]:
    """The stage as it really runs, on an empty slate; `source` can only be `life-events.v1`."""
    del source
    cluster.forget("headwater-correlate", [topics.DECISIONS, topics.SITUATIONS, topics.HOUSEHOLD_EVENTS])
    cluster.ensure_topics()
    codec, folder = cluster.platform.codec, cluster.folder / run
    folder.mkdir()

    def answer() -> list[tuple[str, str]]:
        told = (codec.decode(message.value()) for message in read_topic(cluster.bootstrap, topics.SITUATIONS))
        return [(one.events[0].id, one.events[1].id) for one in told if isinstance(one, Situation)]

    with _several(cluster, folder, workers) as children:
        yield Run(children, "headwater-correlate", answer)


@contextmanager
def _several(cluster: Cluster, folder: Path, workers: Sequence[str]) -> Iterator[list[Child]]:
    if not workers:
        yield []
        return
    command = processes.python("streams.stages", "correlate")
    environment = cluster.environment(folder, worker=workers[0])
    with (
        processes.running(f"correlate-{workers[0]}", command, folder, environment) as child,
        _several(cluster, folder, workers[1:]) as others,
    ):
        yield [child, *others]


def _foreign(command: Callable[[Job], list[str]]) -> Callable[[Cluster, str, str], AbstractContextManager[Run]]:
    @contextmanager
    def start(cluster: Cluster, source: str, run: str) -> Iterator[Run]:
        folder = cluster.folder / run
        folder.mkdir()
        job = Job(
            bootstrap=cluster.bootstrap, source=source, target=cluster.create(f"matches-{run}"), group=run,
            folder=str(folder), schema=str(life_event_schema()),
            schema_id=cluster.platform.codec.schema_id(LifeEvent),
        )  # fmt: skip
        with processes.running(run, command(job), folder) as child:
            yield Run([child], run, lambda: _matches(cluster, job.target))

    return start


def _matches(cluster: Cluster, target: str) -> list[tuple[str, str]]:
    return [decode_match(value) for message in read_topic(cluster.bootstrap, target) if (value := message.value())]


def _told(job: Job) -> list[str]:
    return [str(job.write(Path(job.folder) / "job.json"))]


def _quix_python() -> Path:
    python = QUIX.resolve() / "bin" / "python"
    if not (QUIX / ".installed").exists():
        venv.create(QUIX, with_pip=True)
        subprocess.run(
            [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes",
             "-r", str(HERE / "quix.lock")],
            check=True, stdout=sys.stderr,
        )  # fmt: skip
        (QUIX / ".installed").touch()
    return python
