"""A team's live offers, read from the database only when they have changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock

from sinks.board.context import BoardContext
from sinks.board.words import local
from sinks.case_db.values import CaseOffer, PendingAction, Scope


@dataclass(frozen=True, slots=True)
class TeamList:
    """The live offers of a team, most urgent first, and what is being done with them just now."""

    digest: str
    offers: tuple[CaseOffer, ...]
    pending: Mapping[str, PendingAction]


class TeamLists:
    """Lists of all teams; a list of 10,000 offers is read once per change, not once per page.

    Args:
        context: its store and clock are used.
    """

    def __init__(self, context: BoardContext) -> None:
        self._context = context
        self._lists: dict[Scope, TeamList] = {}
        self._locks: dict[Scope, Lock] = {}
        self._lock = Lock()

    def of(self, scope: Scope) -> TeamList:
        """The list as it stands.

        Raises:
            CaseStoreUnavailable: the database cannot be used.
        """
        with self._lock:
            own = self._locks.setdefault(scope, Lock())
        with own:
            store = self._context.store
            digest = store.digest(scope)
            known = self._lists.get(scope)
            if known is None or known.digest != digest:
                # The digest is older than what is read after it: at worst the same is read again.
                known = TeamList(digest, tuple(store.scoped_offers(scope)), store.pending(scope))
                self._lists[scope] = known
            return known

    def mark(self, scope: Scope) -> str:
        """Changes when a page with that list reads differently: the list has changed, or an hour has passed.

        Raises:
            CaseStoreUnavailable: the database cannot be used.
        """
        return mark(self._context.store.digest(scope), self._context)


def mark(digest: str, context: BoardContext) -> str:
    """A digest and the hour: "today" and "overdue" change with time alone."""
    return f"{digest}@{local(context.now(), context.wording.zone):%Y%m%d%H}"


def is_other_list(one: str, other: str) -> bool:
    """Whether two marks stand for different lists, whatever the hour."""
    return one.partition("@")[0] != other.partition("@")[0]
