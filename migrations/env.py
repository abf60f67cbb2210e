"""Runs revisions on the connection that `tuner.storage.sql.database.migrate` hands over.

After each step the database states the oldest code that may serve it, so that code which
does not know a newer revision can tell whether it may go on (a rolling upgrade).
"""

from collections.abc import Collection, Mapping
from typing import Any

from alembic import context
from alembic.runtime.migration import MigrationContext, MigrationInfo
from alembic.script import Script
from sqlalchemy import text

from tuner.storage.sql.lease_tables import LeaseRow


def state_oldest_code(
    ctx: MigrationContext, step: MigrationInfo, heads: Collection[Any], run_args: Mapping[str, Any]
) -> None:
    """Store the `oldest_code` of the revision that the database is at after the step."""
    arrived_at = next(iter(step.destination_revisions), None)
    if not isinstance(arrived_at, Script) or ctx.connection is None:
        return  # nothing is left of the tables
    ctx.connection.execute(text("DELETE FROM schema_compatibility"))
    ctx.connection.execute(
        text("INSERT INTO schema_compatibility (revision, oldest_code) VALUES (:at, :oldest)"),
        {"at": arrived_at.revision, "oldest": arrived_at.module.oldest_code},
    )


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=LeaseRow.metadata,
    on_version_apply=state_oldest_code,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
