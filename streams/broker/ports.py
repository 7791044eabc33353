"""TCP ports of this machine's loopback address; reserves nothing, only looks."""

from __future__ import annotations

import secrets
import socket

HOST = "127.0.0.1"
LOWEST_OF_ROW = 15_000


def is_free(port: int, host: str = HOST) -> bool:
    """Whether a server could listen on the port now; left-over closed connections do not count."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def find_free(but: int = 0) -> int:
    """A free port other than `but`, chosen by the operating system."""
    while True:
        with socket.socket() as probe:
            probe.bind((HOST, 0))
            port = int(probe.getsockname()[1])
        if port != but:
            return port


def find_row(number: int, host: str = HOST) -> int:
    """The first of so many free ports in a row.

    Below those the kernel gives to outgoing connections, which could take one meanwhile.
    """
    while True:
        first = LOWEST_OF_ROW + secrets.randbelow(16_000)
        if all(is_free(port, host) for port in range(first, first + number)):
            return first
