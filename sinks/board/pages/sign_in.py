"""Signing in and out."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from sinks.board import sessions
from sinks.board.serving import Board, Form, TheBoard
from sinks.board.users import LONGEST_NAME, fault_of_name, tidied

router = APIRouter()

_LONGEST_CODE = 100


@router.get("/sign-in")
def show_sign_in(request: Request, board: TheBoard, back: str = "/", why: str = "") -> Response:
    """The form, and why it is shown again."""
    return _form(request, board, {"back": sessions.safe_path(back), "has_expired": why == "expired"})


@router.post("/sign-in")
def sign_in(request: Request, board: TheBoard, form: Form) -> Response:
    """Lets somebody in, or says what is missing."""
    name, code = tidied(str(form.get("name", ""))), str(form.get("code", "")).strip()
    back = sessions.safe_path(str(form.get("back", "/")))
    faults = {"name": fault_of_name(name), "code": "" if code else "Enter the code of your team"}
    user = None if any(faults.values()) else board.context.sign_in.sign_in(code[: _LONGEST_CODE + 1], name)
    if user is None and not any(faults.values()):
        faults["code"] = "No team has this code. Check it, or ask whoever leads your team for the present one"
    if user is None:
        shown = {"back": back, "name": name[: 2 * LONGEST_NAME], "faults": {k: v for k, v in faults.items() if v}}
        return _form(request, board, shown, HTTPStatus.UNPROCESSABLE_ENTITY)
    sessions.begin(request.session, user, board.context.wall())
    return RedirectResponse(back, HTTPStatus.SEE_OTHER)


@router.post("/sign-out")
def sign_out(request: Request, form: Form) -> Response:
    """Ends the session of this browser."""
    del form
    request.session.clear()
    return RedirectResponse("/sign-in?why=out", HTTPStatus.SEE_OTHER)


def _form(request: Request, board: Board, shown: Mapping[str, object], status: int = HTTPStatus.OK) -> Response:
    is_out = request.query_params.get("why") == "out"
    nothing = {"name": "", "faults": {}, "has_expired": False, "is_out": is_out}
    return board.page(request, "sign_in.html", status, **{**nothing, **shown})
