"""Store the evidence of each study, the counts of its trials and the hash of its data."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "20261128_study_evidence"
down_revision: Final = "20261123_coordinator_epoch"
oldest_code: Final = "20261123_coordinator_epoch"
"""Older code writes neither: a newer coordinator counts and computes them once more."""


def upgrade() -> None:
    op.add_column("studies", sa.Column("counts", sa.JSON(), nullable=True))
    op.add_column("studies", sa.Column("data_sha256", sa.String(length=64), nullable=True))
    op.create_table(
        "study_evidence",
        sa.Column("study_id", sa.String(length=40), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("finished_trials", sa.Integer(), nullable=False),
        sa.Column("study_version", sa.Integer(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("curves", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["study_id"], ["studies.id"], name="fk_study_evidence_study_id_studies"
        ),
        sa.PrimaryKeyConstraint("study_id", name="pk_study_evidence"),
    )


def downgrade() -> None:
    op.drop_table("study_evidence")
    op.drop_column("studies", "data_sha256")
    op.drop_column("studies", "counts")
