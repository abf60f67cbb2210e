"""Find the studies that ended in a state since a moment by an index."""

from typing import Final

from alembic import op

revision: Final = "20261211_ended_index"
down_revision: Final = "20261210_training"
oldest_code: Final = "20261204_access"
"""Older code finds the same, only slower."""


def upgrade() -> None:
    op.create_index("ix_studies_state_finished_at", "studies", ["state", "finished_at"])


def downgrade() -> None:
    op.drop_index("ix_studies_state_finished_at", "studies")
