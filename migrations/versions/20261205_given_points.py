"""Store points that searches are given: to be trained next, or known from elsewhere."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "20261205_given_points"
down_revision: Final = "20261204_access"
oldest_code: Final = "20261204_access"
"""Older code searches without them."""


def upgrade() -> None:
    op.create_table(
        "given_points",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("study_id", sa.String(length=40), nullable=False),
        sa.Column("optimizer", sa.String(length=64), nullable=False),
        sa.Column("params", sa.JSON(), nullable=False),
        sa.Column("value", sa.Float(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["study_id"], ["studies.id"], name="fk_given_points_study_id_studies"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_given_points"),
        sa.UniqueConstraint("study_id", "sha256", name="uq_given_points_study_id_sha256"),
    )


def downgrade() -> None:
    op.drop_table("given_points")
