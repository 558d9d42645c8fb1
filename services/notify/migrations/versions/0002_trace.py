"""Notices and messages know the trace of what they tell."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the columns; what is there already belongs to no trace."""
    for table in ("notice", "message"):
        op.add_column(table, sa.Column("traceparent", sa.Text(), nullable=False, server_default=""))
