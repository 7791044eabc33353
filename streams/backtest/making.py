"""Makes a history file: of life events from anywhere, or of a town that `headwater simulate` wrote.

A town's feeds go through the contracts, a register of their own and intake, as on the platform; so the
history has what really arrives: late, repeated, corrected and annulled lines.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from processors.events import LifeEvent
from schemas.history import FILE
from schemas.publishing import publish_heartbeat, publish_record
from streams import topics
from streams.backtest.subjects import rows_of
from streams.composition import Platform
from streams.errors import Unreachable, WrongUse
from streams.kafka.records import Record
from streams.register import open_register
from streams.settings import Settings
from streams.simulation.feeds import read_feed
from streams.stages.intake import IntakeContext, IntakeTask
from streams.stages.task import work_off

_ROWS = 200_000
_CHUNK = 1_000
_FAR_AHEAD = 4_102_444_800_000
"""2100: a simulated town may lie in the future, which is no fault of its records."""


def is_town(path: Path) -> bool:
    """Whether a folder was written by `headwater simulate`."""
    return (path / "manifest.json").is_file() and (path / "feeds").is_dir()


def write_history(events: Iterable[LifeEvent], path: Path) -> int:
    """Writes a Parquet history and returns how many rows it has; an unfinished file is never left.

    Only this user can read it: it is about persons.

    Raises:
        Unreachable: it cannot be written.
    """
    unfinished, rows, source = path.with_name(f".{path.name}.unfinished"), 0, iter(events)
    try:
        unfinished.unlink(missing_ok=True)
        unfinished.touch(mode=0o600, exist_ok=False)
        with pq.ParquetWriter(unfinished, FILE, compression="zstd") as writer:
            while chunk := list(islice(source, _ROWS)):
                writer.write_table(pa.Table.from_batches([rows_of(chunk)]).cast(FILE))
                rows += len(chunk)
        unfinished.replace(path)
    except OSError as error:
        raise Unreachable(f"{path} cannot be written: {error.strerror or error}", "name another place") from None
    finally:
        unfinished.unlink(missing_ok=True)
    return rows


def events_of_town(town: Path, deployment: Path | None) -> Iterator[LifeEvent]:
    """The life events of a simulated town, feed by feed, as intake would put them on the log.

    Args:
        town: folder written by `headwater simulate`.
        deployment: whose contracts its feeds follow; None: the shipped demo town's.

    Raises:
        WrongUse: a feed has no contract there.
    """
    with tempfile.TemporaryDirectory(prefix="headwater-town-") as folder:
        # Of its own in everything: a real register must never hear of people who do not exist.
        own = {"data": Path(folder), "deployment": deployment, "registry": None, "register_db": None}
        platform = Platform(Settings().model_copy(update={**own, "register_key_file": None}))
        with open_register(platform.settings, platform.deployment.default_area) as register:
            with (town / "population.jsonl").open("rb") as lines:
                register.load_population(map(orjson.loads, lines))
            granted = platform.deployment.granted_types
            context = IntakeContext(
                platform.codec, platform.registry, register, granted, 1, 1, lambda: _FAR_AHEAD
            )  # fmt: skip
            for feed in sorted((town / "feeds").glob("*.jsonl")):
                yield from _taken_in(feed, platform, context)


def _taken_in(feed: Path, platform: Platform, context: IntakeContext) -> Iterator[LifeEvent]:
    contract = platform.deployment.contracts.get(feed.stem)
    if contract is None:
        raise WrongUse(f"{feed} has no contract in this deployment", "name the town's own with --deployment")
    task = IntakeTask(contract, 0, context)
    records = _records(feed, platform)
    while chunk := list(islice(records, _CHUNK)):
        for sent in work_off(task, chunk):
            value = platform.codec.decode(sent.value) if sent.topic == topics.LIFE_EVENTS else None
            if isinstance(value, LifeEvent):
                yield value


def _records(feed: Path, platform: Platform) -> Iterator[Record]:
    contract, registry = platform.deployment.contracts[feed.stem], platform.registry
    for offset, line in enumerate(read_feed(feed)):
        if isinstance(line, dict):
            sent = publish_record(contract, registry, line)
        else:
            sent = publish_heartbeat(contract, registry, line.ms)
        yield Record(contract.topic, 0, offset, 0, *sent)
