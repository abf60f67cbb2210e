"""Store the initial sizes that coordinate checks measure, and what lies between tensors."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "20261130_initial_sizes"
down_revision: Final = "20261129_leases"
oldest_code: Final = "20261130_initial_sizes"
"""Older code knows neither activations beside the tensors nor tensors without an update."""


def upgrade() -> None:
    op.add_column("coordinate_checks", sa.Column("initial_rms", sa.Float(), nullable=True))


def downgrade() -> None:
    op.drop_column("coordinate_checks", "initial_rms")
