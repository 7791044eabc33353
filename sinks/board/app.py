"""The application: pages, middleware, and what is said when something cannot be done."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from urllib.parse import urlencode

from fastapi import FastAPI, Request, Response
from fastapi.responses import RedirectResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.middleware.sessions import SessionMiddleware
from starlette.types import Scope as AsgiScope

from sinks.aggregates import AggregatesUnusable
from sinks.board import sessions
from sinks.board.context import BoardContext, IdentityUnavailable
from sinks.board.guard import Guard
from sinks.board.lists import TeamLists
from sinks.board.live import Live
from sinks.board.pages import aggregates, health, offer, offers, sign_in
from sinks.board.reveals import Reveals
from sinks.board.serving import (
    STATIC,
    Board,
    ForgedForm,
    NoSuchPage,
    NotAllowed,
    board_of,
    is_fragment,
    own_form,
    templates,
)
from sinks.board.sessions import SignInNeeded
from sinks.board.users import SignInUnavailable
from sinks.case_db import CaseStoreUnavailable
from sinks.faults import FaultBarrier

_RETRY_S = "5"
_LARGEST_FORM = 65_536
"""Bytes; the board's largest form has a few hundred."""

_SAID: dict[type[Exception], tuple[int, str, str]] = {
    NoSuchPage: (404, "Page not found", "There is no such page, or it belongs to another team."),
    NotAllowed: (403, "You cannot do that", "Your role on the team lets you see offers, not act on them."),
    ForgedForm: (
        403,
        "This form could not be accepted",
        "It did not come from the page you are signed in on, or your browser does not keep cookies. Nothing was "
        "recorded. Go back, load the page again, and try once more.",
    ),
    CaseStoreUnavailable: (
        503,
        "The board cannot reach its database",
        "What was recorded before is safe. Nothing you sent just now was recorded. Try again in a moment.",
    ),
    SignInUnavailable: (503, "Nobody can sign in just now", "The list of codes cannot be read. Try again in a moment."),
    IdentityUnavailable: (
        503,
        "The identity register does not answer",
        "Nothing was shown. The offer is still yours. Try again in a moment.",
    ),
    AggregatesUnusable: (
        503,
        "These figures cannot be read",
        "A file is damaged. Tell whoever runs the board.",
    ),
}


def create_app(context: BoardContext) -> FastAPI:
    """The board as an ASGI application."""
    app = FastAPI(
        title="Headwater board", docs_url=None, redoc_url=None, openapi_url=None, max_body_size=_LARGEST_FORM,
        redirect_slashes=False,  # such an answer would lead to whatever host the request names
    )  # fmt: skip
    lists = TeamLists(context)
    app.state.board = Board(context, templates(context.wording), lists, Live(lists.mark), Reveals(context))
    for part in (sign_in, offers, offer, aggregates, health):
        app.include_router(part.router)
    app.mount("/static", _KeptFiles(directory=STATIC), name="static")
    app.add_exception_handler(SignInNeeded, _ask_to_sign_in)
    app.add_exception_handler(HTTPException, _http_fault)
    for kind in _SAID:
        app.add_exception_handler(kind, _known_fault)
    # Without an age in the cookie: its time is judged by what it says itself, so that whoever comes back can be told.
    app.add_middleware(
        SessionMiddleware,
        secret_key=context.secret,
        session_cookie=sessions.COOKIE,
        max_age=None,
        same_site="lax",
    )
    app.add_middleware(FaultBarrier, service="board", answer=_own_fault)
    app.add_middleware(Guard)
    context.instrument(app)
    return app


class _KeptFiles(StaticFiles):
    """Static files; their addresses change with their content."""

    async def get_response(self, path: str, scope: AsgiScope) -> Response:
        response = await super().get_response(path, scope)
        if response.status_code in {200, 304}:
            response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response


Handler = Callable[[Request, Exception], Awaitable[Response]]


async def _ask_to_sign_in(request: Request, fault: Exception) -> Response:
    assert isinstance(fault, SignInNeeded)
    if fault.has_expired and request.method == "POST":
        await _keep_draft(request)
    query = {"back": fault.back_to} | ({"why": "expired"} if fault.has_expired else {})
    where = f"/sign-in?{urlencode(query)}"
    if is_fragment(request):
        return Response(status_code=401, headers={"HX-Redirect": where})
    if request.url.path == "/events":
        return Response(status_code=401)
    return RedirectResponse(where, HTTPStatus.SEE_OTHER)


async def _keep_draft(request: Request) -> None:
    """Keeps what was chosen in a form that came too late, for the same page after signing in."""
    try:
        form = await own_form(request)
    except (ForgedForm, HTTPException):
        return
    if form.get("outcome"):
        request.session["draft"] = {"page": sessions.safe_path(request.url.path), "outcome": str(form["outcome"])[:40]}


async def _known_fault(request: Request, fault: Exception) -> Response:
    status, title, text = next(said for kind, said in _SAID.items() if isinstance(fault, kind))
    return _say(request, status, title, text)


async def _http_fault(request: Request, fault: Exception) -> Response:
    assert isinstance(fault, HTTPException)
    if fault.status_code == HTTPStatus.NOT_FOUND:
        return await _known_fault(request, NoSuchPage())
    return _say(
        request, fault.status_code, HTTPStatus(fault.status_code).phrase, "The board cannot answer this request."
    )


def _own_fault(request: Request, fault: Exception) -> Response:
    del fault  # the barrier writes its place into the log
    return _say(request, 500, "Something went wrong", "The fault is ours and was noted. Try again in a moment.")


def _say(request: Request, status: int, title: str, text: str) -> Response:
    response = board_of(request).page(request, "said.html", status, heading=title, text=text)
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        response.headers["Retry-After"] = _RETRY_S
    return response
