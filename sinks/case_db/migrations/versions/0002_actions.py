"""Who has an offer and how it ended; what workers do, on its way to Kafka."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Adds columns to offers; creates workers, actions and the outbox."""
    _extend_offers()
    op.create_table(
        "workers",
        sa.Column("worker_id", sa.Text, primary_key=True),
        sa.Column("team", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("folded_name", sa.Text, nullable=False),
        sa.UniqueConstraint("team", "folded_name", name="workers_once_a_team"),
    )
    _create_actions()
    _create_outbox()


def _extend_offers() -> None:
    op.add_column("offers", sa.Column("contact", sa.Text, nullable=False, server_default=""))
    op.add_column("offers", sa.Column("outcome", sa.Text))
    op.add_column("offers", sa.Column("action", sa.Text, nullable=False, server_default=""))
    op.create_index("offers_by_lead", "offers", ["lead", "state"])


def _create_actions() -> None:
    op.create_table(
        "actions",
        sa.Column("action_id", sa.Text, primary_key=True),
        sa.Column("offer_id", sa.Text, sa.ForeignKey("offers.offer_id", ondelete="CASCADE"), nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("household", sa.Text, nullable=False),
        sa.Column("area", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("outcome", sa.Text),
        sa.Column("worker_id", sa.Text, sa.ForeignKey("workers.worker_id"), nullable=False),
        sa.Column("team", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("persons", sa.JSON, nullable=False),
        sa.UniqueConstraint("offer_id", "version", name="actions_once_a_version"),
    )


def _create_outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
        sa.Column("action_id", sa.Text, sa.ForeignKey("actions.action_id", ondelete="CASCADE"), nullable=False),
        sqlite_autoincrement=True,
    )
