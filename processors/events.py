"""Canonical life events: the values everything downstream of intake works on.

Times are integer milliseconds since the epoch, UTC: they are compared and packed a lot, and a
rule's civil days are computed from them in one place (`processors.civil_time`).
Does not know how events look on the wire (`schemas`), nor who a person is (only pseudonyms occur).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from processors.civil_time import Duration
from processors.values import value

Attribute = str | float | bool | None
"""What an attribute of a life event can be; numbers are doubles, dates are ISO 8601 text."""


class ChangeKind(StrEnum):
    """What a line says about a fact (as in Norway's population-register topic `leesah`)."""

    CREATED = "created"
    CORRECTED = "corrected"
    ANNULLED = "annulled"
    ENDED = "ended"


@value(frozen=True, slots=True)
class LifeEvent:
    """One line about one fact of one person, as intake puts it on `life-events.v1`.

    Attributes:
        id: derived from agency, contract, the agency's own event id and the person's role in it.
        type: name from the catalogue, past tense (`job_lost`).
        person: pseudonym; never an identity.
        household: pseudonym of the household the person belonged to when it occurred.
        area: planning area of that household.
        agency: who sent it.
        feed: `<agency>.<contract>`; what heartbeats and marks speak of.
        occurred_at: event time, ms.
        recorded_at: when the agency recorded it, ms.
        arrival: orders lines that differ in nothing else; stamped once at intake, kept for ever.
        heard: up to when the feed's source partition had been heard just before this line, ms;
            lateness is judged against it, so that it does not depend on who reads when.
        change: what this line says about the fact.
        replaces: any id of the fact that is corrected, annulled or ended; None when created.
        ended_at: for `ended`, ms.
        attributes: Avro-encoded map, decoded only by a condition that needs it.
    """

    id: str
    type: str
    person: str
    household: str
    area: str
    agency: str
    feed: str
    occurred_at: int
    recorded_at: int
    arrival: int
    heard: int = 0
    change: ChangeKind = ChangeKind.CREATED
    replaces: str | None = None
    ended_at: int | None = None
    attributes: bytes = b""


@value(frozen=True, slots=True)
class Mark:
    """ "This source partition of this feed was heard up to then": time as data on the log.

    Attributes:
        feed: `<agency>.<contract>`.
        partition: source partition of the feed's topic.
        partitions: how many partitions that topic has; a feed is heard up to the minimum over all.
        heard: ms, inclusive.
        began: from when on the source partition is complete, ms: as the contract says, else when it was
            first heard. It stands on every mark, so that a log of which only the newest remain still says it.
            None: not known.
    """

    feed: str
    partition: int
    partitions: int
    heard: int
    began: int | None = None


@value(frozen=True, slots=True)
class HouseholdEvent:
    """A line as a household hears it, on `household-events.v1`.

    Attributes:
        household: who hears it. Not always the household the line names: one that a fact has left
            hears of that, too.
        event: the line.
    """

    household: str
    event: LifeEvent


class ControlKind(StrEnum):
    """What a person, or the law on their behalf, can say no to."""

    OPT_OUT = "opt-out"
    OPT_IN = "opt-in"


@dataclass(frozen=True, slots=True)
class Control:
    """A person's word on proactive contact; `at` (ms) is from when it holds."""

    kind: ControlKind
    person: str
    household: str
    area: str
    at: int


@dataclass(frozen=True, slots=True)
class EventType:
    """An entry of the catalogue.

    Attributes:
        name: past tense, `job_lost`.
        title: in plain words.
        attributes: attribute name -> `string`, `number`, `boolean` or `date`.
        is_help_seeking: the person asked for help; may never count against them.
        is_benefit_receipt: the person receives what they are entitled to; likewise.
        feeds: feeds (`<agency>.<contract>`) that can bring this type.
        settles_within_ms: how long after it occurred the slowest of those feeds records it.
        kept_for: how long its events are kept; None: as long as a rule needs them.
        is_crisis: what rules are to come before; back-tests measure how long before.
    """

    name: str
    title: str
    attributes: Mapping[str, str]
    is_help_seeking: bool = False
    is_benefit_receipt: bool = False
    feeds: tuple[str, ...] = ()
    settles_within_ms: int = 0
    kept_for: Duration | None = None
    is_crisis: bool = False


def derived_id(*parts: object) -> str:
    """An id that the same parts give for ever: 128 bits of SHA-256, 32 hexadecimal characters.

    >>> derived_id("court", "evictions", "E-17", "tenant") == derived_id("court", "evictions", "E-17", "tenant")
    True
    """
    text = "\x1f".join(map(str, parts))
    return hashlib.sha256(text.encode()).hexdigest()[:32]
