"""Store how trials of each shape train fastest, measured once a study."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "20261122_packings"
down_revision: Final = "20261121_first_tables"
oldest_code: Final = "20261122_packings"
"""Older code does not know the orders and events that come with it."""


def upgrade() -> None:
    op.add_column("studies", sa.Column("packings", sa.JSON(), nullable=True))


def downgrade() -> None:
    op.drop_column("studies", "packings")
