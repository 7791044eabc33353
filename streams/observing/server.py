"""A small HTTP server in a thread: fixed paths, GET and HEAD, an answer each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import structlog

from streams.listening import listen
from streams.logs import where

log = structlog.get_logger()

PLAIN = "text/plain; charset=utf-8"
SLOWEST_S = 10.0
"""How long a client may take to ask, or to read an answer."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request.

    Attributes:
        path: without its query.
        accept: the `Accept` header.
        host: address of this machine at which the asker reached it.
    """

    path: str
    accept: str
    host: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered."""

    body: bytes
    content_type: str = PLAIN
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


Routes = Mapping[str, Callable[[Asked], Answer]]


@contextmanager
def serving(host: str, port: int, routes: Routes) -> Iterator[int]:
    """Serves the routes until the block ends; gives the port (another one when `port` is 0).

    Raises:
        UserError: the port is taken or may not be used.
    """
    bound = listen(host, port)
    server = _Server(bound.getsockname()[:2], _handler(routes), bind_and_activate=False)
    server.socket.close()
    server.socket = bound
    server.server_activate()
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, name="observing", daemon=True)
    thread.start()
    try:
        yield bound.getsockname()[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is no event."""


def _handler(routes: Routes) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = SLOWEST_S

        def do_GET(self) -> None:
            self._answer(has_body=True)

        def do_HEAD(self) -> None:
            self._answer(has_body=False)

        def _answer(self, has_body: bool) -> None:
            path = self.path.partition("?")[0]
            asked = Asked(path, self.headers.get("Accept", ""), self.connection.getsockname()[0])
            answer = _answer_of(routes, asked)
            self.send_response(answer.status)
            fixed = {"Content-Type": answer.content_type, "Content-Length": str(len(answer.body)),
                     "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}  # fmt: skip
            for name, value in {**fixed, **answer.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            if has_body:
                self.wfile.write(answer.body)

        def version_string(self) -> str:
            return "headwater"

        def log_message(self, format: str, *args: object) -> None:
            """No access log: Prometheus asks every few seconds."""

    return Handler


def _answer_of(routes: Routes, asked: Asked) -> Answer:
    route = routes.get(asked.path)
    if route is None:
        return Answer(f"nothing is here; there are: {', '.join(sorted(routes))}\n".encode(), status=404)
    try:
        return route(asked)
    except Exception as error:  # noqa: BLE001 - whoever looks must not end what is looked at
        log.error("cannot be observed", path=asked.path, error=type(error).__name__, where=where(error))
        return Answer(b"fault of the platform; see the log\n", status=500)
