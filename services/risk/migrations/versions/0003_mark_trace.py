"""A mark knows the trace of what made it."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the column; marks that wait belong to no trace."""
    op.add_column("mark", sa.Column("traceparent", sa.Text(), nullable=False, server_default=""))
