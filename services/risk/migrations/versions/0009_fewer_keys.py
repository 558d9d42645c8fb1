"""Fewer and better keys: what a repayment moves stands in one index, and look-ups by client find their way in one."""

from typing import cast

import sqlalchemy as sa
from alembic import op
from alembic.operations import Operations

from shared.db.storage import fill_pages

revision = "0009"
down_revision = "0008"

_NAMES = {"pk": "%(table_name)s_pkey", "uq": "%(table_name)s_%(column_0_name)s_key"}
"""What PostgreSQL calls keys without a name; SQLite calls them nothing, so that they could not be dropped."""


def upgrade() -> None:
    """Change the keys; the rows stay as they are."""
    for index in ("loan_client", "loan_weight", "loan_oldest_due", "loan_end_day"):
        op.drop_index(index, "loan")
    op.drop_index("project_client", "project")
    op.drop_index("survey_client", "survey")
    for table in ("loan", "survey"):
        with op.batch_alter_table(table, naming_convention=_NAMES) as batch:
            batch.drop_constraint(f"{table}_subject_key", type_="unique")
            batch.drop_constraint(f"{table}_pkey", type_="primary")
            batch.create_primary_key(f"{table}_pkey", ["subject"])
    with op.batch_alter_table("client", naming_convention=_NAMES) as batch:
        batch.drop_constraint("client_pkey", type_="primary")
        batch.create_primary_key("client_pkey", ["client", "book"])
    for table in ("loan", "project", "survey"):
        op.create_index(f"{table}_client", table, ["client", "book"])
    _create_partial("client_degraded", "client", ["book", "client"], sa.column("degraded", sa.Boolean()).is_(True))
    _create_partial("loan_heaviest", "loan", ["book", "weight_minor", "oldest_due"], sa.text("status = 'active'"))
    _create_partial("loan_ended", "loan", ["book", "end_day"], sa.column("end_day").is_not(None))
    for table in ("counter", "counter_month"):
        fill_pages(cast("Operations", op), table, 60)


def _create_partial(name: str, table: str, columns: list[str], where: sa.ColumnElement[bool] | sa.TextClause) -> None:
    op.create_index(name, table, columns, sqlite_where=where, postgresql_where=where)
