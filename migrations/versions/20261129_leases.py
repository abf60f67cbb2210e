"""Store the trials that trainers of users' own lease, what they report, and who asks."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "20261129_leases"
down_revision: Final = "20261128_study_evidence"
oldest_code: Final = "20261128_study_evidence"
"""Older code knows no study of such a family, and pauses it."""


def upgrade() -> None:
    op.create_table(
        "leases",
        sa.Column("study_id", sa.String(length=40), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("order_id", sa.String(length=128), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("worker", sa.String(length=120), nullable=True),
        sa.Column("ttl_seconds", sa.Integer(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("offered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("rungs", sa.JSON(), nullable=False),
        sa.Column("needs_validation", sa.Boolean(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("validated_step", sa.Integer(), nullable=False),
        sa.Column("diverged", sa.Boolean(), nullable=False),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.Column("checkpoint_step", sa.Integer(), nullable=True),
        sa.Column("checkpoint", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["study_id", "number"],
            ["trials.study_id", "trials.number"],
            name="fk_leases_study_id_number_trials",
        ),
        sa.PrimaryKeyConstraint("study_id", "number", name="pk_leases"),
        sa.UniqueConstraint("order_id", name="uq_leases_order_id"),
    )
    op.create_index("ix_leases_state_study_id", "leases", ["state", "study_id"])
    op.create_table(
        "lease_reports",
        sa.Column("study_id", sa.String(length=40), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("first_step", sa.Integer(), nullable=False),
        sa.Column("losses", sa.LargeBinary(), nullable=False),
        sa.Column("validation_loss", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("study_id", "number", "step", name="pk_lease_reports"),
    )
    op.create_table(
        "trainers",
        sa.Column("study_id", sa.String(length=40), nullable=False),
        sa.Column("worker", sa.String(length=120), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asks_until", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name="fk_trainers_study_id_studies"),
        sa.PrimaryKeyConstraint("study_id", "worker", name="pk_trainers"),
    )


def downgrade() -> None:
    op.drop_table("trainers")
    op.drop_table("lease_reports")
    op.drop_index("ix_leases_state_study_id", table_name="leases")
    op.drop_table("leases")
