"""How full PostgreSQL makes the pages of a table; SQLite updates in place and needs no such thing."""

from alembic.operations import Operations


def fill_pages(op: Operations, table: str, percent: int) -> None:
    """Leave room on new pages of a table in a migration: the new version of a row stays on its page, so that indexes
    that it does not change stay as they are."""
    if op.get_context().dialect.name == "postgresql":
        op.execute(f"ALTER TABLE {table} SET (fillfactor = {percent})")
