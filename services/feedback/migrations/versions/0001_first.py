"""The first tables of feedback."""

from typing import cast

import sqlalchemy as sa
from alembic import op
from alembic.operations import Operations

from shared.db.house_revisions import create_dead_letters, create_house, settle_dead_letters

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create everything."""
    operations = cast("Operations", op)
    create_house(operations)
    create_dead_letters(operations)
    settle_dead_letters(operations)
    _known()
    _verdicts()
    _surveys()
    _remarks()


def _text(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text(), nullable=False) for name in names]


def _known() -> None:
    op.create_table(
        "book_lane",
        sa.Column("book", sa.Text(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("closed_through", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("book", "partition"),
    )
    op.create_table(
        "close",
        sa.Column("book", sa.Text(), nullable=False),
        sa.Column("day", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("book", "day"),
    )
    op.create_table(
        "contact",
        *_text("book", "client"),
        sa.Column("version", sa.Integer(), nullable=False),
        *_text("language"),
        sa.Column("reachable", sa.Boolean(), nullable=False),
        sa.Column("consent", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("book", "client"),
    )
    op.create_table(
        "alert",
        *_text("id", "cause", "book", "indicator", "segment", "state"),
        sa.Column("revision", sa.Integer(), nullable=False),
        *_text("sentence", "sentence_zh"),
        sa.PrimaryKeyConstraint("id"),
    )


def _verdicts() -> None:
    op.create_table(
        "verdict",
        *_text("request", "alert", "book", "by"),
        sa.Column("number", sa.Integer(), nullable=False),
        *_text("verdict", "outcome", "comment", "via"),
        sa.Column("given_at", sa.BigInteger(), nullable=False),
        *_text("decision"),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
        *_text("alert_state"),
        sa.PrimaryKeyConstraint("request"),
    )
    op.create_index("verdict_of", "verdict", ["alert", "by", "number"], unique=True)
    op.create_index("verdict_age", "verdict", ["given_at", "request"])


def _surveys() -> None:
    op.create_table(
        "survey",
        *_text("id", "book", "client", "occasion", "loan", "fact"),
        sa.Column("value_date", sa.Integer(), nullable=False),
        sa.Column("known_on", sa.Integer(), nullable=False),
        sa.Column("ready_on", sa.Integer(), nullable=False),
        *_text("state", "reason"),
        sa.Column("invited_on", sa.Integer(), nullable=True),
        sa.Column("expires_on", sa.Integer(), nullable=True),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
        sa.Column("answered_on", sa.Integer(), nullable=True),
        sa.Column("answered_at", sa.BigInteger(), nullable=True),
        sa.Column("csat", sa.Integer(), nullable=True),
        sa.Column("nps", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("survey_due", "survey", ["book", "state", "ready_on"])
    op.create_index("survey_client", "survey", ["book", "client"])
    op.create_index("survey_invited", "survey", ["book", "invited_on"])
    op.create_index("survey_day", "survey", ["value_date", "id"])
    op.create_index("survey_fact", "survey", ["fact"])


def _remarks() -> None:
    op.create_table(
        "remark",
        *_text("id", "book", "kind", "subject", "author", "by", "survey", "text"),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("remark_subject", "remark", ["book", "kind", "subject", "at"])
    op.create_index("remark_age", "remark", ["at", "id"])
    op.create_index("remark_survey", "remark", ["survey"])
