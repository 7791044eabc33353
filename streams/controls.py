"""A person's word on proactive contact, put where it takes effect.

One transaction writes it to `controls.v1`, which every stage may read whole, and in order to
`life-events.v1`, whence correlate passes it to plan: that keeps a replay deterministic.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from confluent_kafka import Producer

from processors.events import Control
from schemas.codec import internal_codec
from schemas.registry import FolderRegistry
from streams import topics
from streams.broker import bootstrap
from streams.kafka.clients import client_config
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
    producer = Producer({**client_config(address), "transactional.id": f"headwater-controls-{uuid.uuid4()}"})
    producer.init_transactions(30)
    producer.begin_transaction()
    for control in controls:
        value = codec.encode(control)
        producer.produce(topics.CONTROLS, partition=0, key=f"{control.person}|{control.kind}", value=value)
        partition = topics.partition_of(control.person, settings.core_partitions)
        key = f"{control.person}|control|{control.kind}|{control.at}"
        producer.produce(topics.LIFE_EVENTS, partition=partition, key=key, value=value)
    producer.commit_transaction(60)
