"""Who uses the board, and what each may do.

`SignIn` is what any way of signing in offers; `TeamCodes` is the one there is: a team's code and a
name. Another one (OpenID Connect) yields the same `User`, with other roles.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from sinks.case_db.values import Scope, Worker

SHORTEST_NAME, LONGEST_NAME = 2, 60
_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


class Role(StrEnum):
    """What somebody is on a team."""

    WORKER = "worker"
    LEAD = "lead"
    VIEWER = "viewer"


class Right(StrEnum):
    """What somebody may do with the offers of their team; seeing them needs none."""

    ACT = "act"
    REVEAL = "reveal"


_RIGHTS = {
    Role.WORKER: frozenset({Right.ACT, Right.REVEAL}),
    Role.LEAD: frozenset({Right.ACT, Right.REVEAL}),
    Role.VIEWER: frozenset[Right](),
}


class SignInUnavailable(Exception):
    """Nobody can be let in just now, whatever they know."""


@dataclass(frozen=True, slots=True)
class User:
    """Somebody signed in.

    Attributes:
        areas: those the team works in.
    """

    worker: Worker
    areas: tuple[str, ...]
    roles: frozenset[Role]

    @property
    def team(self) -> str:
        """The one team whose offers they see."""
        return self.worker.team

    @property
    def scope(self) -> Scope:
        """What every query of theirs goes through."""
        return Scope(self.team, self.areas)

    def may(self, right: Right) -> bool:
        """Whether one of their roles has that right.

        >>> User(Worker("w", "team", "Anna"), (), frozenset({Role.VIEWER})).may(Right.ACT)
        False
        """
        return any(right in _RIGHTS[role] for role in self.roles)


class SignIn(Protocol):
    """A way to come in."""

    def sign_in(self, code: str, name: str) -> User | None:
        """The user with that code; None when there is none.

        Raises:
            SignInUnavailable: it cannot be known just now.
        """
        ...

    def areas(self, team: str) -> tuple[str, ...] | None:
        """Areas of a team whose users may still be here; None: they may not.

        Raises:
            SignInUnavailable: it cannot be known just now.
        """
        ...


@dataclass(frozen=True, slots=True)
class TeamCodes:
    """Sign-in by a team's code and a name; everybody with the code is a worker of the team.

    Attributes:
        verify: code -> team.
        holders: teams that have a code now; a team whose code is revoked is out at once.
        enrol: team, name -> worker.
        teams: team -> areas.
    """

    verify: Callable[[str], str | None]
    holders: Callable[[], Collection[str]]
    enrol: Callable[[str, str], Worker]
    teams: Mapping[str, tuple[str, ...]]

    def sign_in(self, code: str, name: str) -> User | None:
        """As `SignIn.sign_in`."""
        team = self.verify(code)
        if team is None or team not in self.teams:
            return None
        return User(self.enrol(team, name), self.teams[team], frozenset({Role.WORKER}))

    def areas(self, team: str) -> tuple[str, ...] | None:
        """As `SignIn.areas`."""
        return self.teams.get(team) if team in self.holders() else None


def tidied(name: str) -> str:
    """A name as it is kept: composed letters, single spaces.

    >>> tidied("  Anna   B. ")
    'Anna B.'
    """
    return " ".join(unicodedata.normalize("NFC", name).split())


def fault_of_name(name: str) -> str:
    """What is wrong with a tidied name, as an instruction; empty if nothing is.

    >>> fault_of_name("Anna"), fault_of_name("")
    ('', 'Enter your name')
    """
    if not name:
        return "Enter your name"
    if len(name) > LONGEST_NAME:
        return f"Your name must be {LONGEST_NAME} characters or fewer"
    if any(unicodedata.category(letter) in _INVISIBLE for letter in name):
        return "Your name must not contain invisible characters"
    if len(name) < SHORTEST_NAME or not any(letter.isalpha() for letter in name):
        return "Enter your name with at least two characters, one of them a letter"
    return ""
