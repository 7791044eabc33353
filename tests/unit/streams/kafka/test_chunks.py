"""Internals of Faust and aiokafka that only cost speed when they change: nothing else would tell."""

from __future__ import annotations

import asyncio

from aiokafka import AIOKafkaConsumer
from faust.transport.consumer import Consumer

from streams.kafka.chunks import ChunkConsumer


def test_a_consumer_keeps_how_long_a_fetch_may_wait_where_it_is_set() -> None:
    async def made() -> AIOKafkaConsumer:
        return AIOKafkaConsumer(fetch_max_wait_ms=7)

    assert asyncio.run(made())._fetch_max_wait_ms == 7


def test_faust_still_asks_what_to_do_about_full_buffers() -> None:
    for name in ("on_buffer_full", "on_buffer_drop"):
        assert getattr(ChunkConsumer, name) is not getattr(Consumer, name)
        assert name in vars(Consumer), f"Faust no longer has {name}: it would sleep for a second, see ChunkConsumer"
