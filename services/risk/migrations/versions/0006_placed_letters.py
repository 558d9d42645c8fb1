"""Dead letters name their event, its producer, and where in our code it broke."""

from typing import cast

from alembic import op
from alembic.operations import Operations

from shared.db.house_revisions import place_dead_letters

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the columns."""
    place_dead_letters(cast("Operations", op))
