"""What the gateway answers, as its OpenAPI document describes it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

RECEIPT = "employment-service.job-declarations.v1.0.17"

ReceiptId = Annotated[
    str, Field(description="Where the record landed: `<feed>.v<version>.<partition>.<offset>`.", examples=[RECEIPT])
]


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")


class AcceptedEvent(_Answer):
    """An event that Kafka has; intake decides what becomes of it."""

    index: int = Field(description="Its position in the request, from 0.", examples=[0])
    id: str = Field(description="Its event id; of a CloudEvent its `id`.", examples=["700100"])
    receipt: ReceiptId


class RejectedEvent(_Answer):
    """An event that was not taken and is nowhere."""

    index: int = Field(description="Its position in the request, from 0.", examples=[1])
    id: str | None = Field(description="The CloudEvent's `id`, if it has a usable one.", examples=[None])
    reason: str = Field(
        description="A reason as in receipts, or `wrong-envelope`, `unknown-contract`.", examples=["not-avro"]
    )
    detail: str = Field(description="Names of fields, never a value.", examples=["`Aangifte.aard` is missing"])


class EventsAnswer(_Answer):
    """What was taken and what was not."""

    accepted: list[AcceptedEvent]
    rejected: list[RejectedEvent]
    batch: str = Field(
        description="Names all events of this request; tell it to the operators if they were sent by mistake.",
        examples=["5f0c9a1e77b2d304"],
    )


class HeartbeatRequest(_Answer):
    """ "Everything recorded up to then has been sent"."""

    contract: str = Field(description="Name of the contract, or its feed.", examples=["job-declarations"])
    up_to: str | None = Field(
        None, description="RFC 3339, inclusive; left out: now.", examples=["2026-03-02T12:00:00Z"]
    )


class HeartbeatAnswer(_Answer):
    """A heartbeat goes to every partition of the topic."""

    feed: str = Field(examples=["employment-service.job-declarations"])
    up_to: str = Field(examples=["2026-03-02T12:00:00Z"])
    receipts: list[ReceiptId]


class Fate(_Answer):
    """What became of a record."""

    receipt: ReceiptId
    state: Literal["pending", "processed", "rejected"] = Field(
        description="`pending`: intake has not come to it yet. `processed`: understood; perhaps withheld."
    )
    reason: str | None = Field(None, description="Of a rejected one.", examples=["missing-person"])
    detail: str | None = Field(None, description="Of a rejected one.", examples=["nobody with an id in any role"])


class Counts(_Answer):
    """Records by outcome; `events` counts what was made of them."""

    processed: int
    withheld: int
    rejected: int
    heartbeats: int
    events: int


class RejectedRecord(_Answer):
    """A record that intake refused."""

    offset: int
    event: str | None = Field(description="Its event id.")
    reason: str
    detail: str


class ReceiptAnswer(_Answer):
    """What became of a run of records of one partition; offsets are inclusive."""

    agency: str
    feed: str
    topic: str
    partition: int
    offsets: Annotated[list[int], Field(min_length=2, max_length=2)]
    accepted: list[Annotated[list[int], Field(min_length=2, max_length=2)]]
    counts: Counts
    rejected: list[RejectedRecord]
    at: str


class ReceiptsAnswer(_Answer):
    """A page of receipts, oldest first."""

    receipts: list[ReceiptAnswer]
    next: str = Field(description="`since` of the next page.", examples=["42"])


class ProblemAnswer(BaseModel):
    """A problem, as RFC 9457 describes it."""

    type: str = Field(description="Stays the same for one kind of problem; it can be fetched.")
    title: str
    status: int
    detail: str = Field(description="What is wrong here: fields and positions, never a value.")
    remedy: str
    rejected: list[RejectedEvent] | None = Field(None, description="With `nothing-accepted` and its like.")
