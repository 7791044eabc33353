"""The team's lists: offers to work on, offers that ended, and the news of both."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from http import HTTPStatus
from itertools import groupby

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from sse_starlette.sse import EventSourceResponse
from starlette.types import Receive, Scope, Send

from processors.offers.model import OfferState
from sinks.board import sessions
from sinks.board.lists import TeamList, is_other_list, mark
from sinks.board.live import Live
from sinks.board.serving import Board, TheBoard, TheUser, is_fragment
from sinks.board.users import SignInUnavailable, User
from sinks.board.views import Moment, Row, Show, narrowed, row
from sinks.board.words import count_words
from sinks.case_db.values import CaseOffer

router = APIRouter()

PAGE = 50
"""Offers on one page of a list."""
ENDED = 200
"""Ended offers shown, the newest ones."""
_PING_S = 15


@router.get("/")
def show_offers(request: Request, board: TheBoard, user: TheUser) -> Response:
    """The team's live offers, most urgent first; to htmx only the list, and only when it is news."""
    moment, found = board.moment(), board.lists.of(user.scope)
    now_seen, seen = mark(found.digest, board.context), request.query_params.get("seen", "")
    if is_fragment(request) and seen == now_seen:
        return Response(status_code=204)
    show = _show(request)
    chosen = narrowed(found.offers, show, user.worker, found.pending)
    number, pages, part = _page_of(request, chosen)
    workers = board.context.store.workers({each.contact for each in part} - {""})
    rows = [row(each, moment, workers, found.pending.get(each.offer)) for each in part]
    return board.page(
        request,
        "offers_list.html" if is_fragment(request) else "offers.html",
        show=show,
        number=number,
        pages=pages,
        sections=_by_urgency(rows),
        seen=now_seen,
        is_news=is_other_list(seen, now_seen),
        summary=_summary(found, user, moment),
    )


@router.get("/ended")
def show_ended(request: Request, board: TheBoard, user: TheUser) -> Response:
    """What became of the team's offers, the newest end first."""
    store, moment = board.context.store, board.moment()
    offers = store.ended_offers(user.scope, ENDED)
    number, pages, part = _page_of(request, offers)
    workers = store.workers({each.contact for each in part} - {""})
    rows = [row(each, moment, workers) for each in part]
    return board.page(request, "ended.html", rows=rows, number=number, pages=pages, found=len(offers), most=ENDED)


@router.get("/events")
async def events(request: Request, board: TheBoard, user: TheUser, seen: str = "") -> Response:
    """Says `changed` whenever the team's list has, and once more when the session has ended."""
    ends_at = sessions.ends_at(request.session)

    async def told() -> AsyncIterator[dict[str, str]]:
        async with aclosing(board.live.follow(user.scope, seen)) as news:
            while (left_ms := ends_at - board.context.wall()) > 0:
                try:
                    changed = await asyncio.wait_for(anext(news), left_ms / 1000)
                    if not await run_in_threadpool(_is_still_here, request, board):
                        break
                except TimeoutError:
                    break
                yield {"event": "changed", "data": changed}
        yield {"event": "changed", "data": "signed out"}

    return _News(told(), board.live, user.worker.id)


class _News(EventSourceResponse):
    """A stream of events, refused to a worker who has enough of them."""

    def __init__(self, told: AsyncIterator[dict[str, str]], live: Live, worker: str) -> None:
        super().__init__(told, ping=_PING_S, headers={"X-Accel-Buffering": "no"})
        self._live = live
        self._worker = worker

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._live.place(self._worker) as has_place:
            answer = super().__call__ if has_place else Response(status_code=HTTPStatus.TOO_MANY_REQUESTS)
            await answer(scope, receive, send)


def _is_still_here(request: Request, board: Board) -> bool:
    """Whether the session that opened a stream would still be let in."""
    try:
        return sessions.user_of(request.session, board.context.sign_in, board.context.wall()) is not None
    except SignInUnavailable:
        return False


def _show(request: Request) -> Show:
    asked = request.query_params.get("show", "")
    return Show(asked) if asked in set(Show) else Show.ALL


def _page_of(request: Request, offers: Sequence[CaseOffer]) -> tuple[int, int, Sequence[CaseOffer]]:
    """Number of the page asked for or the nearest there is, how many there are, and its offers."""
    asked = request.query_params.get("page", "")
    pages = max(1, -(-len(offers) // PAGE))
    number = min(max(int(asked[:6]) if asked.isascii() and asked.isdigit() else 1, 1), pages)
    return number, pages, offers[(number - 1) * PAGE : number * PAGE]


def _by_urgency(rows: Sequence[Row]) -> list[tuple[str, list[Row]]]:
    return [(words, list(group)) for words, group in groupby(rows, lambda each: each.urgency_words)]


def _summary(found: TeamList, user: User, moment: Moment) -> str:
    """The whole list in one sentence, for the top of the page and for whoever hears it."""
    is_open, own = (len(narrowed(found.offers, show, user.worker, found.pending)) for show in (Show.OPEN, Show.MINE))
    overdue = sum(each.respond_by <= moment.now and each.state is not OfferState.CONTACTED for each in found.offers)
    return f"{count_words(len(found.offers), 'offer')}: {is_open} open, {own} yours, {overdue} overdue"
