"""Of whom a person was split.

Revision ID: r0002
"""

from alembic import op

revision = "r0002"
down_revision: str | None = "r0001"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Adds the column; nobody was split so far.

    In SQL of both databases: Alembic would copy the whole table on SQLite, and other tables refer to it.
    """
    op.execute(
        'ALTER TABLE person ADD COLUMN split_from VARCHAR(32) CONSTRAINT fk_person_split_from REFERENCES person ("key")'
    )
