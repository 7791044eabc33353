"""Decides over the whole log once more, apart from the stages: what would the rules find as they are now?

Reads `life-events.v1` and `household-events.v1` up to where the stages have come, runs the stages' own
tasks on them with state in a folder of its own, and keeps what they decide to itself. Joins no group and
writes nothing to Kafka. Households hear what correlate passed on to them when it did.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from confluent_kafka import Message

from processors.decisions import Decision
from processors.rules.comparing import Stand, take_up
from schemas.codec import Codec
from streams import topics
from streams.composition import Platform, unattended
from streams.kafka.log import committed_positions, read_partition
from streams.kafka.records import Record
from streams.kafka.tail import Source, ends_of, sources_of
from streams.kafka.transactions import Outgoing
from streams.stages.restoring import erased
from streams.stages.task import Stage, Task

CHUNK = 5_000
TRIES = 50
DECIDING = {
    "correlate": (topics.LIFE_EVENTS, topics.DECISIONS),
    "households": (topics.HOUSEHOLD_EVENTS, topics.HOUSEHOLD_DECISIONS),
}
"""Stages that decide: what they read, and their ledgers."""

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Moment:
    """How far the stages had come: positions and ledgers that belong together.

    Attributes:
        positions: next record of each input partition.
        ledgers: end of each ledger partition.
        is_exact: whether nothing was decided while this was found out.
    """

    positions: dict[Source, int]
    ledgers: dict[Source, int]
    is_exact: bool


@dataclass(frozen=True, slots=True)
class Replayed:
    """What stands by the ledgers, and what would now; by match."""

    before: dict[str, Stand]
    now: dict[str, Stand]
    records: int
    is_exact: bool


def replay(platform: Platform, progress: Progress) -> Replayed:
    """Decides over everything the stages have worked on.

    Raises:
        Unreachable: the broker stopped answering.
    """
    moment = now_of(platform.bootstrap)
    before: dict[str, Stand] = {}
    for source, end in moment.ledgers.items():
        for message in read_partition(platform.bootstrap, *source, until=end):
            _take_up(before, platform.codec, message.key(), message.value())
    now: dict[str, Stand] = {}
    records = 0
    with tempfile.TemporaryDirectory(prefix="replay-", dir=_made(platform.settings.data)) as folder:
        apart = Platform(platform.settings.model_copy(update={"state": Path(folder)}))
        for name, (topic, ledger) in DECIDING.items():
            with unattended(name, apart) as stage:
                for partition in range(platform.settings.core_partitions):
                    until = moment.positions.get((topic, partition), 0)
                    for count, told in _decided(apart, stage, partition, until):
                        records += count
                        progress(f"{name} {partition}: {records:,} records decided over")
                        for out in told:
                            if out.topic == ledger:
                                _take_up(now, platform.codec, out.key, out.value)
    return Replayed(before, now, records, moment.is_exact)


def now_of(bootstrap: str) -> Moment:
    """Finds positions and ledgers that belong together: positions that stood still while ledgers were looked at."""
    ledgers: dict[Source, int] = {}
    positions = _positions(bootstrap)
    for _ in range(TRIES):
        ledgers = ends_of(bootstrap, sources_of(bootstrap, [ledger for _, ledger in DECIDING.values()]))
        before, positions = positions, _positions(bootstrap)
        if before == positions:
            return Moment(positions, ledgers, is_exact=True)
    return Moment(positions, ledgers, is_exact=False)


def _positions(bootstrap: str) -> dict[Source, int]:
    found = (committed_positions(bootstrap, f"headwater-{name}", [topic]) for name, (topic, _) in DECIDING.items())
    return {source: position for each in found for source, position in each.items()}


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _decided(platform: Platform, stage: Stage, partition: int, until: int) -> Iterator[tuple[int, list[Outgoing]]]:
    """What the task of one partition tells, chunk by chunk, with how many records that took."""
    task = stage.task(stage.topics[0], partition)
    try:
        records = map(_record, read_partition(platform.bootstrap, stage.topics[0], partition, until) if until else ())
        while chunk := list(islice(records, CHUNK)):
            yield len(chunk), list(_worked_off(task, chunk))
        told = task.tick(is_idle=True)
        yield 0, told
        while task.is_behind:
            yield 0, task.tick(is_idle=True)
    finally:
        task.close()


def _worked_off(task: Task, records: list[Record]) -> Iterator[Outgoing]:
    """As a worker does it, but for sending: what was decided is written to the state before more is read."""
    while records:
        done = task.process(records)
        yield from done.outgoing
        last = records[done.taken - 1].offset + 1 if done.taken else records[0].offset
        task.committed(last, {})
        records = records[done.taken :]


def _record(message: Message) -> Record:
    headers: Any = message.headers() or ()  # typed wider than what a consumer is given
    return Record(
        str(message.topic()), message.partition() or 0, message.offset() or 0, message.timestamp()[1],
        message.key(), message.value(), headers,
    )  # fmt: skip


def _take_up(standing: dict[str, Stand], codec: Codec, key: Any, value: Any) -> None:  # noqa: ANN401 - bytes
    decision = codec.decode(value)
    if isinstance(decision, Decision):
        take_up(standing, decision)
    elif value is None and (named := erased(key)) is not None:
        standing.pop(named[1], None)
