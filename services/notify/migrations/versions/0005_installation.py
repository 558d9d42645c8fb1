"""A database knows to which service and log it belongs."""

from typing import cast

from alembic import op
from alembic.operations import Operations

from shared.db.house_revisions import create_installation

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Create the table."""
    create_installation(cast("Operations", op))
