"""Tables of the case database. Times are ms since the epoch, UTC; text has no length limit."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, Integer, Text, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """All tables of the case database."""

    type_annotation_map = {str: Text, int: BigInteger, list[Any]: JSON}  # noqa: RUF012


class OfferRow(Base):
    """The newest version of an offer."""

    __tablename__ = "offers"
    __table_args__ = (
        Index("offers_by_state", "state", "area"),
        Index("offers_by_household", "household"),
        Index("offers_by_lead", "lead", "state"),
    )

    offer_id: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int]
    household: Mapped[str]
    area: Mapped[str]
    state: Mapped[str]
    reason: Mapped[str | None]
    lead: Mapped[str]
    urgency: Mapped[str]
    services: Mapped[list[Any]]
    opened_at: Mapped[int]
    closes_at: Mapped[int]
    respond_by: Mapped[int]
    updated_at: Mapped[int]
    contact: Mapped[str]
    outcome: Mapped[str | None]
    action: Mapped[str]


class OfferSituationRow(Base):
    """A situation in the newest version of an offer; `position` 0, 1, .. in order of joining."""

    __tablename__ = "offer_situations"
    __table_args__ = (Index("offer_situations_by_match", "match_id"),)

    offer_id: Mapped[str] = mapped_column(ForeignKey("offers.offer_id", ondelete="CASCADE"), primary_key=True)
    match_id: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int]
    rule: Mapped[str]
    rule_version: Mapped[int]
    title: Mapped[str]
    person: Mapped[str]
    explanation: Mapped[str]
    completed_at: Mapped[int]
    events: Mapped[list[Any]]


class SuppressedRow(Base):
    """A situation that joined no offer; the newest `at` counts."""

    __tablename__ = "suppressed"
    __table_args__ = (Index("suppressed_by_reason", "reason", "area"),)

    match_id: Mapped[str] = mapped_column(primary_key=True)
    household: Mapped[str]
    person: Mapped[str]
    area: Mapped[str]
    rule: Mapped[str]
    rule_version: Mapped[int]
    title: Mapped[str]
    reason: Mapped[str]
    at: Mapped[int]


class WorkerRow(Base):
    """A member of a duty team: the name behind the pseudonym on topics."""

    __tablename__ = "workers"
    __table_args__ = (UniqueConstraint("team", "folded_name", name="workers_once_a_team"),)

    worker_id: Mapped[str] = mapped_column(primary_key=True)
    team: Mapped[str]
    name: Mapped[str]
    folded_name: Mapped[str]


class ActionRow(Base):
    """What a worker did with a version of an offer; of two on one version only one can be."""

    __tablename__ = "actions"
    __table_args__ = (UniqueConstraint("offer_id", "version", name="actions_once_a_version"),)

    action_id: Mapped[str] = mapped_column(primary_key=True)
    offer_id: Mapped[str] = mapped_column(ForeignKey("offers.offer_id", ondelete="CASCADE"))
    version: Mapped[int]
    household: Mapped[str]
    area: Mapped[str]
    kind: Mapped[str]
    outcome: Mapped[str | None]
    worker_id: Mapped[str] = mapped_column(ForeignKey("workers.worker_id"))
    team: Mapped[str]
    at: Mapped[int]
    persons: Mapped[list[Any]]


class OutboxRow(Base):
    """An action still to be put on Kafka; written with it, removed when Kafka has it."""

    __tablename__ = "outbox"
    __table_args__ = ({"sqlite_autoincrement": True},)  # numbers ascend, also after it was empty

    number: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
    )
    action_id: Mapped[str] = mapped_column(ForeignKey("actions.action_id", ondelete="CASCADE"))
