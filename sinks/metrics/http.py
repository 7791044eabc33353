"""Counts what an HTTP service answers. Does not show the figures: its port is open to more than operators.

The route is the template as the application declares it (`/offers/{id}`), never the path that was
asked for; an unknown path, method or file counts under one name. An answer is timed until it begins:
a stream of events that stays open for hours is not slow.
"""

from __future__ import annotations

import time

from fastapi import FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sinks.metrics.meters import Meters

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER = "other"
FAILED = 500


def instrument(app: FastAPI, meters: Meters, service: str) -> None:
    """Counts the application's requests; call it before the application serves.

    Args:
        app: routes may be added before or after.
        meters: `Meters(service)`; their request families are used.
        service: `board` or `gateway`.
    """
    app.add_middleware(RequestCounter, meters=meters, service=service)


class RequestCounter:
    """ASGI middleware; counts each request once, when its answer begins or the application fails."""

    def __init__(self, app: ASGIApp, meters: Meters, service: str) -> None:
        self._app = app
        self._meters = meters
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes everything on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = time.perf_counter()
        is_counted = False

        def count(status: int) -> None:
            nonlocal is_counted
            if not is_counted:
                is_counted = True
                self._count(scope, status, time.perf_counter() - begun)

        async def send_on(message: Message) -> None:
            if message["type"] == "http.response.start":
                count(message["status"])
            await send(message)

        try:
            await self._app(scope, receive, send_on)
        except Exception:
            count(FAILED)
            raise

    def _count(self, scope: Scope, status: int, seconds: float) -> None:
        route = route_of(scope)
        method = scope["method"] if scope["method"] in METHODS else OTHER
        requests = self._meters.http_requests
        requests.labels(self._service, route, method, str(FAILED))  # "never failed" is a zero
        requests.labels(self._service, route, method, str(status)).inc()
        self._meters.http_seconds.labels(self._service, route).observe(seconds)


def route_of(scope: Scope) -> str:
    """Template of the route that answered; unknown paths and mounted files are one route, `other`."""
    return getattr(scope.get("route"), "path", OTHER)
