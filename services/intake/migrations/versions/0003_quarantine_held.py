"""What is held in quarantine is counted without reading it."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the index."""
    op.create_index("quarantine_held", "quarantine", ["state", "received_at"])
