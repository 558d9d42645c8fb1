"""Every table of the notify service."""

from sqlalchemy import BigInteger, Boolean, Column, Float, Index, Integer, LargeBinary, MetaData, Table, Text, false
from sqlalchemy import PrimaryKeyConstraint as Key

from shared.db.columns import JsonText, Moment
from shared.db.house import house_tables
from shared.db.letters import Morgue, dead_letter_table
from shared.events.notify import NotifyMessageDeadLettered

METADATA = MetaData()
HOUSE = house_tables(METADATA)
DEAD_LETTER = dead_letter_table(METADATA)
MORGUE = Morgue("notify", HOUSE, DEAD_LETTER, NotifyMessageDeadLettered)

ALERT = Table(
    "alert",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("cause_id", Text, nullable=False),
    Column("book", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("rang_revision", Integer, nullable=False),
    Column("acknowledged", Boolean, nullable=False),
    Column("explanation", JsonText, nullable=False),
    Column("body", LargeBinary, nullable=False),
)
"""Alerts as told: the latest revision, and the latest explanation that was not empty."""

REVISION = Table(
    "alert_revision",
    METADATA,
    Column("alert", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("received_at", Moment, nullable=False),
    Column("answered", Boolean, nullable=False, server_default=false()),
    Key("alert", "revision", name="alert_revision_pk"),
    Index("alert_revision_answered", "answered", "received_at"),
)
"""Every revision as it came; `answered`: risk was told that it is planned (R12)."""

REQUEST = Table(
    "alert_request",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("alert", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("comment", Text, nullable=True),
    Column("requested_at", Moment, nullable=True),
    Column("decision", Text, nullable=True),
    Column("decided_at", Moment, nullable=True),
    Column("verdict", Text, nullable=True),
    Index("alert_request_alert", "alert", "id"),
)
"""What people asked of an alert, here or elsewhere, and what risk decided (D15)."""

REMINDER = Table(
    "reminder",
    METADATA,
    Column("alert", Text, nullable=False),
    Column("level", Text, nullable=False),
    Column("due_at", Moment, nullable=False),
    Column("outcome", Text, nullable=False),
    Key("alert", "level", name="reminder_pk"),
    Index("reminder_due", "outcome", "due_at"),
)
"""One for each alert and level: asked once whether somebody has acknowledged."""

SURVEY = Table(
    "survey",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("contact", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
)

CONTACT = Table(
    "contact",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
)
"""Clients' contacts by `book/client`; version 0 is a place kept for one that has not come."""

ENTRY = Table(
    "directory_entry",
    METADATA,
    Column("kind", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("origin", Text, nullable=False),
    Column("body", JsonText, nullable=False),
    Column("changed_at", Moment, nullable=False),
    Key("kind", "id", name="directory_entry_pk"),
)
"""People, teams, endpoints and routes."""

SILENCE = Table(
    "silence",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("body", JsonText, nullable=False),
    Column("starts_at", Moment, nullable=False),
    Column("ends_at", Moment, nullable=False),
    Index("silence_ends", "ends_at"),
)

NOTICE = Table(
    "notice",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("subject", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("audience", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("recipient_kind", Text, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("route", Text, nullable=False),
    Column("silence", Text, nullable=False),
    Column("due_at", Moment, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("message", Text, nullable=False),
    Column("traceparent", Text, nullable=False, server_default=""),
    Index("notice_subject", "subject"),
    Index("notice_recipient", "state", "channel", "recipient_kind", "recipient", "due_at"),
    Index("notice_message", "message"),
    Index("notice_listing", "state", "created_at", "id"),
)
"""Who is to be told what, and why; several notices may become one message."""

MESSAGE = Table(
    "message",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("channel", Text, nullable=False),
    Column("recipient_kind", Text, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("destination", Text, nullable=False),
    Column("audience", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("language", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("html", Text, nullable=False),
    Column("payload", JsonText, nullable=False),
    Column("template", Text, nullable=False),
    Column("template_version", Text, nullable=False),
    Column("wording_failed", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("asked_by", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("deadline", Moment, nullable=False),
    Column("ended_at", Moment, nullable=True),
    Column("traceparent", Text, nullable=False, server_default=""),
    Index("message_lane", "channel", "destination", "state", "created_at", "id"),
    Index("message_listing", "created_at", "id"),
    Index("message_recipient", "recipient_kind", "recipient", "channel", "created_at", "id"),
    Index("message_state", "state", "channel", "created_at"),
)
"""The intent to send, with its bytes. `tries` counts attempts since it was first or again asked for."""

ATTEMPT = Table(
    "attempt",
    METADATA,
    Column("message", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("by", Text, nullable=False),
    Column("started_at", Moment, nullable=False),
    Column("ended_at", Moment, nullable=True),
    Column("outcome", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("took_s", Float, nullable=True),
    Key("message", "number", name="attempt_pk"),
)

DESTINATION = Table(
    "destination",
    METADATA,
    Column("channel", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("due_at", Moment, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("owner", Text, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("lease_until", Moment, nullable=False),
    Key("channel", "address", name="destination_pk"),
    Index("destination_due", "channel", "due_at"),
)
"""One lane for each address of a channel: when it may be tried, and which process sends to it now."""
