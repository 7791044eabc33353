"""Ports in a row for tests; below those the kernel gives to outgoing connections, so that none is taken meanwhile."""

from __future__ import annotations

import random
import socket
from contextlib import closing

LOWEST, HIGHEST = 15_000, 31_000


def find_row(number: int) -> int:
    """The first of so many ports in a row that nothing uses."""
    while True:
        first = random.SystemRandom().randrange(LOWEST, HIGHEST)
        if all(_is_free(port) for port in range(first, first + number)):
            return first


def _is_free(port: int) -> bool:
    with closing(socket.socket()) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
