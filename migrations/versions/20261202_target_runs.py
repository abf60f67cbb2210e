"""Store the losses that target runs report, and what was judged from them."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "20261202_target_runs"
down_revision: Final = "20261201_recommendations"
oldest_code: Final = "20261130_initial_sizes"
"""Older code takes no observations, and has none to read."""


def upgrade() -> None:
    op.create_table(
        "target_observations",
        sa.Column("recommendation_id", sa.String(length=40), nullable=False),
        sa.Column("step", sa.BigInteger(), nullable=False),
        sa.Column("tokens", sa.BigInteger(), nullable=False),
        sa.Column("loss", sa.Float(), nullable=True),
        sa.Column("observed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["recommendation_id"],
            ["recommendations.id"],
            name="fk_target_observations_recommendation_id_recommendations",
        ),
        sa.PrimaryKeyConstraint("recommendation_id", "step", name="pk_target_observations"),
    )
    op.create_table(
        "target_judgements",
        sa.Column("recommendation_id", sa.String(length=40), nullable=False),
        sa.Column("step", sa.BigInteger(), nullable=False),
        sa.Column("judgement", sa.JSON(), nullable=False),
        sa.Column("judged_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["recommendation_id"],
            ["recommendations.id"],
            name="fk_target_judgements_recommendation_id_recommendations",
        ),
        sa.PrimaryKeyConstraint("recommendation_id", "step", name="pk_target_judgements"),
    )


def downgrade() -> None:
    op.drop_table("target_judgements")
    op.drop_table("target_observations")
