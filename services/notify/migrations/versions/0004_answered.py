"""Revisions of alerts are answered: risk hears of which ones it is planned whom to tell."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the column; nobody waits for answers to what is there already."""
    op.add_column("alert_revision", sa.Column("answered", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.execute("UPDATE alert_revision SET answered = (1 = 1)")
    op.create_index("alert_revision_answered", "alert_revision", ["answered", "received_at"])
