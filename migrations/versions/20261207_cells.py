"""Store the depth, batch and duration of trials that measure another axis than width."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "20261207_cells"
down_revision: Final = "20261206_state_index"
oldest_code: Final = "20261204_access"
"""Older code asks for no such trials, and cannot read studies that have some."""


def upgrade() -> None:
    op.add_column("trials", sa.Column("cell", sa.JSON(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("trials") as trials:
        trials.drop_column("cell")
