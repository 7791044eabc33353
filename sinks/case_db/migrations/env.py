"""Alembic's environment: runs inside the transaction `sinks.case_db.engine.upgrade` has opened."""

from alembic import context

from sinks.case_db.tables import Base

context.configure(
    connection=context.config.attributes["connection"], target_metadata=Base.metadata, transactional_ddl=True
)
context.run_migrations()
