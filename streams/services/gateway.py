"""The gateway's process: the application with its producer and its reader of receipts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from anyio import to_thread
from fastapi import FastAPI

from schemas.contract import Contract
from sinks.metrics import Meters
from streams.composition import Platform, access_file, wall_ms
from streams.ending import Ending
from streams.gateway.app import create_app
from streams.gateway.envelopes import Agency
from streams.gateway.fates import FateReader
from streams.gateway.gateway import Gateway, Parts
from streams.gateway.places import Watermarks
from streams.gateway.receipts import Receipts
from streams.gateway.sending import EventProducer
from streams.observing.web import observed_service
from streams.services.http import serve


def run(platform: Platform, ending: Ending) -> None:
    """Serves until SIGTERM.

    Raises:
        UserError: the port is taken, the deployment has faults, or a dependency is unreachable.
    """
    settings, meters = platform.settings, Meters("gateway")
    with observed_service(meters, settings, settings.gateway_port):
        serve(build(platform, meters), settings, settings.gateway_port, ending)


def build(platform: Platform, meters: Meters) -> FastAPI:
    """The application; it connects to Kafka when it starts to serve, and lets go when it ends.

    Raises:
        UserError: the deployment has faults, or a dependency is unreachable.
    """
    agencies = agencies_of(list(platform.deployment.contracts.values()))
    producer = EventProducer(platform.bootstrap)
    watermarks = Watermarks(platform.bootstrap)
    reader = FateReader(platform.bootstrap, platform.codec, agencies)
    parts = Parts(
        agencies=agencies,
        registry=platform.registry,
        partitions=platform.settings.event_partitions,
        now=wall_ms,
        sender=producer,
        fates=reader.fates,
        is_following=reader.is_alive,
        watermarks=watermarks,
        receipts=Receipts(platform.bootstrap, platform.codec),
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        reader.start()
        try:
            yield
        finally:
            await to_thread.run_sync(producer.close)
            await to_thread.run_sync(reader.close)
            watermarks.close()

    return create_app(Gateway(parts), access_file(platform.settings), meters, lifespan)


def agencies_of(contracts: list[Contract]) -> dict[str, Agency]:
    """Every agency with its contracts, by name."""
    return {
        name: Agency(
            name,
            tuple(contract for contract in contracts if contract.agency == name),
            frozenset(contract.feed for contract in contracts if contract.agency != name),
        )
        for name in sorted({contract.agency for contract in contracts})
    }
