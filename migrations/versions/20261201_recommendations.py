"""Store recommendations for good, with what reviewers decided about each."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "20261201_recommendations"
down_revision: Final = "20261130_initial_sizes"
oldest_code: Final = "20261130_initial_sizes"
"""Older code stores none, and takes an idempotency key of one for that of another request."""


def upgrade() -> None:
    op.create_table(
        "recommendations",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("study_id", sa.String(length=40), nullable=False),
        sa.Column("asked", sa.JSON(), nullable=False),
        sa.Column("family", sa.String(length=80), nullable=False),
        sa.Column("optimizer", sa.String(length=64), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("target", sa.JSON(), nullable=False),
        sa.Column("verdict", sa.String(length=16), nullable=False),
        sa.Column("headline", sa.Text(), nullable=False),
        sa.Column("provisional", sa.Boolean(), nullable=False),
        sa.Column("rule_version", sa.Text(), nullable=False),
        sa.Column("evidence_version", sa.Integer(), nullable=False),
        sa.Column("evidence_sha256", sa.String(length=64), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["study_id"], ["studies.id"], name="fk_recommendations_study_id_studies"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_recommendations"),
    )
    for columns in (["created_at", "id"], ["study_id"], ["family", "optimizer"]):
        op.create_index(f"ix_recommendations_{'_'.join(columns)}", "recommendations", columns)
    with op.batch_alter_table("idempotency_keys") as table:
        table.add_column(sa.Column("recommendation_id", sa.String(length=40), nullable=True))
        table.create_foreign_key(
            "fk_idempotency_keys_recommendation_id_recommendations",
            "recommendations",
            ["recommendation_id"],
            ["id"],
        )


def downgrade() -> None:
    with op.batch_alter_table("idempotency_keys") as table:
        table.drop_constraint(
            "fk_idempotency_keys_recommendation_id_recommendations", type_="foreignkey"
        )
        table.drop_column("recommendation_id")
    op.drop_table("recommendations")
