"""What duty teams do with offers, as it travels on `outcomes.v1`.

Codes, no free text: an outcome must be countable the same way everywhere, and a free text would
carry what nobody consented to. Times are ms since the epoch, UTC; people are pseudonyms, workers too.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from processors.events import derived_id


class ActionKind(StrEnum):
    """What a worker did: took the offer on, reached the household, or recorded how it ended."""

    TAKEN = "taken"
    CONTACTED = "contacted"
    CLOSED = "closed"


class OutcomeCode(StrEnum):
    """How an offer ended; mandatory when it is closed.

    `never-again`: nobody will approach these people again, they are opted out with it.
    `wrong-facts`: what the events said was not so; counts as no contact.
    """

    HELP_STARTED = "help-started"
    DECLINED = "declined"
    LATER = "later"
    NOT_REACHED = "not-reached"
    ALREADY_HELPED = "already-helped"
    NO_NEED = "no-need"
    WRONG_FACTS = "wrong-facts"
    NEVER_AGAIN = "never-again"

    @property
    def is_helping(self) -> bool:
        """Whether somebody helps the household from then on."""
        return self in {OutcomeCode.HELP_STARTED, OutcomeCode.ALREADY_HELPED}


@dataclass(frozen=True, slots=True)
class OfferAction:
    """One act of a worker on one version of an offer.

    Attributes:
        id: `action_id(offer, version)`: of two acts on one version only one can be.
        offer, version: the offer, in the version the worker saw.
        household, area: as that version says.
        kind: what was done.
        outcome: how it ended; for `closed`, and only then.
        contact: the worker's id; from then on the household's one named contact.
        team: theirs.
        at: on the board's clock, ms.
        persons: whom the offer was about; told only with `never-again`, else empty.

    Raises:
        ValueError: an outcome is missing or out of place.
    """

    id: str
    offer: str
    version: int
    household: str
    area: str
    kind: ActionKind
    outcome: OutcomeCode | None
    contact: str
    team: str
    at: int
    persons: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuses an end without an outcome, and an outcome before the end."""
        check_outcome(self.kind, self.outcome)


def check_outcome(kind: ActionKind, outcome: OutcomeCode | None) -> None:
    """Sees that an outcome belongs to an end.

    Raises:
        ValueError: it is missing or out of place.
    """
    if (outcome is not None) != (kind is ActionKind.CLOSED):
        raise ValueError(f"an outcome belongs to `closed` and to nothing else, not to `{kind}`")


def action_id(offer: str, version: int) -> str:
    """The id of the one action on that version of that offer.

    >>> action_id("o1", 1) == action_id("o1", 1) != action_id("o1", 2)
    True
    """
    return derived_id("action", offer, version)
