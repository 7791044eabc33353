"""Serves a web application until SIGTERM: one process, no access log, ports refused in plain words.

Bounds what a stranger can hold: the number of connections, and the time a request may take to come.
Fairness between addresses is the reverse proxy's.
"""

from __future__ import annotations

import asyncio
import resource
from contextlib import closing
from typing import Any

import h11
import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from streams.ending import Ending
from streams.listening import listen
from streams.settings import Settings

GRACE_S = 5
"""How long open requests may take to end; streams of events are cut then."""
MOST_CONNECTIONS = 1000
"""How many connections are open at a time; half as many as the process may have files, if that is less."""
HEADER_S = 10.0
"""How long a request's header may take to come, seconds."""
BODY_S = 60.0
"""How long its body may take, seconds."""
BACKLOG = 128
"""How many connections are taken from the system at once, so that too many are refused before files run out."""
_FILES = 4096
_FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\nContent-Length: 21\r\n"
    b"Retry-After: 5\r\nConnection: close\r\n\r\nToo many connections\n"
)


def serve(app: FastAPI, settings: Settings, port: int, ending: Ending) -> None:
    """Serves until SIGTERM or SIGINT.

    Raises:
        UserError: the port is taken or may not be used.
    """
    with closing(listen(settings.bind, port)) as bound:
        raise_file_limit()
        server = uvicorn.Server(configured(app, settings.proxies))
        ending.gently(lambda: setattr(server, "should_exit", True))
        server.run(sockets=[bound])


def configured(app: FastAPI, proxies: str) -> uvicorn.Config:
    """How the application is served.

    Args:
        app: what is served.
        proxies: addresses whose word about the client counts, comma-separated.
    """
    return uvicorn.Config(
        app,
        http=BoundedProtocol,
        access_log=False,
        log_level="warning",
        log_config=None,
        server_header=False,
        forwarded_allow_ips=proxies,
        timeout_graceful_shutdown=GRACE_S,
        backlog=BACKLOG,
    )


class BoundedProtocol(H11Protocol):
    """One connection; cut when a request does not come in time, refused when there are too many."""

    def __init__(
        self,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._awaited: type[h11.IDLE] | type[h11.SEND_BODY] | None = None
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begins to wait for a header, or refuses the connection."""
        super().connection_made(transport)
        if len(self.connections) > most_connections():
            transport.write(_FULL)
            transport.close()
        else:
            self._await()

    def data_received(self, data: bytes) -> None:
        """Takes what came; a part of a request that goes on coming gets no more time."""
        super().data_received(data)
        self._await()

    def connection_lost(self, exc: Exception | None) -> None:
        """Waits for nothing more."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _await(self) -> None:
        state = self.conn.their_state
        if state is self._awaited:
            return
        self._stop_waiting()
        if state in (h11.IDLE, h11.SEND_BODY):
            self._awaited = state
            wait_s = HEADER_S if state is h11.IDLE else BODY_S
            self._deadline = self.loop.call_later(wait_s, self.transport.abort)

    def _stop_waiting(self) -> None:
        self._awaited = None
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def most_connections() -> int:
    """How many connections may be open: files are needed for Kafka and databases too."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST_CONNECTIONS if files == resource.RLIM_INFINITY else min(MOST_CONNECTIONS, files // 2)


def raise_file_limit() -> None:
    """Lets this process have as many open files as it needs, as far as the system allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES if hard == resource.RLIM_INFINITY else min(_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
