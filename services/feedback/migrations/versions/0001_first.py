"""The first tables of feedback."""

from typing import cast

from alembic import op
from alembic.operations import Operations

from shared.db.house_revisions import create_dead_letters, create_house

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create everything."""
    operations = cast("Operations", op)
    create_house(operations)
    create_dead_letters(operations)
