"""Tables of the identity register, the same on SQLite and PostgreSQL.

What identifies somebody is either an HMAC (found, never read back) or sealed (read back with the key).
The migrations in `migrations/` make these tables; a test compares the two.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
)

VERSION_TABLE = "register_version"
KEY_LENGTH = 32
"""Characters of a person's or a household's key: 128 random bits, hexadecimal."""

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
    }
)

info = Table(
    "register_info",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("value", LargeBinary, nullable=False),
)

person = Table(
    "person",
    metadata,
    Column("key", String(KEY_LENGTH), primary_key=True),
    Column("sealed", LargeBinary, nullable=True, comment="name, born, language, contact"),
    Column("safety_flags", String(200), nullable=False, server_default=""),
    Column("merged_into", String(KEY_LENGTH), ForeignKey("person.key"), nullable=True),
    Column("split_from", String(KEY_LENGTH), ForeignKey("person.key"), nullable=True),
    sqlite_with_rowid=False,
)

# The hash covers the scheme and leads the key: one list of hashes finds ids of every scheme.
alias = Table(
    "alias",
    metadata,
    Column("hmac", LargeBinary(32), nullable=False),
    Column("scheme", String(64), nullable=False),
    Column("person", String(KEY_LENGTH), ForeignKey("person.key"), nullable=False),
    Column("sealed", LargeBinary, nullable=False, comment="the normalised id; needed to rotate the key"),
    PrimaryKeyConstraint("hmac", "scheme"),
    Index(None, "person"),
    sqlite_with_rowid=False,
)

household = Table(
    "household",
    metadata,
    Column("key", String(KEY_LENGTH), primary_key=True),
    Column("area", String(100), nullable=False),
    Column("external", LargeBinary(32), nullable=True, unique=True, comment="hmac of the population file's id"),
    Column("fingerprint", LargeBinary(32), nullable=True, comment="hmac of the line last loaded"),
    sqlite_with_rowid=False,
)

membership = Table(
    "membership",
    metadata,
    Column("person", String(KEY_LENGTH), ForeignKey("person.key"), nullable=False),
    Column("household", String(KEY_LENGTH), ForeignKey("household.key"), nullable=False),
    Column("valid_from", BigInteger, nullable=False),
    Column("valid_until", BigInteger, nullable=True),
    Column("is_provisional", Boolean, nullable=False),
    PrimaryKeyConstraint("person", "household", "valid_from"),
    Index(None, "household"),
    sqlite_with_rowid=False,
)

address = Table(
    "address",
    metadata,
    Column("household", String(KEY_LENGTH), ForeignKey("household.key"), nullable=False),
    Column("valid_from", BigInteger, nullable=False),
    Column("valid_until", BigInteger, nullable=True),
    Column("sealed", LargeBinary, nullable=False),
    PrimaryKeyConstraint("household", "valid_from"),
    sqlite_with_rowid=False,
)

doubtful_link = Table(
    "doubtful_link",
    metadata,
    Column("hmac", LargeBinary(32), nullable=False),
    Column("kept", String(KEY_LENGTH), nullable=False),
    Column("other", String(KEY_LENGTH), nullable=False),
    Column("scheme", String(64), nullable=False),
    Column("occurred_at", BigInteger, nullable=False),
    PrimaryKeyConstraint("hmac", "kept", "other"),
)

# No foreign key: the log outlives an erased person.
access_log = Table(
    "access_log",
    metadata,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("at", BigInteger, nullable=False),
    Column("by", String(200), nullable=False),
    Column("what", String(50), nullable=False),
    Column("purpose", String(500), nullable=False),
    Column("person", String(KEY_LENGTH), nullable=False),
    Index(None, "person"),
)
