"""Alembic's entry point: runs the migrations on the connection that `app.db.migrate` opened."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    # SQLite alters a table by rebuilding it.
    render_as_batch=True,
)
context.run_migrations()
