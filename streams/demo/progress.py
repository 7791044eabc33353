"""How far the stages are: positions against the ends of their topics."""

from __future__ import annotations

from dataclasses import dataclass

from confluent_kafka import Consumer, TopicPartition

from streams.kafka.clients import client_config, committed_offsets


@dataclass(frozen=True, slots=True)
class Lag:
    """Offsets done and to do of one stage; transaction markers count as offsets here."""

    done: int
    total: int

    @property
    def is_zero(self) -> bool:
        """Whether nothing waits."""
        return self.done >= self.total


class LagReader:
    """Reads one consumer group's lag over and over."""

    def __init__(self, bootstrap: str, group: str, sources: list[tuple[str, int]]) -> None:
        self._sources = [TopicPartition(topic, partition) for topic, partition in sources]
        # Not `read_committed`: its positions wait, while a transaction is open, for a worker that may be
        # dead and that whoever waits here should start anew.
        self._consumer = Consumer(
            {**client_config(bootstrap), "group.id": group, "isolation.level": "read_uncommitted"}
        )

    def read(self) -> Lag:
        """The lag now."""
        committed = committed_offsets(self._consumer, self._sources)
        done = sum(max(tp.offset, 0) for tp in committed)
        total = sum(self._consumer.get_watermark_offsets(tp, timeout=30)[1] for tp in self._sources)
        return Lag(done, total)

    def close(self) -> None:
        """Lets go of the connection."""
        self._consumer.close()
