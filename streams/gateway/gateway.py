"""The work of the gateway between HTTP and Kafka; whatever blocks runs in a bounded number of threads."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Protocol, TypeVar

from anyio import CapacityLimiter, to_thread

from schemas.reading import heartbeat_fault
from schemas.registry import Registry, RegistryUnreachable
from streams.agencies.batches import batch_id
from streams.errors import Unreachable
from streams.gateway.answers import EventsAnswer, Fate, HeartbeatAnswer, HeartbeatRequest
from streams.gateway.documents import read_document, read_instant
from streams.gateway.envelopes import OWN, READERS, Agency, is_binary, read_binary
from streams.gateway.fates import Fates, State
from streams.gateway.places import RecordPlace, place_in, read_place
from streams.gateway.problems import Problem, ProblemType, unavailable
from streams.gateway.publishing import Batch, batch_of, heartbeat
from streams.gateway.receipts import AtMoment, AtPlace, Page
from streams.gateway.sending import Landed, Sender, Unacknowledged
from streams.instants import rfc3339
from streams.kafka.tail import Source
from streams.kafka.transactions import Outgoing

READING_THREADS = 3
ASKING_THREADS = 4
SENDING_S = 8.0
"""How long a request waits for its records at most, seconds; the producer gives up before."""
ASKING_S = 8.0
"""How long Kafka may take to answer what is asked of it, seconds."""
LOOKING_S = 4.0
"""How long Kafka may take to give a sign of life, seconds; waiting for an earlier look included."""
FRESH_S = 1.0
"""How long a sign of life counts."""

T = TypeVar("T")


class Watermarks(Protocol):
    """See `streams.gateway.places.Watermarks`."""

    def has(self, source: Source, offset: int) -> bool:
        """Whether a record was written there."""


class ReceiptPages(Protocol):
    """See `streams.gateway.receipts.Receipts`."""

    def page(self, agency: str, since: AtPlace | AtMoment | None, limit: int) -> Page:
        """Receipts from `since` on."""


@dataclass(frozen=True)
class Parts:
    """What the gateway works with.

    Attributes:
        agencies: by name.
        registry: gives schema ids.
        partitions: of each agency topic.
        now: the machine's clock, ms.
        sender: to Kafka.
        fates: filled by a reader of receipts.
        is_following: whether that reader is at work.
        watermarks: which records there are.
        receipts: pages of them.
    """

    agencies: Mapping[str, Agency]
    registry: Registry
    partitions: int
    now: Callable[[], int]
    sender: Sender
    fates: Fates
    is_following: Callable[[], bool]
    watermarks: Watermarks
    receipts: ReceiptPages


class Gateway:
    """Answers requests of agencies that are already known to be who they are."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._reading = CapacityLimiter(READING_THREADS)
        self._asking = ThreadPoolExecutor(ASKING_THREADS, "gateway-asking")
        self._looking = ThreadPoolExecutor(1, "gateway-looking")
        self._alive_until = 0.0

    def agency(self, name: str) -> Agency:
        """An agency by the name its code stands for; one the deployment does not know has no contracts."""
        known = self._parts.agencies
        feeds = frozenset(contract.feed for agency in known.values() for contract in agency.contracts)
        return known.get(name) or Agency(name, (), feeds)

    async def publish(self, agency: Agency, media_type: str, headers: Mapping[str, str], body: bytes) -> EventsAnswer:
        """Sends the events of a body, waits for Kafka, tells which were taken.

        Args:
            agency: who sends.
            media_type: of the body, one of `streams.gateway.envelopes.MEDIA_TYPES`.
            headers: of the request, by lower-case name.
            body: as it came.

        Raises:
            Problem: none could be taken, or Kafka does not have all of them.
        """
        read = partial(self._read, agency, media_type, headers, body)
        batch = await to_thread.run_sync(read, limiter=self._reading)
        batch.require_some()
        return batch.answer(await self._send(batch.records))

    async def beat(self, agency: Agency, request: HeartbeatRequest) -> HeartbeatAnswer:
        """Sends a heartbeat to every partition.

        Raises:
            Problem: the contract is not the agency's, the time is none, or Kafka does not have it.
        """
        contract = agency.find(request.contract)
        up_to = self._moment(request.up_to)
        landed = await self._send(heartbeat(contract, self._parts.registry, self._parts.partitions, up_to))
        receipts = [str(place_in(contract, one.partition, one.offset)) for one in landed]
        return HeartbeatAnswer(feed=contract.feed, up_to=str(rfc3339(up_to)), receipts=receipts)

    async def fate(self, agency: Agency, receipt: str) -> Fate:
        """What became of a record.

        Raises:
            Problem: there is no such record of this agency, or it is too long ago.
        """
        place = read_place(receipt)
        if place is None or place.agency != agency.name:
            raise Problem(ProblemType.UNKNOWN_RECEIPT, f"no receipt of {agency.name} has this id")
        state, rejected = self._parts.fates.find(place.source, place.offset)
        if state is None:
            raise Problem(ProblemType.UNKNOWN_RECEIPT, "its fate is not kept here any more; GET /v1/receipts has it")
        if state is State.PENDING and not await self._has(agency, place):
            raise Problem(ProblemType.UNKNOWN_RECEIPT, f"no receipt of {agency.name} has this id")
        if rejected is None:
            return Fate(receipt=receipt, state=state.value)
        return Fate(receipt=receipt, state=state.value, reason=rejected.reason, detail=rejected.detail)

    async def receipts(self, agency: Agency, since: AtPlace | AtMoment | None, limit: int) -> Page:
        """A page of the agency's receipts.

        Raises:
            Problem: Kafka does not answer.
        """
        await self._require_kafka()
        return await self._ask(partial(self._parts.receipts.page, agency.name, since, limit))

    async def require_ready(self) -> None:
        """Looks whether Kafka answers and receipts are followed; a sign of Kafka's life counts for a second.

        Raises:
            Problem: it does not, or they are not.
        """
        if not self._parts.is_following():
            raise unavailable("receipts are not followed")
        await self._require_kafka()

    async def _require_kafka(self) -> None:
        try:
            async with asyncio.timeout(LOOKING_S):
                await asyncio.wrap_future(self._looking.submit(self._look))
        except (Unacknowledged, TimeoutError):
            raise unavailable("Kafka does not answer") from None

    def _look(self) -> None:
        if time.monotonic() >= self._alive_until:
            self._parts.sender.require_reachable()
            self._alive_until = time.monotonic() + FRESH_S

    async def _has(self, agency: Agency, place: RecordPlace) -> bool:
        """Whether there is a record; asks only about partitions that the deployment has, whatever a receipt names."""
        majors = {contract.name: contract.major for contract in agency.contracts}
        if place.major > majors.get(place.contract, 0) or place.partition >= self._parts.partitions:
            return False
        return await self._ask(partial(self._parts.watermarks.has, place.source, place.offset))

    def _read(self, agency: Agency, media_type: str, headers: Mapping[str, str], body: bytes) -> Batch:
        document = read_document(body)
        if media_type == OWN and is_binary(headers):
            entries = read_binary(headers, document, agency)
        else:
            entries = READERS[media_type](document, agency)
        try:
            named = batch_id([agency.name.encode(), *_ce(headers), body])
            return batch_of(entries, self._parts.registry, self._parts.partitions, named)
        except RegistryUnreachable:
            raise unavailable("the schema registry does not answer") from None

    def _moment(self, text: str | None) -> int:
        now = self._parts.now()
        up_to = now if text is None else read_instant(text)
        if up_to is None:
            raise Problem(ProblemType.WRONG_SHAPE, "`up_to` is no time as RFC 3339 writes it: 2026-12-31T12:00:00Z")
        fault = heartbeat_fault(up_to, now)
        if fault is not None:
            raise Problem(ProblemType.WRONG_SHAPE, fault.detail, more={"reason": fault.reason.value})
        return up_to

    async def _send(self, records: list[Outgoing]) -> list[Landed]:
        try:
            sending = await to_thread.run_sync(self._parts.sender.send, records, limiter=self._reading)
            async with asyncio.timeout(SENDING_S):
                return await asyncio.wrap_future(sending)
        except (Unacknowledged, TimeoutError):
            raise unavailable("Kafka did not acknowledge every record in time; some may have been taken") from None

    async def _ask(self, question: Callable[[], T]) -> T:
        try:
            async with asyncio.timeout(ASKING_S):
                # A thread whose answer nobody waits for any more stays one of the few until it ends.
                return await asyncio.wrap_future(self._asking.submit(question))
        except (Unreachable, TimeoutError):
            raise unavailable("Kafka does not answer") from None


def _ce(headers: Mapping[str, str]) -> list[bytes]:
    """What a request in binary mode says besides its body."""
    return [f"{name}:{value}".encode() for name, value in sorted(headers.items()) if name.startswith("ce-")]
