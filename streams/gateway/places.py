"""Where a record landed, as the id of its receipt; and whether there is a record at such a place."""

from __future__ import annotations

import re
from dataclasses import dataclass

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from schemas.contract import Contract
from streams.errors import Unreachable
from streams.kafka.clients import client_config
from streams.kafka.tail import Source

_WRITTEN = re.compile(r"([^.]{1,100})\.([^.]{1,100})\.v([0-9]{1,9})\.([0-9]{1,9})\.([0-9]{1,18})")
_PATIENCE_S = 3.0
_NOT_THERE = frozenset({KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_PARTITION, KafkaError._UNKNOWN_TOPIC})


@dataclass(frozen=True, slots=True)
class RecordPlace:
    """A record of an agency, by contract, version of its topic, partition and offset.

    >>> str(RecordPlace("court", "eviction-proceedings", 1, 0, 17))
    'court.eviction-proceedings.v1.0.17'
    """

    agency: str
    contract: str
    major: int
    partition: int
    offset: int

    def __str__(self) -> str:
        """The id of its receipt."""
        return f"{self.agency}.{self.contract}.v{self.major}.{self.partition}.{self.offset}"

    @property
    def source(self) -> Source:
        """Topic and partition."""
        return f"events.{self.agency}.{self.contract}.v{self.major}", self.partition


def place_in(contract: Contract, partition: int, offset: int) -> RecordPlace:
    """A place in a contract's topic."""
    return RecordPlace(contract.agency, contract.name, contract.major, partition, offset)


def read_place(text: str) -> RecordPlace | None:
    """The place a receipt's id names; None when it is no such id.

    >>> read_place("court.eviction-proceedings.v1.0.17").offset, read_place("nonsense")
    (17, None)
    """
    found = _WRITTEN.fullmatch(text)
    if found is None:
        return None
    agency, contract, *numbers = found.groups()
    return RecordPlace(agency, contract, *map(int, numbers))


class Watermarks:
    """Which offsets a partition has; asks Kafka only for what lies behind the newest it heard of."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._consumer = Consumer({**client_config(bootstrap), "group.id": "headwater-readers"})
        self._ends: dict[Source, int] = {}

    def has(self, source: Source, offset: int) -> bool:
        """Whether a record was written there; it may have been deleted since.

        Raises:
            Unreachable: Kafka does not answer.
        """
        if offset >= self._ends.get(source, 0):
            self._ends[source] = self._ask(source)
        return offset < self._ends[source]

    def close(self) -> None:
        """Lets go of the connection."""
        self._consumer.close()

    def _ask(self, source: Source) -> int:
        try:
            return int(self._consumer.get_watermark_offsets(TopicPartition(*source), timeout=_PATIENCE_S)[1])
        except KafkaException as error:
            if error.args[0].code() in _NOT_THERE:
                return 0
            raise Unreachable(f"Kafka at {self._bootstrap} does not answer", "check the broker") from None
