"""How old a broker is, from what it says it understands; brokers are little servers that speak that much."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from contextlib import ExitStack, closing
from threading import Thread

import pytest

from streams.kafka.versions import SIGN, SIGN_VERSION, too_old


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as held:
        yield held


def broker(stack: ExitStack, spoken: dict[int, int]) -> tuple[str, int]:
    """Answers ApiVersions with these requests and their newest versions."""
    server = stack.enter_context(closing(socket.create_server(("127.0.0.1", 0))))
    Thread(target=answer, args=(server, spoken), daemon=True).start()
    return server.getsockname()[:2]


def answer(server: socket.socket, spoken: dict[int, int]) -> None:
    client, _ = server.accept()
    with client:
        while size := client.recv(4, socket.MSG_WAITALL):
            request = client.recv(*struct.unpack(">i", size), socket.MSG_WAITALL)
            _key, _version, correlation = struct.unpack(">hhi", request[:8])
            rows = b"".join(struct.pack(">hhh", key, 0, newest) for key, newest in spoken.items())
            body = struct.pack(">ihi", correlation, 0, len(spoken)) + rows
            client.sendall(struct.pack(">i", len(body)) + body)


def test_old_brokers_are_named_and_others_are_not(stack: ExitStack) -> None:
    new, old, older = (
        broker(stack, spoken) for spoken in ({0: 9, SIGN: SIGN_VERSION}, {0: 9, SIGN: SIGN_VERSION - 1}, {0: 9})
    )
    assert too_old([new, old, older]) == [f"127.0.0.1:{old[1]}", f"127.0.0.1:{older[1]}"]


def test_a_broker_that_is_away_or_hangs_up_is_not_called_old(stack: ExitStack) -> None:
    hanging_up = stack.enter_context(closing(socket.create_server(("127.0.0.1", 0))))
    Thread(target=hang_up, args=(hanging_up,), daemon=True).start()
    assert too_old([("127.0.0.1", 1), hanging_up.getsockname()[:2]]) == []


def hang_up(server: socket.socket) -> None:
    client, _ = server.accept()
    client.close()


def test_the_broker_of_the_tests_is_new_enough(kafka: str) -> None:
    host, port = kafka.rsplit(":", 1)
    assert too_old([(host, int(port))]) == []
