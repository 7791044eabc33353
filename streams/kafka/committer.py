"""Positions of one worker: claimed when a partition is taken over, committed with the outputs they stand for.

Everything a worker commits goes through one transactional producer, so that one transaction holds what several
partitions have ready: a transaction costs the broker some milliseconds, however little is in it. The producer's
`transactional.id` is of this process alone, and stands before the note of every position it commits. Hence

1. who takes a partition over opens a producer named after the partition, and so fences whoever claims it, too;
2. reads whose position it was, and fences that process's producer: a zombie commits nothing more, and what it
   had begun is aborted. A worker that gave the partition back has left no name, and is left alone;
3. commits the position again under its own name, with the producer of step 1: one that was fenced meanwhile
   ends, the later claim holds.

Source: KIP-447 (one producer for many partitions); Kafka fences there by the generation of the group, which a
group joined by another client cannot tell librdkafka.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import chain

import structlog
from confluent_kafka import Consumer, KafkaException, TopicPartition

from streams.kafka.clients import client_config, committed_offsets, watermarks
from streams.kafka.tail import Source
from streams.kafka.transactions import Outgoing, TransactionalSender

log = structlog.get_logger()

_AFTER_OWNER = "\n"


@dataclass(frozen=True, slots=True)
class Position:
    """A committed input position.

    Attributes:
        offset: next record to read; the oldest there is when the group never committed here.
        note: what the stage asked to keep with it, for instance up to when the feed was heard.
    """

    offset: int
    note: str

    @property
    def is_moved(self) -> bool:
        """Whether a stage that always leaves a note did not commit it: set by hand, expired, or there never was one."""
        return not self.note


@dataclass(frozen=True, slots=True)
class Progress:
    """What a partition has ready to be committed.

    Attributes:
        source: the input partition.
        offset: next record to read.
        note: to keep with it.
        outgoing: what the records before it gave.
        is_given_back: whether the worker is done with the partition.
    """

    source: Source
    offset: int
    note: str
    outgoing: Sequence[Outgoing] = ()
    is_given_back: bool = False


class Committer:
    """Claims partitions for one process of a worker, and commits its outputs and positions, all or nothing.

    Args:
        bootstrap: Kafka's address.
        group: the consumer group whose positions they are.
        worker: its name, for whoever looks at the broker's transactions.
    """

    def __init__(self, bootstrap: str, group: str, worker: str) -> None:
        self._bootstrap = bootstrap
        self._group_name = group
        self._name = f"{group}|{worker}|{uuid.uuid4().hex[:12]}"
        # Its generation stays -1, which the broker always accepts: fencing is by transactional.id.
        config = {**client_config(bootstrap), "group.id": group}
        self._group = Consumer({**config, "isolation.level": "read_committed"})
        # A position under way hides the one before it from a reader of committed ones.
        self._onlooker = Consumer({**config, "isolation.level": "read_uncommitted"})
        self._sender = TransactionalSender(bootstrap, self._name)
        self._fencing = threading.Lock()
        self._fenced: set[str] = set()

    def open(self) -> None:
        """Makes ready to commit.

        Raises:
            KafkaException: Kafka does not answer.
        """
        self._sender.open()

    @property
    def delivered(self) -> Mapping[Source, int]:
        """By partition written to, the offset after the last record delivered."""
        return self._sender.delivered

    def claim(self, source: Source) -> Position:
        """Takes a partition over from whoever had it; several threads may claim at once.

        Raises:
            KafkaException: Kafka does not answer, or another worker claims the partition, too.
        """
        topic, partition = source
        with closing(TransactionalSender(self._bootstrap, f"{self._group_name}|{topic}|{partition}")) as claimant:
            claimant.open()
            owner, _ = _parted(_committed(self._onlooker, source).metadata)
            self._fence(owner)
            position = self._position(source)
            claimant.send((), (self._group, [self._placed(Progress(source, position.offset, position.note))]))
        return position

    def commit(self, ready: Sequence[Progress]) -> None:
        """Commits what partitions have ready, all or nothing; one thread at a time.

        Raises:
            KafkaException: nothing is committed; the caller must end and start anew.
        """
        outgoing = chain.from_iterable(each.outgoing for each in ready)
        self._sender.send(outgoing, (self._group, [self._placed(each) for each in ready]))

    def close(self) -> None:
        """Aborts what is open and lets go of the connections."""
        self._onlooker.close()
        self._group.close()
        self._sender.close()

    def _placed(self, progress: Progress) -> TopicPartition:
        owner = "" if progress.is_given_back else self._name
        return TopicPartition(*progress.source, progress.offset, f"{owner}{_AFTER_OWNER}{progress.note}")

    def _fence(self, owner: str) -> None:
        """Sees that a process commits nothing more; its name is its own, so that once is for ever."""
        with self._fencing:
            if owner in ("", self._name) or owner in self._fenced:
                return
            with closing(TransactionalSender(self._bootstrap, owner)) as successor:
                successor.open()
            self._fenced.add(owner)

    def _position(self, source: Source) -> Position:
        committed = _committed(self._group, source)
        oldest = watermarks(self._group, TopicPartition(*source))[0]
        if 0 <= committed.offset < oldest:
            log.error(
                "records lost to retention before they were read",
                topic=source[0], partition=source[1], lost=oldest - committed.offset,
            )  # fmt: skip
        return Position(max(committed.offset, oldest), note_of(committed.metadata))


def note_of(metadata: str | None) -> str:
    """The note a stage left with a position, without whose position it is."""
    return _parted(metadata)[1]


def _parted(metadata: str | None) -> tuple[str, str]:
    """Whose position it is, empty when nobody's, and the note."""
    owner, after, note = (metadata or "").partition(_AFTER_OWNER)
    return (owner, note) if after else ("", owner)


def _committed(consumer: Consumer, source: Source) -> TopicPartition:
    (committed,) = committed_offsets(consumer, [TopicPartition(*source)])
    if committed.error is not None:
        raise KafkaException(committed.error)
    return committed
