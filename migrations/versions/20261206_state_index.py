"""Let the newest studies in a state be found without reading all of that state."""

from typing import Final

from alembic import op

revision: Final = "20261206_state_index"
down_revision: Final = "20261205_given_points"
oldest_code: Final = "20261204_access"
"""Older code finds studies by the new index as well."""


def upgrade() -> None:
    op.create_index("ix_studies_state_created_at_id", "studies", ["state", "created_at", "id"])
    op.drop_index("ix_studies_state", "studies")


def downgrade() -> None:
    op.create_index("ix_studies_state", "studies", ["state"])
    op.drop_index("ix_studies_state_created_at_id", "studies")
