"""Whether the board lives, and whether it can work."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse, Response

from sinks.board.serving import TheBoard
from sinks.case_db import CaseStoreUnavailable

router = APIRouter()


@router.get("/livez")
async def livez() -> Response:
    """It answers."""
    return PlainTextResponse("ok\n")


@router.get("/readyz")
def readyz(board: TheBoard) -> Response:
    """Its database answers."""
    try:
        board.context.store.counts()
    except CaseStoreUnavailable:
        return PlainTextResponse("the case database does not answer\n", HTTPStatus.SERVICE_UNAVAILABLE)
    return PlainTextResponse("ok\n")
