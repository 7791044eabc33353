"""What correlate decides and plan acts on: matches of rules, as values.

A decision carries everything its readers need to explain it, so that no reader must know the rules.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class DecisionKind(StrEnum):
    """What was decided about a match; `late` and `review` are for people to look at and change nothing."""

    MATCHED = "matched"
    WITHDRAWN = "withdrawn"
    LATE = "late"
    REVIEW = "review"


@dataclass(frozen=True, slots=True)
class BoundEvent:
    """An event a match rests on: ids and kind only, never its attributes.

    Attributes:
        step: the step's (or member's) name in the rule.
        id: id of the live line; `root` the fact's first id, which survives corrections.
        occurred_at: ms. recorded_at: ms, of the live line.
        person: whose event it is, for a match of a household; empty otherwise.
    """

    step: str
    id: str
    root: str
    type: str
    agency: str
    occurred_at: int
    recorded_at: int
    person: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision on one match of one rule.

    Attributes:
        match: identity of the match: hash of rule, version and root ids by step.
        person, household, area: whom it concerns (pseudonyms), taken from the newest bound event.
        at: clock when decided, ms.
        completed_at: event time, or deadline of an absence, at which the pattern was complete, ms.
        opened_at: event time of the first bound event, ms.
        known_at: earliest clock at which it could be known, from data alone, ms: the newest
            `recorded_at` of the bound events and, for an absence, its deadline plus the feeds'
            settling time. Never depends on who read when.
        events: bound events in order of the rule's steps.
        replaces: match this one takes the place of.
        event: for `late` the id of the event; for `review`, and for `withdrawn` by a rule that withdraws
            on correction, the id of the correcting line.
        reason: for all but `matched`, why, in plain words.
        is_household: whether it is a match of the household; `person` is then whose event was bound last.
    """

    kind: DecisionKind
    rule: str
    version: int
    match: str
    person: str
    household: str
    area: str
    at: int
    completed_at: int
    opened_at: int
    known_at: int
    events: tuple[BoundEvent, ...] = ()
    replaces: str | None = None
    event: str | None = None
    reason: str | None = None
    is_household: bool = False

    @property
    def subject(self) -> str:
        """Whose match it is: a person's or a household's."""
        return self.household if self.is_household else self.person
