"""What is accepted is counted, per lane and business day."""

import sqlalchemy as sa
from alembic import op

from shared.db.columns import sequence_type

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table; books that are open are counted from their next close on."""
    op.create_table(
        "accepted",
        sa.Column("seq", sequence_type(), primary_key=True, autoincrement=True),
        sa.Column("book", sa.Text(), nullable=False),
        sa.Column("lane", sa.Integer(), nullable=False),
        sa.Column("since", sa.Integer(), nullable=False),
        sa.Column("facts", sa.Integer(), nullable=False),
        sa.Column("digest", sa.BigInteger(), nullable=False),
        sa.Column("ids", sa.LargeBinary(), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("accepted_book", "accepted", ["book", "since", "lane", "seq"])
    op.add_column("book", sa.Column("counted", sa.Boolean(), nullable=False, server_default=sa.false()))
