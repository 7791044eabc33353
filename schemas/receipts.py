"""What intake tells an agency about a run of its records: one receipt per chunk and partition."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ReceiptCounts:
    """What became of the records of a chunk; each record counts once.

    Attributes:
        processed: understood; of these `withheld` were kept from everybody (type granted to nobody).
        rejected: see the receipt's list.
        heartbeats: "nothing new up to then".
    """

    processed: int = 0
    withheld: int = 0
    rejected: int = 0
    heartbeats: int = 0


@dataclass(frozen=True, slots=True)
class RejectedRecord:
    """A record that was refused.

    Attributes:
        offset: in the source partition.
        event: the agency's own event id (`ce_id`), if it gave one.
        reason: a `schemas.outcomes.RejectionReason`.
        detail: in words, without personal data.
    """

    offset: int
    event: str | None
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of the records `first_offset` to `last_offset` (inclusive) of one source partition.

    Attributes:
        agency: whose records; the receipt goes to `receipts.<agency>`.
        feed: `<agency>.<contract>`.
        topic: source topic.
        partition: source partition.
        counts: by outcome.
        events_made: canonical events made of them, counted apart (a record may concern several people).
        rejected: every refused record.
        at: when intake made the receipt, ms.
    """

    agency: str
    feed: str
    topic: str
    partition: int
    first_offset: int
    last_offset: int
    counts: ReceiptCounts
    events_made: int
    rejected: tuple[RejectedRecord, ...]
    at: int
