"""What can become of one record of an agency: events, a heartbeat, or a rejection with its reason."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from processors.events import ChangeKind
from processors.values import value


class RejectionReason(StrEnum):
    """Why a record is refused; part of metrics, receipts and dead letters, so the list is closed."""

    NULL_KEY = "null-key"
    NULL_VALUE = "null-value"
    TOO_LARGE = "too-large"
    NOT_AVRO = "not-avro"
    UNKNOWN_SCHEMA = "unknown-schema"
    WRONG_SCHEMA = "wrong-schema"
    TRUNCATED = "truncated"
    WRONG_AGENCY = "wrong-agency"
    UNKNOWN_TYPE = "unknown-type"
    MISSING_PERSON = "missing-person"
    MISSING_DATE = "missing-date"
    FUTURE_DATE = "future-date"
    ABSURD_DATE = "absurd-date"
    UNKNOWN_CHANGE_KIND = "unknown-change-kind"
    MISSING_REFERENCE = "missing-reference"
    MISSING_ID = "missing-id"
    UNMAPPABLE = "unmappable"


@dataclass(frozen=True, slots=True)
class Rejection:
    """A record that cannot become an event.

    Attributes:
        reason: one of a closed list.
        detail: where it went wrong, in words for the agency; paths and field names, never values.
    """

    reason: RejectionReason
    detail: str


@value(frozen=True, slots=True)
class Heartbeat:
    """ "Nothing new up to then" from an agency; `up_to` in ms, inclusive."""

    up_to: int


@value(frozen=True, slots=True, repr=False)
class MappedEvent:
    """One event of one person as the agency tells it, before identity is resolved.

    Attributes:
        id: derived from agency, contract, the agency's event id and the person's role in it.
        type: name from the catalogue.
        role: what the person is in this event (`child`, `tenant`); `person` where there is only one.
        person_ids: (scheme, value), at least one.
        joins_household_of: role in the same record whose household the person joins; None: no change.
        occurred_at: event time, ms.
        recorded_at: when the agency recorded it, ms.
        change: what the record says about the fact.
        replaces: id (derived likewise) of the event corrected, annulled or ended; None when created.
        ended_at: for `ended`, ms.
        attributes: see `schemas.codec.encode_attributes`.
    """

    id: str
    type: str
    role: str
    person_ids: tuple[tuple[str, str], ...]
    joins_household_of: str | None
    occurred_at: int
    recorded_at: int
    change: ChangeKind
    replaces: str | None
    ended_at: int | None
    attributes: bytes

    def __repr__(self) -> str:
        """Says what it is, never whom it concerns."""
        return f"MappedEvent(id={self.id!r}, type={self.type!r}, role={self.role!r}, change={self.change.value!r})"


@value(frozen=True, slots=True)
class Mapped:
    """A record that was understood.

    Attributes:
        events: one per person concerned; empty when the record is nobody's life event.
        unidentified: how many persons in it bore no id at all and so have no event.
    """

    events: tuple[MappedEvent, ...]
    unidentified: int = 0
