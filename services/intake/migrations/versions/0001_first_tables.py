"""The tables at the beginning."""

from typing import cast

from alembic import op
from alembic.operations import Operations
from sqlalchemy import BigInteger, Boolean, Column, Integer, LargeBinary, Text

from shared.db.house_revisions import create_house

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create all tables."""
    create_house(cast("Operations", op))
    _create_books()
    _create_ledger()
    _create_quarantine()


def downgrade() -> None:
    """Refuse: a ledger is not taken away."""
    raise NotImplementedError("restore a backup instead")


def _create_books() -> None:
    op.create_table(
        "book",
        Column("book", Text, primary_key=True),
        Column("base_currency", Text, nullable=False),
        Column("time_zone", Text, nullable=False),
        Column("calendar", Text, nullable=False),
        Column("first_day", Integer, nullable=False),
        Column("known_at", BigInteger, nullable=False),
        Column("dpd_offset", Integer, nullable=False),
        Column("tolerance", Text, nullable=False),
        Column("segment_attributes", Text, nullable=False),
        Column("digest", Text, nullable=False),
        Column("closed_through", Integer, nullable=True),
    )
    op.create_table(
        "close",
        Column("book", Text, primary_key=True),
        Column("day", Integer, primary_key=True),
        Column("known_at", BigInteger, nullable=False),
        Column("received_at", BigInteger, nullable=False),
    )


def _create_ledger() -> None:
    op.create_table(
        "ledger",
        Column("event_id", Text, primary_key=True),
        Column("source", Text, nullable=False),
        Column("origin_id", Text, nullable=False),
        Column("topic", Text, nullable=True),
        Column("partition", Integer, nullable=True),
        Column("offset", BigInteger, nullable=True),
        Column("client", Text, nullable=False),
        Column("subject", Text, nullable=False),
        Column("book", Text, nullable=False),
        Column("type", Text, nullable=False),
        Column("value_date", Integer, nullable=False),
        Column("known_at", BigInteger, nullable=False),
        Column("received_at", BigInteger, nullable=False),
        Column("digest", Text, nullable=False),
        Column("body", LargeBinary, nullable=False),
    )
    op.create_index("ledger_origin", "ledger", ["origin_id"])
    op.create_index("ledger_subject", "ledger", ["book", "subject", "value_date", "known_at"])
    op.create_table(
        "known",
        Column("name", Text, primary_key=True),
        Column("arrived", Boolean, nullable=False),
        Column("client", Text, nullable=False),
        Column("currency", Text, nullable=False),
        Column("fact", Text, nullable=False),
    )


def _create_quarantine() -> None:
    op.create_table(
        "quarantine",
        Column("item", Text, primary_key=True),
        Column("event_id", Text, nullable=False),
        Column("source", Text, nullable=False),
        Column("origin_id", Text, nullable=False),
        Column("topic", Text, nullable=True),
        Column("partition", Integer, nullable=True),
        Column("offset", BigInteger, nullable=True),
        Column("book", Text, nullable=False),
        Column("subject", Text, nullable=False),
        Column("type", Text, nullable=False),
        Column("value_date", Integer, nullable=False),
        Column("known_at", BigInteger, nullable=False),
        Column("received_at", BigInteger, nullable=False),
        Column("state", Text, nullable=False),
        Column("reason", Text, nullable=False),
        Column("missing", Text, nullable=False),
        Column("findings", Text, nullable=False),
        Column("digest", Text, nullable=False),
        Column("headers", LargeBinary, nullable=False),
        Column("body", LargeBinary, nullable=False),
        Column("comment", Text, nullable=False),
        Column("settled_at", BigInteger, nullable=True),
    )
    op.create_index("quarantine_age", "quarantine", ["received_at", "item"])
    op.create_index("quarantine_origin", "quarantine", ["origin_id"])
    op.create_index("quarantine_event", "quarantine", ["event_id"])
    op.create_table(
        "waiting",
        Column("need", Text, primary_key=True),
        Column("item", Text, primary_key=True),
    )
    op.create_index("waiting_item", "waiting", ["item"])
