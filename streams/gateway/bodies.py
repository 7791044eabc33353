"""Reads a request's body within bounds, and what its headers say it is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

from starlette.requests import Request

from streams.gateway.envelopes import MEDIA_TYPES
from streams.gateway.problems import Problem, ProblemType

MOST_BYTES = 4_000_000
"""Largest body taken, bytes."""
LONGEST_S = 30.0
"""How long a body may take to come, seconds."""
_MOST_DRAINED = 16_000_000
_DRAINING_S = 5.0


async def read_body(request: Request, most: int = MOST_BYTES, longest_s: float = LONGEST_S) -> bytes:
    """The whole body; reading ends where it gets too large, whatever length it announced.

    Raises:
        Problem: it is too large or too slow.
    """
    announced = request.headers.get("content-length", "")
    stream = request.stream()
    body = bytearray()
    is_large = announced.isascii() and announced.isdecimal() and int(announced[:20]) > most
    try:
        async with asyncio.timeout(longest_s):
            while not is_large and (chunk := await anext(stream, None)) is not None:
                body += chunk
                is_large = len(body) > most
    except TimeoutError:
        raise Problem(ProblemType.TOO_SLOW, f"the body did not come within {longest_s:.0f} s", _CLOSE) from None
    if is_large:
        body.clear()
        await _drain(stream)
        raise Problem(ProblemType.TOO_LARGE, f"the body is larger than {most} bytes", _CLOSE)
    return bytes(body)


async def _drain(stream: AsyncIterator[bytes]) -> None:
    """Takes some of what still comes and forgets it: a client cut off while it sends never sees the answer."""
    drained = 0
    with suppress(TimeoutError):
        async with asyncio.timeout(_DRAINING_S):
            async for chunk in stream:
                drained += len(chunk)
                if drained > _MOST_DRAINED:
                    return


def media_type_of(request: Request) -> str:
    """Media type of the body, one of `MEDIA_TYPES`.

    Raises:
        Problem: another, or encoded in some way.
    """
    if request.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        raise _wrong_media("the body is compressed; send it as it is", {"Accept-Encoding": "identity"})
    named, *parameters = request.headers.get("content-type", "").split(";")
    found = named.strip().lower()
    charsets = [value.strip(' "').lower() for name, _, value in _pairs(parameters) if name.strip().lower() == "charset"]
    if found not in MEDIA_TYPES or any(one not in ("utf-8", "utf8") for one in charsets):
        raise _wrong_media(f"`Content-Type` must be one of: {', '.join(MEDIA_TYPES)}; in UTF-8")
    return found


_CLOSE = {"Connection": "close"}


def _pairs(parameters: list[str]) -> list[tuple[str, str, str]]:
    return [one.partition("=") for one in parameters]


def _wrong_media(detail: str, headers: dict[str, str] | None = None) -> Problem:
    return Problem(ProblemType.WRONG_MEDIA_TYPE, detail, {"Accept-Post": ", ".join(MEDIA_TYPES), **(headers or {})})
