"""The HTTP application: who asks, within which bounds, and what is answered. The work is `gateway`'s."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Annotated, Any

import structlog
from fastapi import Depends, FastAPI, Path, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import ValidationError
from starlette.exceptions import HTTPException

from sinks.faults import FaultBarrier
from sinks.metrics import Meters
from sinks.metrics.http import instrument
from streams.access import AccessFile, Kind
from streams.agencies.receipts import as_data
from streams.errors import UserError
from streams.gateway import openapi
from streams.gateway.answers import EventsAnswer, Fate, HeartbeatAnswer, HeartbeatRequest, ReceiptsAnswer
from streams.gateway.bodies import media_type_of, read_body
from streams.gateway.documents import read_document
from streams.gateway.envelopes import OWN, Agency
from streams.gateway.gateway import Gateway
from streams.gateway.problems import Problem, ProblemType, page, unavailable
from streams.gateway.receipts import MOST, read_since

log = structlog.get_logger()

MOST_AT_ONCE = 64
"""How many bodies are read and worked on at a time; others wait."""
MOST_OF_ONE = 8
"""How many of these may be one agency's, so that a slow one keeps nobody else out."""
WAIT_S = 5.0
"""How long they wait, seconds."""

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]
_bearer = HTTPBearer(auto_error=False, description="The agency's code: `headwater access issue` makes one.")


def create_app(gateway: Gateway, access: AccessFile, meters: Meters, lifespan: Lifespan | None = None) -> FastAPI:
    """Builds the application.

    Args:
        gateway: does the work.
        access: knows agencies by their codes.
        meters: count requests.
        lifespan: starts and ends what the gateway works with.
    """
    app = FastAPI(
        title="Headwater gateway", version="1", description=openapi.DESCRIPTION, lifespan=lifespan,
        docs_url=None, redoc_url=None, openapi_tags=openapi.TAGS, redirect_slashes=False,
    )  # fmt: skip
    room = _Room()

    def agency_of(credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]) -> Agency:
        return gateway.agency(_verified(access, credentials))

    caller: Agency = Depends(agency_of)

    @app.post("/v1/events", status_code=202, response_model=EventsAnswer, **openapi.EVENTS)
    async def publish(request: Request, agency: Agency = caller) -> Any:  # noqa: ANN401 - FastAPI makes the answer
        """Publishes events; the answer comes when Kafka has them.

        What fits the contract's schema is taken, the rest told as `rejected`. Repeating a request does no harm.
        """
        media_type = media_type_of(request)
        async with room.for_one(agency):
            body = await read_body(request)
            return await gateway.publish(agency, media_type, request.headers, body)

    @app.post("/v1/heartbeats", status_code=202, response_model=HeartbeatAnswer, **openapi.HEARTBEATS)
    async def beat(request: Request, agency: Agency = caller) -> Any:  # noqa: ANN401 - as above
        """Says "everything recorded up to then has been sent", so that silence can be told from a broken feed."""
        if media_type_of(request) != OWN:
            raise Problem(ProblemType.WRONG_MEDIA_TYPE, f"`Content-Type` must be {OWN}")
        async with room.for_one(agency):
            return await gateway.beat(agency, _heartbeat(await read_body(request, most=10_000)))

    @app.get("/v1/events/{receipt}", response_model=Fate, response_model_exclude_none=True, **openapi.FATE)
    async def fate(receipt: Annotated[str, Path(max_length=300)], agency: Agency = caller) -> Any:  # noqa: ANN401 - as above
        """What became of an event: by the `receipt` of the answer that took it."""
        return await gateway.fate(agency, receipt)

    @app.get("/v1/receipts", response_model=ReceiptsAnswer, **openapi.RECEIPTS)
    async def receipts(
        since: Annotated[str | None, Query(description="`next` of an earlier page, or RFC 3339")] = None,
        limit: Annotated[int, Query(ge=1, le=MOST)] = 100,
        agency: Agency = caller,
    ) -> Any:  # noqa: ANN401 - as above
        """The agency's receipts, oldest first; without `since` the newest."""
        start = None if since is None else read_since(since)
        if since is not None and start is None:
            raise Problem(ProblemType.WRONG_QUERY, "`since` is neither `next` of an earlier page nor an RFC 3339 time")
        found = await gateway.receipts(agency, start, limit)
        return JSONResponse({"receipts": [as_data(one) for one in found.receipts], "next": str(found.next)})

    @app.get("/", include_in_schema=False)
    async def welcome() -> PlainTextResponse:
        return PlainTextResponse(openapi.WELCOME)

    @app.get("/problems/{name}", include_in_schema=False)
    async def problem(name: str) -> JSONResponse:
        found = page(name)
        if found is None:
            raise Problem(ProblemType.NO_SUCH_PATH, "there is no problem of that name")
        return JSONResponse(found)

    @app.get("/livez", **openapi.LIVE)
    async def live() -> PlainTextResponse:
        """The process works."""
        return PlainTextResponse("live\n")

    @app.get("/readyz", **openapi.READY)
    async def ready() -> PlainTextResponse:
        """Kafka answers, and receipts are followed."""
        await gateway.require_ready()
        return PlainTextResponse("ready\n")

    _tell_problems(app)
    openapi.mend(app)
    app.add_middleware(FaultBarrier, service="gateway", answer=_fault)
    instrument(app, meters, "gateway")
    return app


