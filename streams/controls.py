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
from streams.clocks import platform_clock, told_the_time
from streams.kafka.transactions import Outgoing, send_once
from streams.settings import Settings


def publish_now(settings: Settings, control: Control) -> Control:
    """Publishes a person's word that holds from now on; returns it as published.

    Raises:
        Unreachable: Kafka does not answer.
    """
    address, codec = _opened(settings)
    said, records = said_now(address, codec, control, settings.core_partitions)
    send_once(address, "controls", records)
    return said


def said_now(address: str, codec: Codec, control: Control, core_partitions: int) -> tuple[Control, list[Outgoing]]:
    """A person's word that holds from now on, as it is to be published, and its records for one transaction.

    Now is the platform's: under the feeds' clock (a demo, a replay) the machine's may be far ahead of it, and
    a word of a time that has not come would wait for it. Plan is told that time, or what is ripe would still be
    offered at the time plan told itself last, after the word was known and before it held.

    Raises:
        Unreachable: Kafka does not answer.
    """
    clock = platform_clock(address, codec)
    said = control if clock is None else replace(control, at=min(control.at, clock))
    now = None if clock is None else said.at
    return said, told_the_time(codec, control_records(codec, said, core_partitions), now, range(core_partitions))


def publish_controls(settings: Settings, controls: Sequence[Control]) -> None:
    """Publishes controls, all or none of them."""
    address, codec = _opened(settings)
    records = (record for control in controls for record in control_records(codec, control, settings.core_partitions))
    send_once(address, "controls", records)


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
