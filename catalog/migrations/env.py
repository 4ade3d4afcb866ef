"""Alembic's entry: runs on the connection that `catalog.upgrading` hands in, in its transaction."""

from alembic import context

from catalog.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=False,  # the caller holds the transaction
    render_as_batch=True,
)
context.run_migrations()
