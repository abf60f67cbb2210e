"""Store what can be changed of a study: its project, its labels, and how often they were."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "20261203_study_edits"
down_revision: Final = "20261202_target_runs"
oldest_code: Final = "20261130_initial_sizes"
"""Older code shows a study's labels as they were submitted."""


def upgrade() -> None:
    op.add_column("studies", sa.Column("project", sa.String(length=200), nullable=True))
    op.add_column("studies", sa.Column("labels", sa.JSON(), nullable=True))
    op.add_column(
        "studies", sa.Column("edits", sa.Integer(), nullable=False, server_default=sa.text("0"))
    )
    op.create_index("ix_studies_project", "studies", ["project"])


def downgrade() -> None:
    op.drop_index("ix_studies_project", "studies")
    with op.batch_alter_table("studies") as studies:
        for name in ("edits", "labels", "project"):
            studies.drop_column(name)
