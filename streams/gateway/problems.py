"""What can be wrong with a request, as a closed list, and how it is told.

Source: RFC 9457, "Problem Details for HTTP APIs".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from fastapi.responses import JSONResponse

MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class _Kind:
    """Status, what is wrong, and what the agency can do about it."""

    status: int
    title: str
    remedy: str


class ProblemType(Enum):
    """Every kind of problem; its name in the answer is the lower-case name with hyphens."""

    NOT_JSON = _Kind(400, "The body is not JSON", "send one JSON value in UTF-8, each name once in an object")
    WRONG_QUERY = _Kind(400, "A parameter is wrong", "see /openapi.json for the parameters")
    NO_CODE = _Kind(401, "No valid code", "send the agency's code as `Authorization: Bearer CODE`")
    FOREIGN_CONTRACT = _Kind(403, "The contract is another agency's", "publish to your own contracts only")
    UNKNOWN_CONTRACT = _Kind(404, "There is no such contract", "name one of your contracts as the detail lists them")
    UNKNOWN_RECEIPT = _Kind(404, "There is no such receipt", "use a `receipt` of an answer you got with 202")
    NO_SUCH_PATH = _Kind(404, "There is nothing at this path", "see /openapi.json for the paths")
    WRONG_METHOD = _Kind(405, "The path does not take this method", "see the `Allow` header")
    TOO_SLOW = _Kind(408, "The body took too long", "send it again, in smaller requests")
    TOO_LARGE = _Kind(413, "The request is too large", "send fewer events in a request")
    WRONG_MEDIA_TYPE = _Kind(415, "The body's media type is not taken", "use one that the detail lists")
    WRONG_SHAPE = _Kind(422, "The body does not have the right shape", "see /openapi.json for examples")
    NOTHING_ACCEPTED = _Kind(422, "No event could be taken", "correct the events as `rejected` says")
    FAULT = _Kind(500, "A fault of the platform", "try again; if it stays, tell the platform's desk the time")
    BUSY = _Kind(503, "Too many requests at once", "send the same request again, after `Retry-After` seconds")
    UNAVAILABLE = _Kind(
        503, "Kafka cannot be used now", "send the same request again, after `Retry-After` seconds; copies do no harm"
    )

    @property
    def slug(self) -> str:
        """As it is written in an answer.

        >>> ProblemType.NOT_JSON.slug
        'not-json'
        """
        return self.name.lower().replace("_", "-")


class Problem(Exception):
    """Ends a request with a problem.

    Args:
        type_: kind of problem.
        detail: what is wrong here, in words; names of fields and positions, never a value of the body.
        headers: besides the media type.
        more: members besides those of the RFC.
    """

    def __init__(
        self,
        type_: ProblemType,
        detail: str,
        headers: Mapping[str, str] | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.type = type_
        self.detail = detail
        self.headers = dict(headers or {})
        self.more = dict(more or {})

    def response(self) -> JSONResponse:
        """The answer."""
        kind = self.type.value
        content = {**described(self.type), "detail": self.detail, "remedy": kind.remedy, **self.more}
        return JSONResponse(content, kind.status, self.headers, MEDIA_TYPE)


def described(type_: ProblemType) -> dict[str, Any]:
    """A kind of problem by itself."""
    return {"type": f"/problems/{type_.slug}", "title": type_.value.title, "status": type_.value.status}


def page(slug: str) -> dict[str, Any] | None:
    """What stands at `/problems/<slug>`: the kind with its remedy."""
    found = next((one for one in ProblemType if one.slug == slug), None)
    return None if found is None else {**described(found), "remedy": found.value.remedy}


def unavailable(detail: str, retry_after_s: int = 5) -> Problem:
    """Kafka, or what it needs, does not answer."""
    return Problem(ProblemType.UNAVAILABLE, detail, {"Retry-After": str(retry_after_s)})
