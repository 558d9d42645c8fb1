"""Which version of each client's contact was put last."""

from alembic import op
from sqlalchemy import BigInteger, Column, Text

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "contact",
        Column("book", Text, primary_key=True),
        Column("client", Text, primary_key=True),
        Column("version", BigInteger, nullable=False),
        Column("salt", Text, nullable=False),
        Column("fingerprint", Text, nullable=False),
    )


def downgrade() -> None:
    """Refuse: version numbers must go on where they were."""
    raise NotImplementedError("restore a backup instead")
