"""The house tables as steps of migrations: each function is frozen once a revision calls it."""

from alembic.operations import Operations
from sqlalchemy import BigInteger, Column, Integer, LargeBinary, PrimaryKeyConstraint, Text

from shared.db.columns import sequence_type


def create_house(op: Operations) -> None:
    """Create the house tables as they were first; called by the first revision of every service."""
    op.create_table(
        "outbox",
        Column("seq", sequence_type(), primary_key=True, autoincrement=True),
        Column("event_id", Text, nullable=False),
        Column("topic", Text, nullable=False),
        Column("partition", Integer, nullable=False),
        Column("key", Text, nullable=False),
        Column("headers", LargeBinary, nullable=False),
        Column("value", LargeBinary, nullable=False),
        Column("created_at", BigInteger, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("outbox_event", "outbox", ["event_id"], unique=True)
    op.create_index("outbox_lane", "outbox", ["topic", "partition", "seq"])
    op.create_table(
        "position",
        Column("group_name", Text, nullable=False),
        Column("topic", Text, nullable=False),
        Column("partition", Integer, nullable=False),
        Column("next_offset", BigInteger, nullable=False),
        Column("epoch", BigInteger, nullable=False),
        Column("owner", Text, nullable=False),
        PrimaryKeyConstraint("group_name", "topic", "partition", name="position_pk"),
    )
    op.create_table(
        "lanes",
        Column("topic", Text, nullable=False),
        Column("partitions", Integer, nullable=False),
        PrimaryKeyConstraint("topic", name="lanes_pk"),
    )
    op.create_table(
        "idempotency",
        Column("key", Text, nullable=False),
        Column("route", Text, nullable=False),
        Column("digest", Text, nullable=False),
        Column("status", Integer, nullable=True),
        Column("headers", LargeBinary, nullable=True),
        Column("body", LargeBinary, nullable=True),
        Column("created_at", BigInteger, nullable=False),
        PrimaryKeyConstraint("key", "route", name="idempotency_pk"),
    )
    op.create_index("idempotency_age", "idempotency", ["created_at"])


def create_dead_letters(op: Operations) -> None:
    """Create the table of dead letters as it was first."""
    op.create_table(
        "dead_letter",
        Column("id", Text, primary_key=True),
        Column("topic", Text, nullable=False),
        Column("partition", Integer, nullable=False),
        Column("offset", BigInteger, nullable=False),
        Column("book", Text, nullable=False),
        Column("client", Text, nullable=False),
        Column("type", Text, nullable=False),
        Column("reason", Text, nullable=False),
        Column("error", Text, nullable=False),
        Column("headers", LargeBinary, nullable=False),
        Column("body", LargeBinary, nullable=False),
        Column("at", BigInteger, nullable=False),
    )
    op.create_index("dead_letter_at", "dead_letter", ["at", "id"])


def create_installation(op: Operations) -> None:
    """Create the table that says to which service and log a database belongs."""
    op.create_table(
        "installation",
        Column("service", Text, nullable=False),
        Column("log", Text, nullable=False),
        PrimaryKeyConstraint("service", name="installation_pk"),
    )


def settle_dead_letters(op: Operations) -> None:
    """Add to dead letters their record's key, and what became of them."""
    for name in ("key", "settled_by", "comment"):
        op.add_column("dead_letter", Column(name, Text, nullable=False, server_default=""))
    op.add_column("dead_letter", Column("state", Text, nullable=False, server_default="kept"))
    op.add_column("dead_letter", Column("settled_at", BigInteger, nullable=False, server_default="0"))
    op.create_index("dead_letter_client", "dead_letter", ["book", "client"])


def place_dead_letters(op: Operations) -> None:
    """Add to dead letters which event of whose they are, and where in our code it broke."""
    for name in ("event_id", "producer", "stack"):
        op.add_column("dead_letter", Column(name, Text, nullable=False, server_default=""))
