"""The first tables of notify."""

from typing import cast

from alembic import op
from alembic.operations import Operations
from sqlalchemy import BigInteger, Boolean, Column, Float, Integer, LargeBinary, PrimaryKeyConstraint, Text

from shared.db.house_revisions import create_dead_letters, create_house, settle_dead_letters

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create everything."""
    operations = cast("Operations", op)
    create_house(operations)
    create_dead_letters(operations)
    settle_dead_letters(operations)
    _create_alerts()
    _create_people()
    _create_notices()
    _create_messages()
    _create_deliveries()


def _create_alerts() -> None:
    op.create_table(
        "alert",
        Column("id", Text, primary_key=True),
        Column("cause_id", Text, nullable=False),
        Column("book", Text, nullable=False),
        Column("revision", Integer, nullable=False),
        Column("rang_revision", Integer, nullable=False),
        Column("acknowledged", Boolean, nullable=False),
        Column("explanation", Text, nullable=False),
        Column("body", LargeBinary, nullable=False),
    )
    op.create_table(
        "alert_revision",
        Column("alert", Text, nullable=False),
        Column("revision", Integer, nullable=False),
        Column("body", LargeBinary, nullable=False),
        Column("received_at", BigInteger, nullable=False),
        PrimaryKeyConstraint("alert", "revision", name="alert_revision_pk"),
    )
    op.create_table(
        "alert_request",
        Column("id", Text, primary_key=True),
        Column("alert", Text, nullable=False),
        Column("kind", Text, nullable=False),
        Column("by", Text, nullable=False),
        Column("comment", Text, nullable=True),
        Column("requested_at", BigInteger, nullable=True),
        Column("decision", Text, nullable=True),
        Column("decided_at", BigInteger, nullable=True),
        Column("verdict", Text, nullable=True),
    )
    op.create_index("alert_request_alert", "alert_request", ["alert", "id"])
    op.create_table(
        "reminder",
        Column("alert", Text, nullable=False),
        Column("level", Text, nullable=False),
        Column("due_at", BigInteger, nullable=False),
        Column("outcome", Text, nullable=False),
        PrimaryKeyConstraint("alert", "level", name="reminder_pk"),
    )
    op.create_index("reminder_due", "reminder", ["outcome", "due_at"])
    op.create_table(
        "survey",
        Column("id", Text, primary_key=True),
        Column("contact", Text, nullable=False),
        Column("body", LargeBinary, nullable=False),
    )


def _create_people() -> None:
    op.create_table(
        "contact",
        Column("id", Text, primary_key=True),
        Column("version", Integer, nullable=False),
        Column("body", LargeBinary, nullable=False),
    )
    op.create_table(
        "directory_entry",
        Column("kind", Text, nullable=False),
        Column("id", Text, nullable=False),
        Column("version", Integer, nullable=False),
        Column("origin", Text, nullable=False),
        Column("body", Text, nullable=False),
        Column("changed_at", BigInteger, nullable=False),
        PrimaryKeyConstraint("kind", "id", name="directory_entry_pk"),
    )
    op.create_table(
        "silence",
        Column("id", Text, primary_key=True),
        Column("body", Text, nullable=False),
        Column("starts_at", BigInteger, nullable=False),
        Column("ends_at", BigInteger, nullable=False),
    )
    op.create_index("silence_ends", "silence", ["ends_at"])


def _create_notices() -> None:
    op.create_table(
        "notice",
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
        Column("due_at", BigInteger, nullable=False),
        Column("created_at", BigInteger, nullable=False),
        Column("message", Text, nullable=False),
    )
    op.create_index("notice_subject", "notice", ["subject"])
    op.create_index("notice_recipient", "notice", ["state", "channel", "recipient_kind", "recipient", "due_at"])
    op.create_index("notice_message", "notice", ["message"])
    op.create_index("notice_listing", "notice", ["state", "created_at", "id"])


def _create_messages() -> None:
    op.create_table(
        "message",
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
        Column("payload", Text, nullable=False),
        Column("template", Text, nullable=False),
        Column("template_version", Text, nullable=False),
        Column("wording_failed", Text, nullable=False),
        Column("state", Text, nullable=False),
        Column("reason", Text, nullable=False),
        Column("attempts", Integer, nullable=False),
        Column("tries", Integer, nullable=False),
        Column("asked_by", Text, nullable=False),
        Column("created_at", BigInteger, nullable=False),
        Column("deadline", BigInteger, nullable=False),
        Column("ended_at", BigInteger, nullable=True),
    )
    op.create_index("message_lane", "message", ["channel", "destination", "state", "created_at", "id"])
    op.create_index("message_listing", "message", ["created_at", "id"])
    op.create_index("message_recipient", "message", ["recipient_kind", "recipient", "channel", "created_at", "id"])
    op.create_index("message_state", "message", ["state", "channel", "created_at"])


def _create_deliveries() -> None:
    op.create_table(
        "attempt",
        Column("message", Text, nullable=False),
        Column("number", Integer, nullable=False),
        Column("by", Text, nullable=False),
        Column("started_at", BigInteger, nullable=False),
        Column("ended_at", BigInteger, nullable=True),
        Column("outcome", Text, nullable=False),
        Column("detail", Text, nullable=False),
        Column("took_s", Float, nullable=True),
        PrimaryKeyConstraint("message", "number", name="attempt_pk"),
    )
    op.create_table(
        "destination",
        Column("channel", Text, nullable=False),
        Column("address", Text, nullable=False),
        Column("due_at", BigInteger, nullable=False),
        Column("failures", Integer, nullable=False),
        Column("owner", Text, nullable=False),
        Column("epoch", BigInteger, nullable=False),
        Column("lease_until", BigInteger, nullable=False),
        PrimaryKeyConstraint("channel", "address", name="destination_pk"),
    )
    op.create_index("destination_due", "destination", ["channel", "due_at"])
