"""Who uses the board, and what each may do.

`SignIn` is what any way of signing in offers; `TeamCodes` is the one there is: a team's code and a
name. Another one (OpenID Connect) yields the same `User`, with other roles.

A team's code proves the team. It does not prove the name: whoever has the code may type a colleague's.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from sinks.case_db.values import Scope, Worker

SHORTEST_NAME, LONGEST_NAME = 2, 60
_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5").union(
    map(chr, (*range(0x180B, 0x1810), *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)))
)
"""Letters and marks that show nothing."""
_MARKS = frozenset(" -'\u2019.\u00b7")
"""What may stand in a name beside letters and numbers; nothing with which a name could pass for more than a name."""
_LOOKALIKES = frozenset({"LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC"})
"""Scripts with letters that look the same."""


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
        proof: fingerprint of what let them in; kept in the session, and asked about with each request.
    """

    worker: Worker
    areas: tuple[str, ...]
    roles: frozenset[Role]
    proof: str = ""

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

    def areas(self, team: str, proof: str) -> tuple[str, ...] | None:
        """Areas of a team whose users with that proof may still be here; None: they may not.

        Raises:
            SignInUnavailable: it cannot be known just now.
        """
        ...


@dataclass(frozen=True, slots=True)
class TeamCodes:
    """Sign-in by a team's code and a name; everybody with the code is a worker of the team.

    Attributes:
        verify: code -> team.
        fingerprint: team -> fingerprint of its present code, None without one; sessions opened with another are over.
        enrol: team, name -> worker.
        teams: team -> areas.
    """

    verify: Callable[[str], str | None]
    fingerprint: Callable[[str], str | None]
    enrol: Callable[[str, str], Worker]
    teams: Mapping[str, tuple[str, ...]]

    def sign_in(self, code: str, name: str) -> User | None:
        """As `SignIn.sign_in`."""
        team = self.verify(code)
        if team is None or team not in self.teams:
            return None
        proof = self.fingerprint(team)
        if proof is None or self.verify(code) != team:  # once more: the code may have been replaced in between
            return None
        return User(self.enrol(team, name), self.teams[team], frozenset({Role.WORKER}), proof)

    def areas(self, team: str, proof: str) -> tuple[str, ...] | None:
        """As `SignIn.areas`."""
        return self.teams.get(team) if proof and proof == self.fingerprint(team) else None


def tidied(name: str) -> str:
    """A name as it is shown: of usual width, with single spaces; capitals as they were typed.

    >>> tidied("  Anna   van den B. ")
    'Anna van den B.'
    """
    return " ".join(unicodedata.normalize("NFKC", name).split())


def fault_of_name(name: str) -> str:
    """What is wrong with a tidied name, as an instruction; empty if nothing is.

    >>> fault_of_name("Anna"), fault_of_name("")
    ('', 'Enter your name')
    """
    if not name:
        return "Enter your name"
    if len(name) > LONGEST_NAME:
        return f"Your name must be {LONGEST_NAME} characters or fewer"
    fault = _fault_of_letters(name)
    if fault:
        return fault
    if len(name) < SHORTEST_NAME or not any(letter.isalpha() for letter in name):
        return "Enter your name with at least two characters, one of them a letter"
    return ""


def _fault_of_letters(name: str) -> str:
    if any(unicodedata.category(letter) in _INVISIBLE or letter in _BLANK for letter in name):
        return "Your name must not contain invisible characters"
    if not all(unicodedata.category(letter)[0] in "LMN" or letter in _MARKS for letter in name):
        return "Your name must have only letters, numbers, spaces, hyphens, apostrophes and full stops"
    if len({unicodedata.name(letter, "").partition(" ")[0] for letter in name} & _LOOKALIKES) > 1:
        return "Your name must be written in one script, not with letters of another that look the same"
    return ""
