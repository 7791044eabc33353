"""Offers, their situations, and suppressed situations."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Creates the first tables."""
    _create_offers()
    _create_offer_situations()
    _create_suppressed()


def _create_offers() -> None:
    op.create_table(
        "offers",
        sa.Column("offer_id", sa.Text, primary_key=True),
        sa.Column("version", sa.BigInteger, nullable=False),
        *_texts("household", "area", "state"),
        sa.Column("reason", sa.Text),
        *_texts("lead", "urgency"),
        sa.Column("services", sa.JSON, nullable=False),
        *_numbers("opened_at", "closes_at", "respond_by", "updated_at"),
    )
    op.create_index("offers_by_state", "offers", ["state", "area"])
    op.create_index("offers_by_household", "offers", ["household"])


def _create_offer_situations() -> None:
    op.create_table(
        "offer_situations",
        sa.Column("offer_id", sa.Text, sa.ForeignKey("offers.offer_id", ondelete="CASCADE"), primary_key=True),
        sa.Column("match_id", sa.Text, primary_key=True),
        *_numbers("position"),
        *_texts("rule"),
        *_numbers("rule_version"),
        *_texts("title", "person", "explanation"),
        *_numbers("completed_at"),
        sa.Column("events", sa.JSON, nullable=False),
    )
    op.create_index("offer_situations_by_match", "offer_situations", ["match_id"])


def _create_suppressed() -> None:
    op.create_table(
        "suppressed",
        sa.Column("match_id", sa.Text, primary_key=True),
        *_texts("household", "person", "area", "rule"),
        *_numbers("rule_version"),
        *_texts("title", "reason"),
        *_numbers("at"),
    )
    op.create_index("suppressed_by_reason", "suppressed", ["reason", "area"])


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def _numbers(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger, nullable=False) for name in names]
