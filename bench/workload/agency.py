"""The agencies' own records of the same events, with a lean producer: Avro, CloudEvents headers, a hashed key.

`python -m bench.workload.agency FILE` is the agencies as one process of its own: they send at a steady rate and
then write what it cost beside the file.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from confluent_kafka import Producer

from bench.workload import DEPLOYMENT
from bench.workload.events import Workload
from processors.events import LifeEvent, derived_id
from schemas.avro import encode_datum
from schemas.contract import Contract
from schemas.publishing import register_contract
from schemas.registry import FolderRegistry
from schemas.wire import frame
from streams import topics
from streams.agencies.publishing import producer_config
from streams.composition import load_deployment

SLICE_S = 0.01


@dataclass(frozen=True, slots=True)
class Message:
    """A record for Kafka."""

    topic: str
    partition: int
    key: bytes
    value: bytes
    headers: list[tuple[str, str | bytes | None]]


class Agencies:
    """Make records of events, each of those that are theirs."""

    def __init__(self, partitions: int) -> None:
        self._contracts = load_deployment(DEPLOYMENT).contracts
        registry = FolderRegistry()
        self._ids = {feed: register_contract(contract, registry) for feed, contract in self._contracts.items()}
        self._headers = {feed: _headers(contract) for feed, contract in self._contracts.items()}
        self._partitions = partitions

    @property
    def topics(self) -> list[str]:
        """Where they send."""
        return [contract.topic for contract in self._contracts.values()]

    def message(self, event: LifeEvent, moment: int | None = None) -> Message:
        """The record of one event; `moment` (ms) stands in for when it occurred and was recorded."""
        record = {
            "id": event.id, "kind": event.type, "person": event.person, "amount": 412.5,
            "occurredAt": moment or event.occurred_at, "recordedAt": moment or event.recorded_at,
        }  # fmt: skip
        contract, key = self._contracts[event.feed], derived_id(event.feed, event.person)
        return Message(
            contract.topic,
            topics.partition_of(key, self._partitions),
            key.encode(),
            frame(self._ids[event.feed], encode_datum(contract.schema, record)),
            [*self._headers[event.feed], ("ce_id", event.id.encode())],
        )


def _headers(contract: Contract) -> list[tuple[str, str | bytes | None]]:
    return [
        ("ce_specversion", b"1.0"),
        ("ce_source", f"/{contract.agency}/{contract.name}".encode()),
        ("ce_type", f"{contract.feed}.v{contract.major}".encode()),
        ("content-type", b"application/avro"),
    ]


@dataclass(frozen=True)
class Sending:
    """What the agencies' process is told.

    Attributes:
        rate: records a second.
        is_now: they are recorded, and occur, at the moment they are sent.
    """

    bootstrap: str
    partitions: int
    events: int
    persons: int
    begin_ms: int
    share: float
    rate: int
    is_now: bool

    @property
    def workload(self) -> Workload:
        """The events it sends."""
        return Workload(self.events, self.persons, self.begin_ms, self.share)


def send(sending: Sending) -> dict[str, float]:
    """Sends at the rate, and says how long it took and what CPU it cost, s."""
    agencies, producer = Agencies(sending.partitions), Producer(producer_config(sending.bootstrap) | {"linger.ms": 5})
    began, cpu = time.monotonic(), _cpu_s()
    for number, event in enumerate(sending.workload.lines()):
        if number % max(1, int(sending.rate * SLICE_S)) == 0:
            producer.poll(0)
            time.sleep(max(0.0, began + number / sending.rate - time.monotonic()))
        now = time.time_ns() // 1_000_000 if sending.is_now else None
        one = agencies.message(event, now)
        producer.produce(one.topic, partition=one.partition, key=one.key, value=one.value, headers=one.headers)
    unsent = producer.flush(120)
    spent = time.monotonic() - began
    return {"seconds": spent, "cpu_s": _cpu_s() - cpu, "unsent": unsent}


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def write(sending: Sending, path: Path) -> Path:
    """Writes down what the agency's process is told."""
    path.write_text(json.dumps(asdict(sending)))
    return path


if __name__ == "__main__":
    told = Path(sys.argv[1])
    told.with_suffix(".done").write_text(json.dumps(send(Sending(**json.loads(told.read_text())))))
