"""Store what was seen of the winners' training: curvature, noise, edge of stability."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "20261208_dynamics"
down_revision: Final = "20261207_cells"
oldest_code: Final = "20261204_access"
"""Older code does not look at the column."""


def upgrade() -> None:
    op.add_column("studies", sa.Column("dynamics", sa.JSON(), nullable=True))


def downgrade() -> None:
    op.drop_column("studies", "dynamics")
