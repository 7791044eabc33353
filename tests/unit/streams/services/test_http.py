"""What a stranger without a code can hold of a service, and for how long."""

from __future__ import annotations

import resource
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest
import uvicorn
from fastapi import FastAPI, Request
from starlette.responses import PlainTextResponse

from streams.services import http
from streams.services.http import configured, listen, most_connections, raise_file_limit


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Of a served application with short patience."""
    monkeypatch.setattr(http, "HEADER_S", 0.5)
    monkeypatch.setattr(http, "BODY_S", 1.0)
    monkeypatch.setattr(http, "MOST_CONNECTIONS", 5)
    app = FastAPI()

    @app.post("/")
    async def size(request: Request) -> PlainTextResponse:
        return PlainTextResponse(str(len(await request.body())))

    bound = listen("127.0.0.1", 0)
    server = uvicorn.Server(configured(app, ""))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield bound.getsockname()[1]
    server.should_exit = True
    thread.join(20)
    bound.close()


def trickle(port: int, beginning: bytes, limit_s: float = 5.0) -> float:
    """Sends a beginning and then a byte every tenth of a second; how long the server bears it, seconds."""
    begun = time.monotonic()
    with socket.create_connection(("127.0.0.1", port)) as connection:
        try:
            connection.sendall(beginning)
            while time.monotonic() < begun + limit_s:
                connection.sendall(b"x")
                time.sleep(0.1)
        except (ConnectionResetError, BrokenPipeError):
            pass
    return time.monotonic() - begun


POST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: "


def test_a_header_that_trickles_is_cut(port: int):
    assert 0.4 < trickle(port, b"GET / HTTP/1.1\r\nX: ") < 2


def test_so_is_a_second_one_on_the_same_connection(port: int):
    assert 0.4 < trickle(port, POST + b"2\r\n\r\nab" + b"GET / HTTP/1.1\r\nX: ") < 2


def test_a_body_that_trickles_is_cut_later(port: int):
    assert 0.9 < trickle(port, POST + b"1000\r\n\r\n") < 2.5


def test_who_sends_nothing_is_cut(port: int):
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        assert connection.recv(1) == b""


def test_a_slow_but_honest_request_is_answered(port: int):
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        for part in (POST, b"3\r\n\r\n", b"a", b"b", b"c"):
            connection.sendall(part)
            time.sleep(0.2)
        assert connection.recv(1000).endswith(b"3")


def test_one_connection_too_many_is_refused_in_plain_words_and_room_comes_back(port: int):
    with ExitStack() as held:
        for _ in range(5):
            held.enter_context(socket.create_connection(("127.0.0.1", port)))
        time.sleep(0.1)
        with socket.create_connection(("127.0.0.1", port), timeout=5) as one_more:
            head, _, body = one_more.recv(1000).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 503 ")
    assert f"Content-Length: {len(body)}".encode() in head
    time.sleep(0.2)
    assert httpx.post(f"http://127.0.0.1:{port}/", content=b"abc").text == "3"


def test_the_process_takes_as_many_files_as_it_may():
    raise_file_limit()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert soft == resource.RLIM_INFINITY or soft >= min(4096, hard if hard != resource.RLIM_INFINITY else 4096)


@pytest.mark.parametrize("files", [1024, 4096, resource.RLIM_INFINITY])
def test_files_are_left_for_other_things_than_connections(monkeypatch: pytest.MonkeyPatch, files: int):
    monkeypatch.setattr(resource, "getrlimit", lambda _: (files, files))
    taken = most_connections() + configured(FastAPI(), "").backlog
    assert taken <= 0.75 * files or files == resource.RLIM_INFINITY
    assert 500 < most_connections() <= http.MOST_CONNECTIONS
