"""One offer: why it is there, what can be done with it, and who it is about."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse, Response

from processors.offers.actions import ActionKind, OutcomeCode
from sinks.board.serving import Board, NoSuchPage, NotAllowed, TheBoard, TheUser, UsersForm, is_fragment
from sinks.board.users import Right, User
from sinks.board.views import OfferView, is_contact, people, view
from sinks.board.words import OUTCOMES
from sinks.case_db.values import Acted, ActResult, CaseOffer, Wish

router = APIRouter(prefix="/offers/{offer_id}")

PURPOSE = "contact about offer"
NO_OUTCOME = "Select how it ended"
_ID = re.compile("[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Answer:
    """What an offer's page shows beside the offer.

    Attributes:
        said: what became of a wish, once.
        chosen: outcome that is chosen in the form.
        fault: what is missing in the form.
    """

    said: Mapping[str, str] | None = None
    chosen: str = ""
    fault: str = ""
    status: int = HTTPStatus.OK


def _offer_id(user: TheUser, offer_id: str) -> str:
    """The id in a path; who asks comes first.

    Raises:
        NoSuchPage: no offer has such an id.
    """
    del user
    if not _ID.fullmatch(offer_id):
        raise NoSuchPage
    return offer_id


OfferId = Annotated[str, Depends(_offer_id)]


@router.get("")
def show_offer(request: Request, board: TheBoard, user: TheUser, offer_id: OfferId) -> Response:
    """The offer's page; to htmx only what can change, and only when it has."""
    _, shown = _read(board, user, offer_id)
    if is_fragment(request):
        if request.query_params.get("seen") == shown.mark:
            return Response(status_code=204)
        return _page(request, board, shown, Answer(chosen=request.query_params.get("outcome", "")))
    said = request.session.pop("said", None) if "said" in request.session else None
    if said is not None and said["offer"] != offer_id:
        said = None
    return _page(request, board, shown, Answer(said, _drafted(request)))


@router.post("/take")
def take(request: Request, board: TheBoard, user: TheUser, form: UsersForm, offer_id: OfferId) -> Response:
    """The user becomes the household's contact."""
    return _act(request, board, user, Wish(offer_id, _version(form), ActionKind.TAKEN, None, board.context.now()))


@router.post("/contacted")
def contacted(request: Request, board: TheBoard, user: TheUser, form: UsersForm, offer_id: OfferId) -> Response:
    """The household was reached."""
    return _act(request, board, user, Wish(offer_id, _version(form), ActionKind.CONTACTED, None, board.context.now()))


@router.post("/outcome")
def record_outcome(request: Request, board: TheBoard, user: TheUser, form: UsersForm, offer_id: OfferId) -> Response:
    """How it ended; without a choice the form comes back with what is missing."""
    chosen = str(form.get("outcome", ""))
    if chosen not in set(OutcomeCode):
        _, shown = _read(board, user, offer_id)
        if ActionKind.CLOSED in shown.can:
            return _page(request, board, shown, Answer(fault=NO_OUTCOME, status=HTTPStatus.UNPROCESSABLE_ENTITY))
        return _say(request, offer_id, Acted(ActResult.STALE), ActionKind.CLOSED)
    now = board.context.now()
    return _act(request, board, user, Wish(offer_id, _version(form), ActionKind.CLOSED, OutcomeCode(chosen), now))


@router.post("/who")
async def show_who(request: Request, board: TheBoard, user: TheUser, form: UsersForm, offer_id: OfferId) -> Response:
    """Who the offer is about, to its contact alone: each person's read is logged before it is shown."""
    del form
    offer, shown = await run_in_threadpool(_read, board, user, offer_id)
    reveal = board.context.reveal
    if reveal is None or not is_contact(offer, user):
        raise NotAllowed
    reader = f"{user.worker.id} on the board: {user.worker.name}, {user.team}"
    found = await board.reveals.who(reveal, people(offer), reader, f"{PURPOSE} {offer_id}")
    return board.page(request, "who.html", offer=shown, people=found)


def _act(request: Request, board: Board, user: User, wish: Wish) -> Response:
    if not user.may(Right.ACT):
        raise NotAllowed
    acted = board.context.store.act(user.scope, user.worker, wish)
    if acted.result is ActResult.UNKNOWN:
        raise NoSuchPage
    return _say(request, wish.offer, acted, wish.kind)


def _say(request: Request, offer_id: str, acted: Acted, kind: ActionKind) -> Response:
    """Back to the offer's page, which tells what became of the wish, once."""
    by = acted.by.name if acted.by else ""
    request.session["said"] = {"offer": offer_id, "result": acted.result, "kind": kind, "by": by}
    return RedirectResponse(f"/offers/{offer_id}", HTTPStatus.SEE_OTHER)


def _read(board: Board, user: User, offer_id: str) -> tuple[CaseOffer, OfferView]:
    """An offer and how it stands to that user.

    Raises:
        NoSuchPage: there is none with that id for this team.
    """
    store = board.context.store
    offer = store.scoped_offer(user.scope, offer_id)
    if offer is None:
        raise NoSuchPage
    waiting = store.pending(user.scope).get(offer_id)
    workers = store.workers({offer.contact} - {""})
    return offer, view(offer, board.moment(), workers, waiting, user)


def _page(request: Request, board: Board, shown: OfferView, answer: Answer) -> Response:
    return board.page(
        request,
        "offer_parts.html" if is_fragment(request) else "offer.html",
        answer.status,
        offer=shown,
        said=answer.said,
        chosen=answer.chosen,
        fault=answer.fault,
        outcomes=OUTCOMES,
        Kind=ActionKind,
        has_register=board.context.reveal is not None,
    )


def _drafted(request: Request) -> str:
    """The outcome chosen in a form that was sent after the session had ended."""
    draft = request.session.get("draft")
    if not draft or draft["page"] != f"{request.url.path}/outcome":
        return ""
    return str(request.session.pop("draft")["outcome"])


def _version(form: UsersForm) -> int:
    """The version the user saw; 0, which no offer has, if the form does not say."""
    said = str(form.get("version", ""))
    return int(said[:9]) if said.isascii() and said.isdigit() else 0
