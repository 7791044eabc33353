"""The barrier: faults within are answered and logged without their message; what comes from without passes."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sinks.faults import FaultBarrier

SECRET = "80020312345"


def said(request: Request, error: Exception) -> Response:
    return PlainTextResponse(f"{type(error).__name__} at {request.url.path}", 500)


def ask(app: ASGIApp) -> httpx.Response:
    async def once() -> httpx.Response:
        transport = httpx.ASGITransport(FaultBarrier(app, "board", said))
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
            return await client.get("/page")

    return asyncio.run(once())


async def broken(scope: Scope, receive: Receive, send: Send) -> None:
    raise ValueError(SECRET)


def test_a_fault_is_answered_and_logged_without_its_message(capfd: pytest.CaptureFixture[str]) -> None:
    answer = ask(broken)
    assert (answer.status_code, answer.text) == (500, "ValueError at /page")
    printed = "".join(capfd.readouterr())
    assert "board fault" in printed
    assert "broken" in printed
    assert SECRET not in printed


def test_an_answer_that_has_begun_is_not_begun_again(capfd: pytest.CaptureFixture[str]) -> None:
    async def begins(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"so far"})
        raise ValueError(SECRET)

    assert ask(begins).text == "so far"
    assert "ValueError" in "".join(capfd.readouterr())


def test_whoever_left_is_no_fault(capfd: pytest.CaptureFixture[str]) -> None:
    async def left(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})
        raise ClientDisconnect

    ask(left)
    assert capfd.readouterr() == ("", "")


def test_what_comes_from_without_passes_and_takes_nothing_along(capfd: pytest.CaptureFixture[str]) -> None:
    class Ended(Exception):
        pass

    async def send(message: Message) -> None:
        raise Ended

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def answers(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            raise ValueError(SECRET)
        except ValueError:
            await send({"type": "http.response.start", "status": 500, "headers": []})

    with pytest.raises(Ended) as ended:
        asyncio.run(FaultBarrier(answers, "board", said)({"type": "http"}, receive, send))
    assert ended.value.__suppress_context__
    assert capfd.readouterr() == ("", "")
