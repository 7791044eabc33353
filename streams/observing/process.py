"""What every process without a web page of its own serves: /livez, /readyz, /metrics."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sinks.metrics import Meters
from streams.observing.health import Condition, Health
from streams.observing.server import Answer, Asked, Routes, serving
from streams.settings import Settings


@contextmanager
def observed(meters: Meters, health: Health, settings: Settings) -> Iterator[None]:
    """Lets the process be observed on `HEADWATER_METRICS_PORT` while the block runs; does nothing when that is unset.

    Raises:
        UserError: the port is taken or may not be used.
    """
    if settings.metrics_port is None:
        yield
        return
    with serving(settings.bind, settings.metrics_port, routes_of(meters, health)):
        yield


def routes_of(meters: Meters, health: Condition) -> Routes:
    """The three paths."""
    return {
        "/livez": lambda _: _verdict(meters.process, "live", health.why_not_live()),
        "/readyz": lambda _: _verdict(meters.process, "ready", health.why_not_ready()),
        "/metrics": lambda asked: metrics(meters, asked),
    }


def metrics(meters: Meters, asked: Asked) -> Answer:
    """What a scrape gets."""
    return Answer(*meters.expose(asked.accept))


def _verdict(process: str, good: str, why_not: str) -> Answer:
    if why_not:
        return Answer(f"{process} {why_not}\n".encode(), status=503)
    return Answer(f"{good}\n".encode())
