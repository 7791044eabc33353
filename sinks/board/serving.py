"""What every page needs of a request: the board, who asks, and whether a form is the board's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, cast
from urllib.parse import urlencode

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse
from jinja2 import ChoiceLoader, Environment, PackageLoader, PrefixLoader
from markupsafe import Markup

from sinks.board import sessions, words
from sinks.board.context import BoardContext, Wording
from sinks.board.lists import TeamLists
from sinks.board.live import Live
from sinks.board.reveals import Reveals
from sinks.board.users import Right, User
from sinks.board.views import Moment

OWN_LANGUAGE = "en"
"""Of the board's own words; what a deployment says is marked where it is in another."""
STATIC = Path(__file__).with_name("static")


class ForgedForm(Exception):
    """A form was sent that no page of this session showed."""


class NotAllowed(Exception):
    """The user's role does not let them do that."""


class NoSuchPage(Exception):
    """Nothing is there, or nothing this user may see: the answer is the same."""


@dataclass(frozen=True, slots=True)
class Board:
    """The board at work: its context, templates, lists, the look-out for changes, and reads of identities."""

    context: BoardContext
    templates: Environment
    lists: TeamLists
    live: Live
    reveals: Reveals

    def moment(self) -> Moment:
        """Now, in this place."""
        return Moment(self.context.now(), self.context.wording)

    def page(self, request: Request, template: str, status: int = 200, **values: object) -> HTMLResponse:
        """A page as an answer; `values` are what its template shows."""
        user = getattr(request.state, "user", None)
        text = self.templates.get_template(template).render(
            request=request,
            user=user,
            wording=self.context.wording,
            token=lambda: sessions.token(request.session),
            **values,
        )
        return HTMLResponse(text, status)


def templates(wording: Wording) -> Environment:
    """The board's templates over those of GOV.UK Frontend; everything shown is escaped."""
    environment = Environment(
        loader=ChoiceLoader(
            [
                PackageLoader("sinks.board"),
                PrefixLoader({"govuk_frontend_jinja": PackageLoader("govuk_frontend_jinja")}),
            ]
        ),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    spoken = Markup("") if wording.language == OWN_LANGUAGE else Markup(' lang="{}"').format(wording.language)
    environment.globals.update(spoken=spoken, asset=_assets().__getitem__, Right=Right, words=words)
    return environment


def _assets() -> dict[str, str]:
    """Address of each static file; it changes with its content, so browsers may keep it for ever."""
    files = [path for path in STATIC.rglob("*") if path.suffix in {".css", ".js", ".svg"}]
    return {
        (name := path.relative_to(STATIC).as_posix()): f"/static/{name}?{sha256(path.read_bytes()).hexdigest()[:12]}"
        for path in files
    }


def board_of(request: Request) -> Board:
    """The board that serves a request."""
    return cast(Board, request.app.state.board)


TheBoard = Annotated[Board, Depends(board_of)]


def signed_in(request: Request, board: TheBoard) -> User:
    """Who asks.

    Raises:
        SignInNeeded: nobody, or somebody whose eight hours are over.
        SignInUnavailable: it cannot be known just now.
    """
    now = board.context.wall()
    user = sessions.user_of(request.session, board.context.sign_in, now)
    if user is None:
        has_expired = 0 < sessions.ends_at(request.session) <= now
        raise sessions.SignInNeeded(_page_of(request), has_expired)
    request.state.user = user
    return user


TheUser = Annotated[User, Depends(signed_in)]


async def own_form(request: Request) -> Mapping[str, Any]:
    """The fields sent in, from a page of this session.

    Raises:
        ForgedForm: from anywhere else.
    """
    form = await request.form(max_files=0, max_fields=20)
    if not sessions.is_own_form(request.session, str(form.get("token", ""))):
        raise ForgedForm
    return form


def users_form(user: TheUser, form: Annotated[Mapping[str, Any], Depends(own_form)]) -> Mapping[str, Any]:
    """The same, of somebody signed in: who it is comes first."""
    del user
    return form


Form = Annotated[Mapping[str, Any], Depends(own_form)]
UsersForm = Annotated[Mapping[str, Any], Depends(users_form)]


def is_fragment(request: Request) -> bool:
    """Whether htmx asks for a part of a page it shows already."""
    return request.headers.get("HX-Request") == "true"


def _page_of(request: Request) -> str:
    """The page a request came from or is for: what to show again after signing in."""
    if request.method == "POST":
        return sessions.safe_path(request.url.path.rsplit("/", 1)[0] or "/")
    kept = urlencode([(name, value) for name, value in request.query_params.multi_items() if name != "seen"])
    return sessions.safe_path(f"{request.url.path}?{kept}" if kept else request.url.path)
