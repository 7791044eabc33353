"""How a life event stands on `life-events.v1`: its key, its partition, and the header that tells its type undecoded."""

from __future__ import annotations

from collections.abc import Collection

from processors.events import LifeEvent
from schemas.codec import Codec
from streams import topics
from streams.kafka.transactions import Headers, Outgoing

TYPE_HEADER = "ce_type"
"""On a new life event its type; lines about earlier ones have none, for they concern whatever those are."""


def life_event_record(codec: Codec, event: LifeEvent, partitions: int, headers: Headers = ()) -> Outgoing:
    """A life event as it is sent.

    Args:
        codec: of the platform's topics.
        event: any change kind.
        partitions: of the topic.
        headers: besides its type.
    """
    of_type = () if event.replaces is not None else ((TYPE_HEADER, event.type.encode()),)
    return Outgoing(
        topics.LIFE_EVENTS,
        topics.partition_of(event.person, partitions),
        # With its arrival: were a copy to take the original's place by compaction, a replay would
        # judge it as late as the copy was.
        f"{event.person}|{event.id}|{event.arrival}".encode(),
        codec.encode(event),
        (*of_type, *headers) or None,
    )


def is_skipped(headers: Headers | None, skipped: Collection[bytes]) -> bool:
    """Whether a record's headers say that it holds an event of a type nobody looks at."""
    for name, value in headers or ():
        if name == TYPE_HEADER:
            return value in skipped
    return False
