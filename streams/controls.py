"""A person's word on proactive contact, put where it takes effect.

One transaction writes it to `controls.v1`, which every stage may read whole, and in order to
`life-events.v1`, whence correlate passes it to plan: that keeps a replay deterministic.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from contextlib import closing

from processors.events import Control
from schemas.codec import Codec, internal_codec
from schemas.registry import FolderRegistry
from streams import topics
from streams.broker import bootstrap
from streams.kafka.transactions import Outgoing, TransactionalSender
from streams.settings import Settings


def publish_control(settings: Settings, control: Control) -> None:
    """Publishes one control.

    Raises:
        Unreachable: Kafka does not answer.
    """
    publish_controls(settings, [control])


def publish_controls(settings: Settings, controls: Sequence[Control]) -> None:
    """Publishes controls, all or none of them."""
    address = bootstrap(settings)
    topics.ensure(address, topics.core(settings), settings)
    codec = internal_codec(FolderRegistry())
    with closing(TransactionalSender(address, f"headwater-controls-{uuid.uuid4()}")) as sender:
        sender.open()
        sender.send(
            record for control in controls for record in control_records(codec, control, settings.core_partitions)
        )


def control_records(codec: Codec, control: Control, core_partitions: int) -> list[Outgoing]:
    """A control as it goes to both topics."""
    value = codec.encode(control)
    partition = topics.partition_of(control.person, core_partitions)
    key = f"{control.person}|control|{control.kind}|{control.at}"
    return [
        Outgoing(topics.CONTROLS, 0, f"{control.person}|{control.kind}".encode(), value),
        Outgoing(topics.LIFE_EVENTS, partition, key.encode(), value),
    ]
