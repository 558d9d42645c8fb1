"""Migrations of a small service, over every backend."""

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from shared.db import migrate
from tests.support.databases import Backend

TABLES = """
from sqlalchemy import Column, Integer, MetaData, Table, Text
from shared.db.columns import JsonText, Moment
from shared.db.house import house_tables

METADATA = MetaData()
HOUSE = house_tables(METADATA)
BOOK = Table(
    "book",
    METADATA,
    Column("book", Text, primary_key=True),
    Column("day", Integer, nullable=False),
    Column("at", Moment, nullable=False),
    Column("notes", JsonText),
)
"""
FIRST = """
import sqlalchemy as sa
from alembic import op
from shared.db.house_revisions import create_house, create_installation

revision = "0001"
down_revision = None


def upgrade() -> None:
    create_house(op)
    create_installation(op)
    op.create_table(
        "book",
        sa.Column("book", sa.Text(), nullable=False),
        sa.Column("day", sa.Text(), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("book"),
    )
"""
SECOND = """
import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    with op.batch_alter_table("book") as batch:
        batch.alter_column("day", type_=sa.Integer(), nullable=False, postgresql_using="day::integer")
        batch.add_column(sa.Column("notes", sa.Text()))
"""
BROKEN = """
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.execute("CREATE TABLE half_done (x INTEGER)")
    op.execute("SELECT nonsense FROM nowhere")
"""
ENVIRONMENT = """
from shared.db.migrate import run_environment
run_environment()
"""
PACKAGE = "tocsin_sample_service"


@pytest.fixture
def versions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of revisions of a sample service that can be imported."""
    root = tmp_path / "100 % code" / PACKAGE
    versions = root / "migrations" / "versions"
    versions.mkdir(parents=True)
    (root / "store").mkdir()
    for package in (root, root / "store"):
        (package / "__init__.py").touch()
    (root / "store" / "tables.py").write_text(TABLES)
    (root / "migrations" / "env.py").write_text(ENVIRONMENT)
    (versions / "0001_first.py").write_text(FIRST)
    monkeypatch.syspath_prepend(root.parent)
    migrate.forget_scripts()
    yield versions
    for name in [name for name in sys.modules if name.split(".")[0] == PACKAGE]:
        del sys.modules[name]
    migrate.forget_scripts()


async def test_upgrade_brings_the_schema_to_the_tables(backend: Backend, versions: Path) -> None:
    database = backend.open()
    assert await migrate.pending(database, PACKAGE) == ["0001"]
    await migrate.upgrade(database, PACKAGE)
    assert await migrate.pending(database, PACKAGE) == []
    assert await migrate.difference(database, PACKAGE) != []
    drafted = await migrate.draft(database, PACKAGE)
    assert "batch_alter_table('book'" in drafted
    assert "notes" in drafted

    async with database.transaction() as tx:
        await tx.execute(text("INSERT INTO book (book, day, at) VALUES ('b', '5', 0)"))
    (versions / "0002_second.py").write_text(SECOND)
    migrate.forget_scripts()
    assert await migrate.pending(database, PACKAGE) == ["0002"]
    await migrate.upgrade(database, PACKAGE)
    assert await migrate.difference(database, PACKAGE) == []
    async with database.read() as tx:
        assert await tx.row(text("SELECT book, day, notes FROM book")) == ("b", 5, None)


async def test_upgrade_again_and_at_the_same_time_changes_nothing(backend: Backend, versions: Path) -> None:
    database = backend.open()
    await asyncio.gather(*(migrate.upgrade(database, PACKAGE) for _ in range(3)))
    assert await migrate.pending(database, PACKAGE) == []


async def test_a_broken_revision_leaves_everything_as_it_was(backend: Backend, versions: Path) -> None:
    database = backend.open()
    await migrate.upgrade(database, PACKAGE)
    (versions / "0002_second.py").write_text(SECOND)
    (versions / "0003_broken.py").write_text(BROKEN)
    migrate.forget_scripts()
    with pytest.raises(Exception, match="nowhere"):
        await migrate.upgrade(database, PACKAGE)
    assert await migrate.pending(database, PACKAGE) == ["0002", "0003"]
    async with database.read() as tx:
        assert await tx.rows(text("SELECT * FROM book")) == []
