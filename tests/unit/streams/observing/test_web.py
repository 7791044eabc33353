"""A web service is observed beside its own port, and what is said of it is what it answers there."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest

from sinks.metrics import Meters
from streams.broker.ports import find_row
from streams.observing import web
from streams.observing.server import Answer, Routes, serving
from streams.observing.web import observed_service
from streams.settings import Settings

WELL: Routes = {"/livez": lambda _: Answer(b"ok\n"), "/readyz": lambda _: Answer(b"ok\n")}
AWAY: Routes = {**WELL, "/readyz": lambda _: Answer(b"the case database does not answer\n", status=503)}


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as held:
        yield held


def observe(stack: ExitStack, own: int) -> int:
    """The metrics port of a service on that port of its own."""
    port = find_row(1)
    stack.enter_context(observed_service(Meters("board"), Settings(metrics_port=port), own))
    return port


def get(port: int, path: str) -> tuple[int, str]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


def test_a_service_that_is_well(stack: ExitStack) -> None:
    port = observe(stack, stack.enter_context(serving("127.0.0.1", 0, WELL)))
    assert get(port, "/livez") == (200, "live\n")
    assert get(port, "/readyz") == (200, "ready\n")
    status, figures = get(port, "/metrics")
    assert (status, "headwater_http_requests_total" in figures) == (200, True)


def test_a_service_that_misses_something_says_what(stack: ExitStack) -> None:
    port = observe(stack, stack.enter_context(serving("127.0.0.1", 0, AWAY)))
    assert get(port, "/readyz") == (503, "board answers 503: the case database does not answer\n")
    assert get(port, "/livez")[0] == 200
    assert get(port, "/metrics")[0] == 200


def test_a_service_that_refuses_everything_lives(stack: ExitStack) -> None:
    port = observe(stack, stack.enter_context(serving("127.0.0.1", 0, {})))
    assert get(port, "/livez")[0] == 200
    assert get(port, "/readyz")[0] == 503


@pytest.mark.parametrize("is_listening", [True, False], ids=["hangs", "is not there"])
def test_a_service_that_does_not_answer_is_seen_down(
    stack: ExitStack, monkeypatch: pytest.MonkeyPatch, is_listening: bool
) -> None:
    monkeypatch.setattr(web, "PATIENCE_S", 0.2)
    silent = stack.enter_context(closing(socket.create_server(("127.0.0.1", 0))))
    own = silent.getsockname()[1] if is_listening else find_row(1)
    port = observe(stack, own)
    for path in ("/livez", "/readyz", "/metrics"):
        status, said = get(port, path)
        assert (status, f"board does not answer at http://127.0.0.1:{own}" in said) == (503, True), path


def test_without_a_metrics_port_nothing_listens(stack: ExitStack) -> None:
    stack.enter_context(observed_service(Meters("board"), Settings(metrics_port=None), 1))
