"""Serves a web application until SIGTERM: one process, no access log, ports refused in plain words."""

from __future__ import annotations

import signal
import socket
from contextlib import closing

import uvicorn
from fastapi import FastAPI

from streams.errors import UserError
from streams.settings import Settings

GRACE_S = 5
"""How long open requests may take to end; streams of events are cut then."""


def serve(app: FastAPI, settings: Settings, port: int) -> None:
    """Serves until SIGTERM or SIGINT.

    Raises:
        UserError: the port is taken or may not be used.
    """
    with closing(listen(settings.bind, port)) as bound:
        config = uvicorn.Config(
            app,
            access_log=False,
            log_level="warning",
            log_config=None,
            server_header=False,
            forwarded_allow_ips=settings.proxies,
            timeout_graceful_shutdown=GRACE_S,
        )
        # uvicorn raises the signal it ended by once more; the process has ended well by then.
        signal.signal(signal.SIGTERM, lambda *_: None)
        uvicorn.Server(config).run(sockets=[bound])


def listen(host: str, port: int) -> socket.socket:
    """A socket bound to that port, before anything else is built.

    Raises:
        UserError: the port is taken or may not be used.
    """
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise UserError(
            f"port {port} of {host} cannot be used ({error.strerror})",
            "end what uses it, or set another: `headwater settings` lists the ports",
        ) from None
    return bound