class _Room:
    """Bounds how many bodies are in memory at a time, and how many of them one agency has there."""

    def __init__(self) -> None:
        self._free = asyncio.Semaphore(MOST_AT_ONCE)
        self._free_of: defaultdict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(MOST_OF_ONE))

    @asynccontextmanager
    async def for_one(self, agency: Agency) -> AsyncIterator[None]:
        """Waits for room: first for the agency's own, so that its waiting bodies take none of the others'.

        Raises:
            Problem: there is none for too long.
        """
        async with AsyncExitStack() as held:
            try:
                async with asyncio.timeout(WAIT_S):
                    await held.enter_async_context(self._free_of[agency.name])
                    await held.enter_async_context(self._free)
            except TimeoutError:
                raise Problem(ProblemType.BUSY, "too many requests are being worked on", {"Retry-After": "2"}) from None
            yield


def _fault(_: Request, error: Exception) -> JSONResponse:
    return Problem(ProblemType.FAULT, f"{type(error).__name__}; the request may have been worked on").response()


def _verified(access: AccessFile, credentials: HTTPAuthorizationCredentials | None) -> str:
    if credentials is None:
        raise Problem(ProblemType.NO_CODE, "there is no bearer code", {"WWW-Authenticate": 'Bearer realm="headwater"'})
    try:
        name = access.verify(Kind.AGENCY, credentials.credentials)
    except UserError as error:
        log.error("codes cannot be read", problem=error.problem, remedy=error.remedy)
        raise unavailable("the codes of agencies cannot be read", 30) from None
    if name is None:
        challenge = 'Bearer realm="headwater", error="invalid_token"'
        raise Problem(ProblemType.NO_CODE, "the code is no agency's", {"WWW-Authenticate": challenge})
    return name


def _heartbeat(body: bytes) -> HeartbeatRequest:
    document = read_document(body)
    try:
        return HeartbeatRequest.model_validate(document, strict=True)
    except ValidationError:
        raise Problem(
            ProblemType.WRONG_SHAPE, "an object is wanted, with `contract` and perhaps `up_to`, both text"
        ) from None


def _tell_problems(app: FastAPI) -> None:
    """Every error as a problem: ours, the framework's, and parameters that are wrong."""

    @app.exception_handler(Problem)
    async def told(_: Request, problem: Problem) -> JSONResponse:
        return problem.response()

    @app.exception_handler(HTTPException)
    async def not_routed(_: Request, error: HTTPException) -> JSONResponse:
        type_ = {404: ProblemType.NO_SUCH_PATH, 405: ProblemType.WRONG_METHOD}.get(error.status_code, ProblemType.FAULT)
        return Problem(type_, type_.value.title, error.headers).response()

    @app.exception_handler(RequestValidationError)
    async def wrong_parameter(_: Request, error: RequestValidationError) -> JSONResponse:
        named = sorted({str(one["loc"][-1]) for one in error.errors()})
        return Problem(ProblemType.WRONG_QUERY, f"wrong: {', '.join(named)}").response()
