"""Work that is held by an officer's order, or by the surge brake: what is held, and since when.

A pause drops nothing. Records of a paused feed stay on the agency's topic, ripe situations of a paused
rule or team stay with plan. Newest order wins; who gives orders and where they travel is not known here.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class PauseKind(StrEnum):
    """What can be held: a feed at intake; a rule's situations, or those a team leads, at plan."""

    FEED = "feed"
    RULE = "rule"
    RECIPIENT = "recipient"


BRAKE = "surge-brake"
"""As whom the surge brake gives its orders."""


@dataclass(frozen=True, slots=True)
class Pause:
    """An order to hold something, or to go on.

    Attributes:
        kind: what is held.
        name: feed, rule or team.
        is_paused: False: go on.
        reason: in the officer's words, without anything about a person.
        by: account that gave the order, or `BRAKE`.
        at: when it was given, ms.
    """

    kind: PauseKind
    name: str
    is_paused: bool
    reason: str
    by: str
    at: int

    @property
    def target(self) -> tuple[PauseKind, str]:
        """What it speaks of: of two orders with one target the later on the log holds."""
        return (self.kind, self.name)
