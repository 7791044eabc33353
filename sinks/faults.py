"""What becomes of an exception nobody expected in a web application: its kind and place are logged, never its message.

A message may quote what was worked on. A web server prints it whenever an exception reaches it, so none may.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable

import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = structlog.get_logger()


def where(error: BaseException) -> str:
    """Where an error arose, innermost last; never its message, which may quote what was worked on."""
    frames = traceback.extract_tb(error.__traceback__)[-6:]
    return " > ".join(f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in frames)


class FaultBarrier:
    """ASGI middleware: nothing that goes wrong within gets past it.

    Args:
        service: named in the log.
        answer: what is said to whoever asked, unless an answer has begun.
    """

    def __init__(self, app: ASGIApp, service: str, answer: Callable[[Request, Exception], Response]) -> None:
        self._app = app
        self._service = service
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes everything on."""
        is_begun = False
        from_outside: Exception | None = None

        async def send_on(message: Message) -> None:
            nonlocal is_begun, from_outside
            is_begun = is_begun or message["type"] == "http.response.start"
            try:
                await send(message)
            except Exception as error:
                from_outside = error
                raise

        try:
            await self._app(scope, receive, send_on)
        except ClientDisconnect:
            return
        except Exception as error:
            if error is from_outside:  # a server that ends a request so, such as one with too long a body
                raise error from None
            log.error(f"{self._service} fault", error=type(error).__name__, where=where(error))
            if scope["type"] == "http" and not is_begun:
                await self._answer(Request(scope), error)(scope, receive, send)
