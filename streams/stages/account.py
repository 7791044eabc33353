"""Intake's account of a chunk: what became of each record, the receipt for the agency and the dead letters.

Counts and tells; does not decide what is refused (`schemas.reading`, `streams.stages.intake`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from schemas.codec import Codec
from schemas.contract import Contract
from schemas.outcomes import Heartbeat, Mapped, Rejection
from schemas.receipts import Receipt, ReceiptCounts, RejectedRecord
from streams import topics
from streams.kafka.records import RawRecord
from streams.kafka.transactions import Outgoing
from streams.stages.dead_letters import dead_letter
from streams.stages.tally import Tally

LONGEST_ID = 200

Reading = Mapped | Heartbeat | Rejection


@dataclass(frozen=True, slots=True)
class Account:
    """What became of a chunk.

    Attributes:
        records: at least one.
        rejected: the refused ones of them, each with why.
        counts: each record once.
    """

    records: Sequence[RawRecord]
    rejected: Sequence[tuple[RawRecord, Rejection]]
    counts: ReceiptCounts

    def tell(self, tally: Tally) -> None:
        """Counts as the receipt does, but those withheld apart from those processed: each record once."""
        counts = self.counts
        tally.results["processed"] += counts.processed - counts.withheld
        tally.results["withheld"] += counts.withheld
        tally.results["rejected"] += counts.rejected
        tally.results["heartbeat"] += counts.heartbeats
        if self.rejected:
            tally.dead_letters.update(why.reason for _, why in self.rejected)

    def dead_letters(self) -> list[Outgoing]:
        """The refused records as they came."""
        return [dead_letter(record, "intake", why.reason, why.detail) for record, why in self.rejected]

    def receipt(self, contract: Contract, partition: int, events_made: int, at: int) -> Receipt:
        """What the agency is told, at `at` (ms), of its records from one source partition."""
        return Receipt(
            agency=contract.agency,
            feed=contract.feed,
            topic=contract.topic,
            partition=partition,
            first_offset=self.records[0].offset,
            last_offset=self.records[-1].offset,
            counts=self.counts,
            events_made=events_made,
            rejected=tuple(
                RejectedRecord(record.offset, _event_id(record), why.reason, why.detail)
                for record, why in self.rejected
            ),
            at=at,
        )


def account_of(records: Sequence[RawRecord], readings: Sequence[Reading], withheld: int) -> Account:
    """The account of records that were read so; `withheld` of them were kept from everybody."""
    rejected = [
        (record, reading) for record, reading in zip(records, readings, strict=True) if isinstance(reading, Rejection)
    ]
    heartbeats = sum(isinstance(reading, Heartbeat) for reading in readings)
    processed = len(readings) - len(rejected) - heartbeats
    return Account(records, rejected, ReceiptCounts(processed, withheld, len(rejected), heartbeats))


def receipt_record(codec: Codec, receipt: Receipt) -> Outgoing:
    """A receipt as it is sent."""
    key = f"{receipt.feed}|{receipt.partition}".encode()
    return Outgoing(topics.receipts(receipt.agency), 0, key, codec.encode(receipt))


def _event_id(record: RawRecord) -> str | None:
    named = next((value for name, value in record.headers or () if name == "ce_id" and value), None)
    return named.decode(errors="replace")[:LONGEST_ID] if named else None
