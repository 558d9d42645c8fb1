"""Every table of the intake service. Days are day numbers (`shared.kernel.days`), moments microseconds since 1970."""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, MetaData, Table, Text, false

from shared.db.columns import JsonText, sequence_type
from shared.db.house import house_tables

METADATA = MetaData()
HOUSE = house_tables(METADATA)

BOOK = Table(
    "book",
    METADATA,
    Column("book", Text, primary_key=True),
    Column("base_currency", Text, nullable=False),
    Column("time_zone", Text, nullable=False),
    Column("calendar", Text, nullable=False),
    Column("first_day", Integer, nullable=False),
    Column("known_at", BigInteger, nullable=False),
    Column("dpd_offset", Integer, nullable=False),
    Column("tolerance", JsonText, nullable=False),
    Column("segment_attributes", JsonText, nullable=False),
    Column("digest", Text, nullable=False),
    Column("closed_through", Integer, nullable=True),
    Column("counted", Boolean, nullable=False, server_default=false()),
)
"""Books (D2). Fact transactions hold the row shared, a close holds it alone (D3). `counted`: everything that was
accepted since the last close is in `accepted`; not so while a book of an older version waits for its next close."""

ACCEPTED = Table(
    "accepted",
    METADATA,
    Column("seq", sequence_type(), primary_key=True, autoincrement=True),
    Column("book", Text, nullable=False),
    Column("lane", Integer, nullable=False),
    Column("since", Integer, nullable=False),
    Column("facts", Integer, nullable=False),
    Column("digest", BigInteger, nullable=False),
    Column("ids", LargeBinary, nullable=False),
    Index("accepted_book", "book", "since", "lane", "seq"),
    sqlite_autoincrement=True,
)
"""What was accepted, counted per lane and open day of the book (R12): a row for each transaction, so that none waits
for another; `ids` names the facts (`shared.kernel.tally`)."""

CLOSE = Table(
    "close",
    METADATA,
    Column("book", Text, primary_key=True),
    Column("day", Integer, primary_key=True),
    Column("known_at", BigInteger, nullable=False),
    Column("received_at", BigInteger, nullable=False),
)
"""Every close that had an effect; append-only."""

LEDGER = Table(
    "ledger",
    METADATA,
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
    Index("ledger_origin", "origin_id"),
    Index("ledger_subject", "book", "subject", "value_date", "known_at"),
)
"""Each accepted fact once (D10); append-only. Where it was read is absent for facts that came over HTTP."""

KNOWN = Table(
    "known",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("arrived", Boolean, nullable=False),
    Column("client", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("fact", Text, nullable=False),
)
"""Names (`kind book id`) of books, clients, loans and projects. A row that has not arrived holds the place on which the
fact that names it and the fact that brings it meet, so that neither can miss the other (D11). A client's row is also
what its transactions lock, so that its facts leave in one order (D9)."""

CONTACT = Table(
    "contact",
    METADATA,
    Column("book", Text, primary_key=True),
    Column("client", Text, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("salt", Text, nullable=False),
    Column("fingerprint", Text, nullable=False),
)
"""Which version of a client's contact was put last, and what tells it from others; the contact itself is not kept
(D19)."""

QUARANTINE = Table(
    "quarantine",
    METADATA,
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
    Column("missing", JsonText, nullable=False),
    Column("findings", JsonText, nullable=False),
    Column("digest", Text, nullable=False),
    Column("headers", LargeBinary, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("comment", Text, nullable=False),
    Column("settled_at", BigInteger, nullable=True),
    Index("quarantine_age", "received_at", "item"),
    Index("quarantine_origin", "origin_id"),
    Index("quarantine_event", "event_id"),
    Index("quarantine_held", "state", "received_at"),
)
"""What came in and is not in the ledger (D11), with its bytes. An understood fact's item is its event id; anything else
takes an id made of where it was read. Facts that go on leave this table for the ledger; dismissed ones stay, marked."""

WAITING = Table(
    "waiting",
    METADATA,
    Column("need", Text, primary_key=True),
    Column("item", Text, primary_key=True),
    Index("waiting_item", "item"),
)
"""What a quarantined fact waits for: names, or `fact <event id>`."""
