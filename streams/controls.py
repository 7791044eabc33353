"""A person's word on proactive contact, put where it takes effect.

One transaction writes it to `controls.v1`, which every stage may read whole, and in order to
`life-events.v1`, whence correlate passes it to plan: that keeps a replay deterministic.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from processors.events import Control
from schemas.codec import Codec, internal_codec
from schemas.registry import FolderRegistry
from streams import topics
from streams.broker import bootstrap
from streams.clocks import platform_now
from streams.kafka.transactions import Outgoing, send_once
from streams.settings import Settings


def publish_now(settings: Settings, control: Control) -> Control:
    """Publishes a person's word that holds from now on; returns it as published.

    Now is the platform's: under the feeds' clock (a demo, a replay) the machine's may be far ahead of it, and
    a word of a time that has not come would wait for it.

    Raises:
        Unreachable: Kafka does not answer.
    """
    address, codec = _opened(settings)
    said = replace(control, at=platform_now(address, codec, control.at))
    _send(address, codec, [said], settings.core_partitions)
    return said


def publish_controls(settings: Settings, controls: Sequence[Control]) -> None:
    """Publishes controls, all or none of them."""
    address, codec = _opened(settings)
    _send(address, codec, controls, settings.core_partitions)


def control_records(codec: Codec, control: Control, core_partitions: int) -> list[Outgoing]:
    """A control as it goes to both topics."""
    value = codec.encode(control)
    partition = topics.partition_of(control.person, core_partitions)
    key = f"{control.person}|control|{control.kind}|{control.at}"
    return [
        Outgoing(topics.CONTROLS, 0, f"{control.person}|{control.kind}".encode(), value),
        Outgoing(topics.LIFE_EVENTS, partition, key.encode(), value),
    ]


def _opened(settings: Settings) -> tuple[str, Codec]:
    address = bootstrap(settings)
    topics.ensure(address, topics.core(settings), settings)
    return address, internal_codec(FolderRegistry())


def _send(address: str, codec: Codec, controls: Sequence[Control], core_partitions: int) -> None:
    records = (record for control in controls for record in control_records(codec, control, core_partitions))
    send_once(address, "controls", records)
