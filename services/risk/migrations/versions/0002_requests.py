"""Requests about alerts with their decisions, verdicts, and the rule by which each alert opened."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create the tables, and read the rules of the alerts that are there from their first revisions."""
    _requests()
    op.add_column("alert", sa.Column("policy", sa.Text(), nullable=False, server_default=""))
    op.add_column("alert", sa.Column("policy_version", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("alert", sa.Column("rule", sa.Text(), nullable=False, server_default=""))
    read_rules(op.get_bind())


def read_rules(connection: sa.Connection) -> None:
    """Write by which rule each alert opened, as its first revision says."""
    revisions = sa.table("alert_revision", sa.column("alert"), sa.column("revision"), sa.column("body", sa.LargeBinary))
    alert = sa.table("alert", sa.column("id"), sa.column("policy"), sa.column("policy_version"), sa.column("rule"))
    first = sa.select(revisions.c.alert, revisions.c.body).where(revisions.c.revision == 1)
    for name, body in connection.execute(first).all():
        message = json.loads(body)["message"]
        connection.execute(
            sa.update(alert)
            .where(alert.c.id == name)
            .values(
                policy=message["policy"],
                policy_version=message["policy_version"],
                rule=message["explanation"].get("rule", ""),
            )
        )


def _requests() -> None:
    op.create_table(
        "alert_request",
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("alert", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("decision", sa.Text(), nullable=False),
        sa.Column("decided_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("request"),
    )
    op.create_table(
        "verdict",
        sa.Column("alert", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("given_at", sa.BigInteger(), nullable=False),
        sa.Column("decided_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("alert", "number"),
    )
