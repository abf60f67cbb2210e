"""Let the coordinator's writes name its epoch, and give order ids room for any optimizer's name."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "20261123_coordinator_epoch"
down_revision: Final = "20261122_packings"
oldest_code: Final = "20261123_coordinator_epoch"
"""Older code does not read checkpoints by URI."""


def upgrade() -> None:
    coordinator = op.create_table(
        "coordinator",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_coordinator"),
    )
    op.bulk_insert(coordinator, [{"id": 1, "epoch": 0}])
    _resize_order_ids(64, 128)


def downgrade() -> None:
    _resize_order_ids(128, 64)
    op.drop_table("coordinator")


def _resize_order_ids(before: int, after: int) -> None:
    for table, column, nullable in (("orders", "id", False), ("workers", "order_id", True)):
        with op.batch_alter_table(table) as batch:
            batch.alter_column(
                column,
                existing_type=sa.String(length=before),
                type_=sa.String(length=after),
                existing_nullable=nullable,
            )
