"""Alembic's entry: runs on the connection it is handed, within that connection's transaction."""

from alembic import context

from streams.register.tables import VERSION_TABLE, metadata

context.configure(
    connection=context.config.attributes["connection"],
    transactional_ddl=True,
    target_metadata=metadata,
    version_table=VERSION_TABLE,
)
context.run_migrations()
