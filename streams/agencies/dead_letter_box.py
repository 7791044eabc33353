"""Dead letters as an operator sees them: what they say, and the way back into their source topic.

A letter's source topic follows from the name of its dead-letter topic; headers are never trusted
with it. What was put back bears the header `headwater.replayed-from`, so that Kafka itself remembers:
in the source topic as long as that keeps it, and in the dead letter a replay may end as.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from confluent_kafka import TIMESTAMP_NOT_AVAILABLE, Message

from streams.agencies.sending import Place, TrackingPublisher
from streams.kafka.log import read_topic
from streams.kafka.tail import Source, place_of, read_on, sources_of
from streams.kafka.transactions import Headers
from streams.topics import Topic

CONTEXT = "__connect.errors."
REPLAYED_FROM = "headwater.replayed-from"
SUFFIX = ".dlq"
UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Box:
    """A dead-letter topic: whose letters, and of which stage."""

    topic: str
    source: str
    stage: str


@dataclass(frozen=True, slots=True, repr=False)
class DeadLetter:
    """A record that could not be taken.

    Attributes:
        box: where it lies.
        partition: of the dead-letter topic.
        offset: in that partition.
        at: when it was put there, ms; None: not known.
        key: original.
        value: original.
        headers: original, and what the stage added.
    """

    box: Box
    partition: int
    offset: int
    at: int | None
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]

    def __repr__(self) -> str:
        """Says which it is, never what is in it."""
        return f"DeadLetter({self.token!r}, {self.reason!r})"

    @property
    def token(self) -> str:
        """Names it in the header of what is put back: `topic/partition/offset`."""
        return f"{self.box.topic}/{self.partition}/{self.offset}"

    @property
    def reason(self) -> str:
        """Why it was refused, one of a closed list; `unknown` when it was not put here by a stage."""
        return self.context("exception.class.name") or UNKNOWN

    @property
    def detail(self) -> str:
        """Where it went wrong, in words."""
        return self.context("exception.message") or ""

    @property
    def source(self) -> tuple[Source, int] | None:
        """Partition and offset it was read from; None when it does not say."""
        partition, offset = self.context("partition") or "", self.context("offset") or ""
        if not (partition.isdecimal() and offset.isdecimal()):
            return None
        return (self.box.source, int(partition)), int(offset)

    @property
    def replayed_from(self) -> str | None:
        """Token of the letter it was put back from before it failed again."""
        return header(self.headers, REPLAYED_FROM)

    @property
    def original_headers(self) -> Headers:
        """Headers as they go back: without the stage's, and with this letter's token."""
        kept = [(name, value) for name, value in self.headers if not name.startswith(CONTEXT) and name != REPLAYED_FROM]
        return [*kept, (REPLAYED_FROM, self.token.encode())]  # type: ignore[list-item]  # a header may be null

    def context(self, name: str) -> str | None:
        """What the stage noted under a name."""
        return header(self.headers, CONTEXT + name)


@dataclass(frozen=True, slots=True)
class Sorted:
    """Letters sorted by whether they may go back."""

    fresh: tuple[DeadLetter, ...]
    replayed: tuple[DeadLetter, ...]
    lost: tuple[DeadLetter, ...]
    """Those that do not say which partition they came from."""


def header(headers: Iterable[tuple[str, bytes | None]], name: str) -> str | None:
    """The last value under a name: stages append theirs after the original ones."""
    found = [value for key, value in headers if key == name and value is not None]
    return found[-1].decode(errors="replace") if found else None


def boxes(topics: Iterable[Topic]) -> list[Box]:
    """The dead-letter topics among a deployment's topics."""
    names = [topic.name for topic in topics if topic.name.endswith(SUFFIX)]
    return [Box(name, *name.removesuffix(SUFFIX).rsplit(".", 1)) for name in names]


def read_letters(bootstrap: str, boxes: Iterable[Box]) -> Iterator[DeadLetter]:
    """Every letter of some boxes.

    Raises:
        Unreachable: Kafka does not answer.
    """
    by_topic = {box.topic: box for box in boxes}
    starts = dict.fromkeys(sources_of(bootstrap, by_topic), 0)
    for message in read_on(bootstrap, starts):
        yield letter_of(message, by_topic[str(message.topic())])


def letter_of(message: Message, box: Box) -> DeadLetter:
    """A record of a dead-letter topic."""
    (_, partition), offset = place_of(message)
    kind, at = message.timestamp()
    moment = None if kind == TIMESTAMP_NOT_AVAILABLE else at
    return DeadLetter(box, partition, offset, moment, _bytes(message.key()), _bytes(message.value()), _headers(message))


def _headers(message: Message) -> tuple[tuple[str, bytes | None], ...]:
    found = message.headers() or []
    assert isinstance(found, list)  # a mapping is for sending only
    return tuple((name, _bytes(value)) for name, value in found)


def _bytes(value: str | bytes | None) -> bytes | None:
    return value.encode() if isinstance(value, str) else value


def sort(bootstrap: str, letters: Iterable[DeadLetter]) -> Sorted:
    """Finds out which letters were put back before.

    Reads each source partition from the oldest of its letters on: what is put back comes later.
    """
    letters = list(letters)
    starts: dict[Source, int] = {}
    for letter in letters:
        if letter.source is not None:
            source, offset = letter.source
            starts[source] = min(starts.get(source, offset), offset)
    known = _tokens(bootstrap, starts, {letter.box.topic for letter in letters})
    return Sorted(
        fresh=tuple(one for one in letters if one.source is not None and one.token not in known),
        replayed=tuple(one for one in letters if one.source is not None and one.token in known),
        lost=tuple(one for one in letters if one.source is None),
    )


def _tokens(bootstrap: str, starts: dict[Source, int], topics: set[str]) -> set[str]:
    """Tokens in source partitions and, for what failed again, in dead-letter topics."""
    existing = set(sources_of(bootstrap, {topic for topic, _ in starts}))
    again = read_on(bootstrap, {source: start for source, start in starts.items() if source in existing})
    failed = (message for topic in sorted(topics) for message in read_topic(bootstrap, topic))
    return {
        token
        for messages in (again, failed)
        for message in messages
        if (token := header(_headers(message), REPLAYED_FROM)) is not None
    }


def put_back(publisher: TrackingPublisher, letters: Iterable[DeadLetter]) -> int:
    """Sends originals to the partitions they came from and waits for Kafka's word on all of them.

    Raises:
        Unreachable: Kafka did not acknowledge everything.
    """
    count = 0
    for letter in letters:
        assert letter.source is not None  # `sort` put those aside
        (topic, partition), _ = letter.source
        publisher.place = Place(letter.box.topic, letter.offset)
        publisher.send(topic, partition, letter.key, letter.value, letter.original_headers)
        count += 1
    publisher.flush()
    return count
