"""Finds what is to be taken back on `life-events.v1`, with all that was said of the same facts.

Joins no group; reads partitions in bulk, twice where something was found: what a wrong file says can only
be judged with what others said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from confluent_kafka import Message

from processors.annulment import Sorted, sort
from processors.events import LifeEvent
from processors.timeline import root_of
from processors.transfers import is_by_transfer
from schemas.codec import Codec
from streams import topics
from streams.agencies.batches import batch_of
from streams.kafka.log import partitions_of, read_partition
from streams.life_events import TYPE_HEADER, is_told_anew

Progress = Callable[[str], None]
_Whose = tuple[str, str]
"""Person and id of a line."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be taken back.

    Attributes:
        ids: of life events; empty: all of the batch.
        batches: files whose events; empty: any. With ids: of those files, and told anew of other persons since.
        feed: of this feed only; None: of any.
    """

    ids: frozenset[str] = frozenset()
    batches: frozenset[bytes] = frozenset()
    feed: str | None = None

    @property
    def is_whole(self) -> bool:
        """Whether a fact is wrong whatever corrected it since."""
        return bool(self.ids) and not self.batches

    def is_named(self, line_id: str, batch: bytes | None) -> bool:
        """Whether a line may be meant, by what can be seen without decoding it."""
        return line_id in self.ids if self.ids else batch in self.batches


@dataclass(frozen=True, slots=True)
class Found:
    """What was found.

    Attributes:
        lines: sorted by what can be done about them.
        elsewhere: batches, besides those that are to be taken back, that told the same.
        moved: ids of events that belong to another person by now.
    """

    lines: Sorted = field(default_factory=Sorted)
    elsewhere: frozenset[str] = frozenset()
    moved: frozenset[str] = frozenset()


def find(bootstrap: str, codec: Codec, wanted: Wanted, progress: Progress) -> Found:
    """Finds what is to be taken back, with what can be done about it, whoever it was told of.

    Raises:
        Unreachable: the broker stopped answering.
    """
    found = _found(bootstrap, codec, wanted, progress)
    moved = found.moved - wanted.ids
    return _joined(found, find(bootstrap, codec, replace(wanted, ids=moved), progress)) if moved else found


def _found(bootstrap: str, codec: Codec, wanted: Wanted, progress: Progress) -> Found:
    found = Found()
    for partition in partitions_of(bootstrap, topics.LIFE_EVENTS):
        wrong: dict[_Whose, LifeEvent] = {}
        for read, (message, line_id) in enumerate(_lines(bootstrap, partition), start=1):
            if read % 50_000 == 0:
                progress(f"partition {partition}: {read:,} events read")
            if wanted.is_named(line_id, _batch(message)):
                line = codec.decode(message.value())
                if isinstance(line, LifeEvent) and wanted.feed in {None, line.feed}:
                    wrong.setdefault((line.person, line.id), line)
        if wrong:
            found = _joined(found, _judged(bootstrap, codec, partition, wanted, wrong))
    return found


def _judged(bootstrap: str, codec: Codec, partition: int, wanted: Wanted, wrong: dict[_Whose, LifeEvent]) -> Found:
    """Looks at everything else that was said of these facts."""
    speaking: list[LifeEvent] = []
    told: set[str] = set()
    elsewhere: set[str] = set()
    persons, ids = {person for person, _ in wrong}, {line_id for _, line_id in wrong}
    for message, line_id in _lines(bootstrap, partition):
        if line_id in ids:
            batch = _batch(message)
            if wanted.batches and batch not in wanted.batches and not is_told_anew(message.headers()):  # type: ignore[arg-type]
                told.add(line_id)
                elsewhere.add((batch or b"none").decode(errors="replace"))
        elif not _is_created(message) and _person(message) in persons:
            line = codec.decode(message.value())
            if isinstance(line, LifeEvent) and line.replaces is not None:
                speaking.append(line)
    moved = _moved([*wrong.values(), *speaking])
    here = {line.id: line for whose, line in wrong.items() if whose not in moved}
    others = [line for line in speaking if (line.person, line.id) not in moved]
    lines = sort(here, others, frozenset(told), is_whole=wanted.is_whole)
    return Found(lines, frozenset(elsewhere), frozenset(line_id for _, line_id in moved & wrong.keys()))


def _moved(lines: Sequence[LifeEvent]) -> set[_Whose]:
    """Those of the lines whose facts belong to somebody else by now."""
    left = {(line.person, line.replaces) for line in lines if is_by_transfer(line)}
    by_id: dict[str, dict[str, LifeEvent]] = {}
    for line in lines:
        by_id.setdefault(line.person, {})[line.id] = line
    return {(line.person, line.id) for line in lines if (line.person, root_of(by_id[line.person], line.id)) in left}


def _joined(one: Found, other: Found) -> Found:
    first, second = one.lines, other.lines
    lines = Sorted(
        (*first.standing, *second.standing),
        first.annulled + second.annulled,
        first.corrected + second.corrected,
        first.told + second.told,
        first.speaking + second.speaking,
    )
    return Found(lines, one.elsewhere | other.elsewhere, one.moved | other.moved)


def _lines(bootstrap: str, partition: int) -> Iterator[tuple[Message, str]]:
    """Records with the id their key names: `person|id|arrival`; marks and controls have other keys."""
    for message in read_partition(bootstrap, topics.LIFE_EVENTS, partition):
        parts = _key(message).split("|")
        if len(parts) == 3 and parts[0] != "mark":
            yield message, parts[1]


def _key(message: Message) -> str:
    key = message.key()
    return key.decode(errors="replace") if isinstance(key, bytes) else key or ""


def _person(message: Message) -> str:
    return _key(message).partition("|")[0]


def _headers(message: Message) -> list[tuple[str, bytes | None]]:
    found = message.headers() or []
    assert isinstance(found, list)  # a mapping is for sending only
    return found  # type: ignore[return-value]  # never text: that is for sending, too


def _batch(message: Message) -> bytes | None:
    return batch_of(_headers(message))


def _is_created(message: Message) -> bool:
    return any(name == TYPE_HEADER for name, _ in _headers(message))
