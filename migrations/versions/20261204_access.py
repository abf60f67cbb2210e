"""Give every study an owner, and store keys, browsers' sessions and share links."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "20261204_access"
down_revision: Final = "20261203_study_edits"
oldest_code: Final = "20261204_access"
"""Older code asks for no key: it would show every owner's studies to everybody."""


def upgrade() -> None:
    op.add_column(
        "studies",
        sa.Column("owner", sa.String(length=80), nullable=False, server_default="local"),
    )
    op.add_column("studies", sa.Column("api_key_id", sa.String(length=40), nullable=True))
    op.create_index("ix_studies_owner_created_at_id", "studies", ["owner", "created_at", "id"])
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("owner", sa.String(length=80), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("requests_per_minute", sa.Integer(), nullable=True),
        sa.Column("studies_per_day", sa.Integer(), nullable=True),
        sa.Column("created_by", sa.String(length=40), nullable=True),
        sa.Column("request_key", sa.String(length=64), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_api_keys"),
        sa.UniqueConstraint("request_key", name="uq_api_keys_request_key"),
    )
    op.create_index("ix_api_keys_created_at_id", "api_keys", ["created_at", "id"])
    op.create_table(
        "api_key_secrets",
        sa.Column("prefix", sa.String(length=24), nullable=False),
        sa.Column("key_id", sa.String(length=40), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["key_id"], ["api_keys.id"], name="fk_api_key_secrets_key_id_api_keys"
        ),
        sa.PrimaryKeyConstraint("prefix", name="pk_api_key_secrets"),
    )
    op.create_index("ix_api_key_secrets_key_id", "api_key_secrets", ["key_id"])
    op.create_table(
        "browser_sessions",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("key_id", sa.String(length=40), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["key_id"], ["api_keys.id"], name="fk_browser_sessions_key_id_api_keys"
        ),
        sa.PrimaryKeyConstraint("sha256", name="pk_browser_sessions"),
    )
    op.create_table(
        "share_links",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("study_id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("prefix", sa.String(length=24), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["study_id"], ["studies.id"], name="fk_share_links_study_id_studies"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_share_links"),
        sa.UniqueConstraint("prefix", name="uq_share_links_prefix"),
    )
    op.create_index("ix_share_links_study_id_created_at", "share_links", ["study_id", "created_at"])


def downgrade() -> None:
    for table in ("share_links", "browser_sessions", "api_key_secrets", "api_keys"):
        op.drop_table(table)
    op.drop_index("ix_studies_owner_created_at_id", "studies")
    with op.batch_alter_table("studies") as studies:
        for name in ("api_key_id", "owner"):
            studies.drop_column(name)
