"""How a life event stands on `life-events.v1`: its key, its partition, and the header that tells its type undecoded."""

from __future__ import annotations

from collections.abc import Collection

from processors.events import LifeEvent
from processors.transfers import Step, Transfer
from schemas.codec import Codec
from streams import topics
from streams.kafka.transactions import Headers, Outgoing

TYPE_HEADER = "ce_type"
"""On a new life event its type; lines about earlier ones have none, for they concern whatever those are."""

_TOLD_ANEW = "headwater.told-anew"
TOLD_ANEW: Headers = ((_TOLD_ANEW, b"1"),)
"""On a copy of a line under the key of the person it belongs to."""


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


def transfer_record(codec: Codec, transfer: Transfer, partitions: int) -> Outgoing:
    """A transfer as it is sent: to whoever has the new key when it is told, else to whoever has the old one."""
    at = transfer.into if transfer.step is Step.TOLD else transfer.person
    key = f"{at}|transfer|{transfer.person}|{transfer.into}|{transfer.at}|{transfer.step}"
    return Outgoing(topics.LIFE_EVENTS, topics.partition_of(at, partitions), key.encode(), codec.encode(transfer))


def is_told_anew(headers: Headers | None) -> bool:
    """Whether a record's headers say that it is a copy, told of another person than intake told it of."""
    for name, _ in headers or ():  # noqa: SIM110 - asked of every event; a generator takes three times as long
        if name == _TOLD_ANEW:
            return True
    return False


def is_skipped(headers: Headers | None, skipped: Collection[bytes]) -> bool:
    """Whether a record's headers say that it holds an event of a type nobody looks at."""
    for name, value in headers or ():
        if name == TYPE_HEADER:
            return value in skipped
    return False
