"""What an instrumented application counts: templates, never paths; each request once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from starlette.responses import StreamingResponse

from sinks.metrics import Meters
from sinks.metrics.http import instrument


@pytest.fixture
def meters() -> Meters:
    return Meters("board")


@pytest.fixture
def app(meters: Meters) -> FastAPI:
    made = FastAPI()
    instrument(made, meters, "board")

    @made.get("/offers/{id}")
    def offer(id: str) -> str:
        if id == "broken":
            raise RuntimeError("on purpose")
        return id

    @made.get("/stream")
    async def stream() -> StreamingResponse:
        async def lines() -> AsyncIterator[bytes]:
            yield b"one"
            await asyncio.sleep(0.3)
            yield b"two"

        return StreamingResponse(lines())

    router = APIRouter(prefix="/v1")

    @router.post("/events/{id}")
    def event(id: str) -> str:
        return id

    made.include_router(router)
    return made


def send(app: FastAPI, *requests: tuple[str, str]) -> list[int]:
    """Makes the requests; the status of each."""

    async def go() -> list[int]:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return [(await client.request(method, path)).status_code for method, path in requests]

    return asyncio.run(go())


def counted(meters: Meters) -> dict[tuple[str, str, str], float]:
    """What was counted, by route, method and status; zeros left out."""
    return {
        (sample.labels["route"], sample.labels["method"], sample.labels["status"]): sample.value
        for family in meters.registry.collect()
        for sample in family.samples
        if sample.name == "headwater_http_requests_total" and sample.value
    }


def test_figures_are_not_shown_where_requests_come_in(app: FastAPI) -> None:
    assert send(app, ("GET", "/metrics"), ("GET", "/metrics/")) == [404, 404]


def test_requests_count_by_template_method_and_status(app: FastAPI, meters: Meters) -> None:
    send(app, ("GET", "/offers/1"), ("GET", "/offers/2"), ("POST", "/v1/events/7"), ("POST", "/offers/3"))
    assert counted(meters) == {
        ("/offers/{id}", "GET", "200"): 2,
        ("/v1/events/{id}", "POST", "200"): 1,
        ("/offers/{id}", "POST", "405"): 1,
    }


def test_nothing_a_client_makes_up_becomes_a_label(app: FastAPI, meters: Meters) -> None:
    send(app, ("GET", "/../etc/passwd"), ("GET", "/nobody-knows-this"), ("BREW", "/offers/1"))
    assert counted(meters) == {("other", "GET", "404"): 2, ("/offers/{id}", "other", "405"): 1}


def test_what_the_application_fails_at_counts_as_500(app: FastAPI, meters: Meters) -> None:
    send(app, ("GET", "/offers/broken"))
    assert counted(meters) == {("/offers/{id}", "GET", "500"): 1}


def test_an_answer_is_timed_until_it_begins(app: FastAPI, meters: Meters) -> None:
    send(app, ("GET", "/stream"))
    taken = meters.registry.get_sample_value(
        "headwater_http_request_seconds_sum", {"service": "board", "route": "/stream"}
    )
    assert taken is not None
    assert taken < 0.25
