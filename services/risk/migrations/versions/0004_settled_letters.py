"""Dead letters can be retried and dismissed."""

from typing import cast

from alembic import op
from alembic.operations import Operations

from shared.db.house_revisions import settle_dead_letters

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add what became of a letter."""
    settle_dead_letters(cast("Operations", op))
