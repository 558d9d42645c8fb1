"""The tables that every service has in its own database, beside its own."""

from dataclasses import dataclass

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, MetaData, PrimaryKeyConstraint, Table, Text

from shared.db.columns import Moment, sequence_type


@dataclass(frozen=True)
class HouseTables:
    """Outbox, positions, fixed numbers of partitions, idempotency keys, the log that all this belongs to."""

    outbox: Table
    position: Table
    lanes: Table
    idempotency: Table
    installation: Table


def house_tables(metadata: MetaData) -> HouseTables:
    """Add the house tables to a service's metadata.

    A change here needs a new function beside `shared.db.house_revisions.create_house` and a revision in each service.
    """
    return HouseTables(
        outbox=Table(
            "outbox",
            metadata,
            Column("seq", sequence_type(), primary_key=True, autoincrement=True),
            Column("event_id", Text, nullable=False),
            Column("topic", Text, nullable=False),
            Column("partition", Integer, nullable=False),
            Column("key", Text, nullable=False),
            Column("headers", LargeBinary, nullable=False),
            Column("value", LargeBinary, nullable=False),
            Column("created_at", Moment, nullable=False),
            Index("outbox_event", "event_id", unique=True),
            Index("outbox_lane", "topic", "partition", "seq"),
            sqlite_autoincrement=True,
        ),
        position=Table(
            "position",
            metadata,
            Column("group_name", Text, nullable=False),
            Column("topic", Text, nullable=False),
            Column("partition", Integer, nullable=False),
            Column("next_offset", BigInteger, nullable=False),
            Column("epoch", BigInteger, nullable=False),
            Column("owner", Text, nullable=False),
            PrimaryKeyConstraint("group_name", "topic", "partition", name="position_pk"),
        ),
        lanes=Table(
            "lanes",
            metadata,
            Column("topic", Text, nullable=False),
            Column("partitions", Integer, nullable=False),
            PrimaryKeyConstraint("topic", name="lanes_pk"),
        ),
        idempotency=Table(
            "idempotency",
            metadata,
            Column("key", Text, nullable=False),
            Column("route", Text, nullable=False),
            Column("digest", Text, nullable=False),
            Column("status", Integer, nullable=True),
            Column("headers", LargeBinary, nullable=True),
            Column("body", LargeBinary, nullable=True),
            Column("created_at", Moment, nullable=False),
            PrimaryKeyConstraint("key", "route", name="idempotency_pk"),
            Index("idempotency_age", "created_at"),
        ),
        installation=Table(
            "installation",
            metadata,
            Column("service", Text, nullable=False),
            Column("log", Text, nullable=False),
            PrimaryKeyConstraint("service", name="installation_pk"),
        ),
    )
