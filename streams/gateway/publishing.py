"""Events and heartbeats as records for Kafka, and the answer once Kafka has them. Sends nothing itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from schemas.contract import Contract
from schemas.outcomes import Rejection, RejectionReason
from schemas.publishing import publish_heartbeat, publish_json
from schemas.registry import Registry
from streams.agencies.batches import HEADER
from streams.gateway.answers import AcceptedEvent, EventsAnswer, RejectedEvent
from streams.gateway.envelopes import LONGEST_ID, EnvelopeFault, Item, Refused
from streams.gateway.places import place_in
from streams.gateway.problems import Problem, ProblemType
from streams.gateway.sending import Landed
from streams.kafka.transactions import Outgoing
from streams.topics import partition_of


@dataclass(slots=True)
class Batch:
    """The events of one request, once looked at.

    Attributes:
        records: to send, in order.
        of: position in the request, contract and event id of each.
        refused: those not taken, by position.
        id: stands with every record.
    """

    id: str
    records: list[Outgoing] = field(default_factory=list)
    of: list[tuple[int, Contract, str]] = field(default_factory=list)
    refused: list[tuple[int, Refused]] = field(default_factory=list)

    def require_some(self) -> None:
        """Looks whether there is anything to send.

        Raises:
            Problem: nothing is; of the kind that all refusals have in common, if there is one.
        """
        if self.records:
            return
        reasons = {one.reason for _, one in self.refused}
        type_ = _OF_ALL.get(next(iter(reasons)), ProblemType.NOTHING_ACCEPTED) if len(reasons) == 1 else _MIXED
        detail = f"none of {len(self.refused)} could be taken" if len(self.refused) > 1 else self.refused[0][1].detail
        raise Problem(type_, detail, more={"rejected": [one.model_dump() for one in self._rejected()]})

    def answer(self, landed: Sequence[Landed]) -> EventsAnswer:
        """What is told once all is acknowledged.

        Args:
            landed: where, in the order of `records`.
        """
        accepted = [
            AcceptedEvent(index=index, id=id_, receipt=str(place_in(contract, one.partition, one.offset)))
            for (index, contract, id_), one in zip(self.of, landed, strict=True)
        ]
        return EventsAnswer(accepted=accepted, rejected=self._rejected(), batch=self.id)

    def _rejected(self) -> list[RejectedEvent]:
        return [
            RejectedEvent(index=index, id=one.event_id, reason=one.reason.value, detail=one.detail)
            for index, one in self.refused
        ]


_MIXED = ProblemType.NOTHING_ACCEPTED
_OF_ALL = {
    RejectionReason.WRONG_AGENCY: ProblemType.FOREIGN_CONTRACT,
    RejectionReason.TOO_LARGE: ProblemType.TOO_LARGE,
    EnvelopeFault.UNKNOWN_CONTRACT: ProblemType.UNKNOWN_CONTRACT,
}


def batch_of(entries: Sequence[Item | Refused], registry: Registry, partitions: int, batch_id: str) -> Batch:
    """Makes records of events, as far as they fit their contracts' schemas.

    Args:
        entries: in the order of the request.
        registry: gives schema ids.
        partitions: of each agency topic.
        batch_id: of the request.

    Raises:
        RegistryUnreachable: a schema id cannot be had.
    """
    batch = Batch(batch_id)
    for index, entry in enumerate(entries):
        if isinstance(entry, Refused):
            batch.refused.append((index, entry))
            continue
        made = publish_json(entry.contract, registry, entry.record, entry.event_id)
        if isinstance(made, Rejection):
            batch.refused.append((index, Refused(entry.event_id, made.reason, made.detail)))
            continue
        key, value, headers = made
        partition = partition_of(key.decode(), partitions)
        batch.records.append(
            Outgoing(entry.contract.topic, partition, key, value, [*headers, (HEADER, batch.id.encode())])
        )
        batch.of.append((index, entry.contract, dict(headers)["ce_id"].decode()[:LONGEST_ID]))
    return batch


def heartbeat(contract: Contract, registry: Registry, partitions: int, up_to: int) -> list[Outgoing]:
    """One heartbeat for each partition of the contract's topic.

    Raises:
        RegistryUnreachable: the schema id cannot be had.
    """
    key, value, headers = publish_heartbeat(contract, registry, up_to)
    return [Outgoing(contract.topic, partition, key, value, headers) for partition in range(partitions)]
