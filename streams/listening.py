"""A port of this process, bound before anything else is built; taken ports are told in plain words."""

from __future__ import annotations

import socket

from streams.errors import UserError


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
