"""The register's first tables.

Revision ID: r0001
"""

import sqlalchemy as sa
from alembic import op

revision = "r0001"
down_revision: str | None = None
branch_labels: str | None = None
depends_on: str | None = None

_KEY = sa.String(32)


def upgrade() -> None:
    """Creates every table."""
    _people()
    _households()
    _records()


def _people() -> None:
    op.create_table(
        "register_info",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("value", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_register_info"),
    )
    op.create_table(
        "person",
        sa.Column("key", _KEY, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=True, comment="name, born, language, contact"),
        sa.Column("safety_flags", sa.String(200), nullable=False, server_default=""),
        sa.Column("merged_into", _KEY, nullable=True),
        sa.PrimaryKeyConstraint("key", name="pk_person"),
        sa.ForeignKeyConstraint(["merged_into"], ["person.key"], name="fk_person_merged_into"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "alias",
        sa.Column("hmac", sa.LargeBinary(32), nullable=False),
        sa.Column("scheme", sa.String(64), nullable=False),
        sa.Column("person", _KEY, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False, comment="the normalised id; needed to rotate the key"),
        sa.PrimaryKeyConstraint("hmac", "scheme", name="pk_alias"),
        sa.ForeignKeyConstraint(["person"], ["person.key"], name="fk_alias_person"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_alias_person", "alias", ["person"])


def _households() -> None:
    op.create_table(
        "household",
        sa.Column("key", _KEY, nullable=False),
        sa.Column("area", sa.String(100), nullable=False),
        sa.Column("external", sa.LargeBinary(32), nullable=True, comment="hmac of the population file's id"),
        sa.Column("fingerprint", sa.LargeBinary(32), nullable=True, comment="hmac of the line last loaded"),
        sa.PrimaryKeyConstraint("key", name="pk_household"),
        sa.UniqueConstraint("external", name="uq_household_external"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "membership",
        sa.Column("person", _KEY, nullable=False),
        sa.Column("household", _KEY, nullable=False),
        sa.Column("valid_from", sa.BigInteger, nullable=False),
        sa.Column("valid_until", sa.BigInteger, nullable=True),
        sa.Column("is_provisional", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("person", "household", "valid_from", name="pk_membership"),
        sa.ForeignKeyConstraint(["person"], ["person.key"], name="fk_membership_person"),
        sa.ForeignKeyConstraint(["household"], ["household.key"], name="fk_membership_household"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_membership_household", "membership", ["household"])
    op.create_table(
        "address",
        sa.Column("household", _KEY, nullable=False),
        sa.Column("valid_from", sa.BigInteger, nullable=False),
        sa.Column("valid_until", sa.BigInteger, nullable=True),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("household", "valid_from", name="pk_address"),
        sa.ForeignKeyConstraint(["household"], ["household.key"], name="fk_address_household"),
        sqlite_with_rowid=False,
    )


def _records() -> None:
    op.create_table(
        "doubtful_link",
        sa.Column("hmac", sa.LargeBinary(32), nullable=False),
        sa.Column("kept", _KEY, nullable=False),
        sa.Column("other", _KEY, nullable=False),
        sa.Column("scheme", sa.String(64), nullable=False),
        sa.Column("occurred_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("hmac", "kept", "other", name="pk_doubtful_link"),
    )
    op.create_table(
        "access_log",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), autoincrement=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("by", sa.String(200), nullable=False),
        sa.Column("what", sa.String(50), nullable=False),
        sa.Column("purpose", sa.String(500), nullable=False),
        sa.Column("person", _KEY, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_access_log"),
    )
    op.create_index("ix_access_log_person", "access_log", ["person"])
