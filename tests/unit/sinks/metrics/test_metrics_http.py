"""What an instrumented application counts: templates, never paths; each request once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from prometheus_client.parser import text_string_to_metric_families
from starlette.responses import StreamingResponse

from sinks.metrics import Meters
from sinks.metrics.http import instrument


@pytest.fixture
def app() -> FastAPI:
    made = FastAPI()
    instrument(made, Meters("board"), "board")

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


def ask(app: FastAPI, *requests: tuple[str, str]) -> dict[tuple[str, str, str], float]:
    """Makes the requests, then reads from /metrics what was counted, by route, method and status; zeros left out."""

    async def go() -> str:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            for method, path in requests:
                await client.request(method, path)
            answer = await client.get("/metrics")
        assert answer.headers["content-type"].startswith("text/plain")
        return answer.text

    return {
        (sample.labels["route"], sample.labels["method"], sample.labels["status"]): sample.value
        for family in text_string_to_metric_families(asyncio.run(go()))
        for sample in family.samples
        if sample.name == "headwater_http_requests_total" and sample.value
    }


def test_requests_count_by_template_method_and_status(app: FastAPI) -> None:
    found = ask(app, ("GET", "/offers/1"), ("GET", "/offers/2"), ("POST", "/v1/events/7"), ("POST", "/offers/3"))
    assert found == {
        ("/offers/{id}", "GET", "200"): 2,
        ("/v1/events/{id}", "POST", "200"): 1,
        ("/offers/{id}", "POST", "405"): 1,
    }


def test_nothing_a_client_makes_up_becomes_a_label(app: FastAPI) -> None:
    found = ask(app, ("GET", "/../etc/passwd"), ("GET", "/nobody-knows-this"), ("BREW", "/offers/1"))
    assert found == {("other", "GET", "404"): 2, ("/offers/{id}", "other", "405"): 1}


def test_what_the_application_fails_at_counts_as_500(app: FastAPI) -> None:
    assert ask(app, ("GET", "/offers/broken")) == {("/offers/{id}", "GET", "500"): 1}


def test_an_answer_is_timed_until_it_begins(app: FastAPI) -> None:
    meters = Meters("gateway")
    instrument(app, meters, "gateway")
    ask(app, ("GET", "/stream"))
    taken = meters.registry.get_sample_value(
        "headwater_http_request_seconds_sum", {"service": "gateway", "route": "/stream"}
    )
    assert taken is not None
    assert taken < 0.25
