"""Store the fields of training that a trial's search has drawn."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "20261210_training"
down_revision: Final = "20261209_webhooks"
oldest_code: Final = "20261204_access"
"""Older code asks for no such trials, and cannot read studies that have some."""


def upgrade() -> None:
    op.add_column("trials", sa.Column("training", sa.JSON(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("trials") as trials:
        trials.drop_column("training")
