"""Surveys, which are folded as loans are, and the spells of arrears of whose cure was told."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "survey",
        sa.Column("book", sa.Text(), primary_key=True),
        sa.Column("survey", sa.Text(), primary_key=True),
        sa.Column("subject", sa.Text(), nullable=False, unique=True),
        sa.Column("client", sa.Text(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("state", sa.LargeBinary(), nullable=True),
    )
    op.create_index("survey_client", "survey", ["book", "client"])
    op.create_table(
        "cure",
        sa.Column("subject", sa.Text(), primary_key=True),
        sa.Column("since", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("cured_on", sa.Integer(), nullable=False),
    )
