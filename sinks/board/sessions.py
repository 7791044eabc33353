"""Sessions: who is signed in, for at most eight hours, in a signed cookie.

The cookie holds no code and opens nothing after its time. What makes a form trustworthy is the token
in the session that every form repeats.
"""

from __future__ import annotations

import secrets
from collections.abc import MutableMapping
from typing import Any
from urllib.parse import urlsplit

from sinks.board.users import Role, SignIn, User
from sinks.case_db.values import Worker

LONGEST_MS = 8 * 3_600_000
"""How long somebody stays signed in, whatever they do."""

COOKIE = "headwater_board"
_HOME = "/"

Session = MutableMapping[str, Any]


class SignInNeeded(Exception):
    """The request is nobody's, or no longer somebody's.

    Args:
        back_to: page to return to.
        has_expired: somebody was signed in, for as long as that lasts.
    """

    def __init__(self, back_to: str, has_expired: bool) -> None:
        super().__init__("nobody is signed in")
        self.back_to = back_to
        self.has_expired = has_expired


def begin(session: Session, user: User, at: int) -> None:
    """Signs a user in; nothing of what the session held before stays, except an unsent choice."""
    draft = session.get("draft")
    session.clear()
    session["user"] = {
        "worker": user.worker.id,
        "name": user.worker.name,
        "team": user.team,
        "roles": sorted(user.roles),
        "proof": user.proof,
        "since": at,
    }
    session["token"] = secrets.token_urlsafe()
    if draft:
        session["draft"] = draft


def user_of(session: Session, sign_in: SignIn, now: int) -> User | None:
    """Whose session it is; None when nobody's any more.

    Args:
        session: as the cookie brought it.
        sign_in: knows whether what let them in still does.
        now: the machine's clock, ms.

    Raises:
        SignInUnavailable: that cannot be known just now.
    """
    kept = session.get("user")
    if not kept or not 0 <= now - kept["since"] < LONGEST_MS:
        return None
    proof = kept.get("proof", "")
    areas = sign_in.areas(kept["team"], proof)
    if areas is None:
        return None
    roles = frozenset(map(Role, kept["roles"]))
    return User(Worker(kept["worker"], kept["team"], kept["name"]), areas, roles, proof)


def ends_at(session: Session) -> int:
    """When the session ends, ms on the machine's clock; 0 without one."""
    kept = session.get("user")
    return kept["since"] + LONGEST_MS if kept else 0


def token(session: Session) -> str:
    """What every form of this session repeats; made when first asked for."""
    if "token" not in session:
        session["token"] = secrets.token_urlsafe()
    return str(session["token"])


def is_own_form(session: Session, repeated: str) -> bool:
    """Whether a form with that token came from a page of this session."""
    known = session.get("token")
    return bool(known) and secrets.compare_digest(str(known).encode(), repeated.encode())


def safe_path(path: str) -> str:
    """A path on this board to go back to; the first page for anything else.

    >>> safe_path("/offers/1?show=all"), safe_path("//elsewhere.example"), safe_path("https://elsewhere.example")
    ('/offers/1?show=all', '/', '/')
    """
    if not path.startswith("/") or path.startswith("//") or "\\" in path or not path.isprintable():
        return _HOME
    try:
        parts = urlsplit(path)
    except ValueError:
        return _HOME
    is_own = not parts.scheme and not parts.netloc and not parts.path.startswith(("/sign-", "/static/", "/events"))
    return path if is_own else _HOME
