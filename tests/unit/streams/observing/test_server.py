"""The small server: fixed paths, plain refusals, and nothing a client does can end or hold it."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from sinks.metrics import Meters
from streams.errors import UserError
from streams.observing.health import LIVE_S, READY_S, Health
from streams.observing.process import observed, routes_of
from streams.observing.server import Answer, Asked, serving
from streams.settings import Settings


def broken(_: Asked) -> Answer:
    raise ZeroDivisionError("on purpose")


@pytest.fixture
def port() -> Iterator[int]:
    with serving("127.0.0.1", 0, {"/here": lambda asked: Answer(asked.host.encode()), "/broken": broken}) as found:
        yield found


def get(port: int, path: str, method: str = "GET") -> tuple[int, str]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


def test_a_path_is_answered_with_or_without_a_query(port: int) -> None:
    assert get(port, "/here") == (200, "127.0.0.1")
    assert get(port, "/here?x=1") == (200, "127.0.0.1")
    assert get(port, "/here", "HEAD") == (200, "")


def test_what_is_not_there_is_said_with_what_is(port: int) -> None:
    assert get(port, "/there") == (404, "nothing is here; there are: /broken, /here\n")
    assert get(port, "/here", "POST")[0] == 501


def test_a_fault_of_ours_tells_nothing_and_ends_nothing(port: int, capfd: pytest.CaptureFixture[str]) -> None:
    assert get(port, "/broken") == (500, "fault of the platform; see the log\n")
    assert get(port, "/here")[0] == 200
    assert "on purpose" not in capfd.readouterr().out


@pytest.mark.parametrize(
    "said", [b"\x00\xff\xfe\r\n\r\n", b"GET /here HTTP/9.9\r\n\r\n", b"GET " + b"x" * 100_000, b""]
)
def test_rubbish_and_silence_do_not_hold_the_server(port: int, said: bytes) -> None:
    with closing(socket.create_connection(("127.0.0.1", port), timeout=5)) as client:
        client.sendall(said)
        assert get(port, "/here")[0] == 200


def test_many_ask_at_once(port: int) -> None:
    found: list[int] = []
    askers = [threading.Thread(target=lambda: found.append(get(port, "/here")[0])) for _ in range(40)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    assert found == [200] * 40


def test_a_taken_port_is_named_with_a_remedy(port: int) -> None:
    with pytest.raises(UserError, match=f"port {port} of 127.0.0.1 cannot be used"):
        serving("127.0.0.1", port, {}).__enter__()


def test_the_port_is_free_again_afterwards() -> None:
    with serving("127.0.0.1", 0, {}) as port:
        pass
    with serving("127.0.0.1", port, {}):
        pass


def test_without_a_port_nothing_listens() -> None:
    with observed(Meters("plan"), Health(), Settings(metrics_port=None)):
        assert not [thread for thread in threading.enumerate() if thread.name == "observing"]


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def health(clock: Clock) -> Health:
    return Health(clock)


def answers(health: Health) -> Callable[[str], tuple[int, str]]:
    routes = routes_of(Meters("plan"), health)

    def ask(path: str) -> tuple[int, str]:
        answer = routes[path](Asked(path, "", ""))
        return answer.status, answer.body.decode()

    return ask


def test_a_process_is_ready_when_nothing_is_missing(health: Health) -> None:
    ask = answers(health)
    assert ask("/readyz") == (503, "plan waits for its start\n")
    health.wait_for("4 partitions to be opened")
    assert ask("/readyz") == (503, "plan waits for 4 partitions to be opened\n")
    health.be_ready()
    assert ask("/readyz") == (200, "ready\n")


def test_a_process_that_does_not_move_is_first_not_ready_then_not_live(health: Health, clock: Clock) -> None:
    ask = answers(health)
    health.be_ready()
    clock.now = READY_S
    assert ask("/readyz")[0] == 200
    clock.now = READY_S + 1
    assert ask("/readyz") == (503, "plan has not moved for 31 s\n")
    assert ask("/livez") == (200, "live\n")
    clock.now = LIVE_S + 1
    assert ask("/livez") == (503, "plan has not moved for 121 s\n")
    health.beat()
    assert (ask("/livez"), ask("/readyz")) == ((200, "live\n"), (200, "ready\n"))
