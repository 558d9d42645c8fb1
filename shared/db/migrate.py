"""Migrations: alembic without an ini file, the same revisions on PostgreSQL and SQLite.

How a service takes part, with `services.intake` as the example:

- `services/intake/store/tables.py` has `METADATA` with all its tables, the house tables among them.
- `services/intake/migrations/env.py` is two lines::

      from shared.db.migrate import run_environment
      run_environment()

- `services/intake/migrations/versions/0001_first.py` is the first revision::

      import sqlalchemy as sa
      from alembic import op
      from shared.db.house_revisions import create_house

      revision = "0001"
      down_revision = None

      def upgrade() -> None:
          create_house(op)
          op.create_table("book", sa.Column("book", sa.Text(), nullable=False), ...)

  A docstring on top says what it is for; there is no `downgrade`: backups are the way back. The text of `upgrade` comes
  from `draft(database, "services.intake")`, which writes down what the database lacks against `METADATA`. Columns of
  `shared.db.columns` are written as what they are stored as: `sa.BigInteger()`, `sa.Text()`.
- A later change of a table stands in `with op.batch_alter_table("book") as batch:`: SQLite can alter little in place.
- A test holds `difference(database, "services.intake")` empty after `upgrade`, on both engines.
"""

import importlib
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Protocol, TypeVar

from alembic import command, context
from alembic.autogenerate import compare_metadata, produce_migrations, render_python_code
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, func, select

from shared.crashpoint import crash_point

T = TypeVar("T")

_CONNECTION = "connection"
_SERVICE = "service"
_LOCK_NUMBER = 0x746F6373696E


class Migratable(Protocol):
    """What a database must be able to do to be migrated; both backends are."""

    dialect: str

    async def run_sync(self, work: Callable[[Connection], T]) -> T:
        """Run synchronous SQLAlchemy work in one transaction."""


async def upgrade(database: Migratable, service_package: str, revision: str = "head") -> None:
    """Run all pending revisions, up to one if it is named, of a service such as `services.intake`, in one transaction;
    concurrent calls wait."""

    def run(connection: Connection) -> None:
        if connection.dialect.name == "postgresql":
            connection.execute(select(func.pg_advisory_xact_lock(_LOCK_NUMBER)))
        config = _config(service_package)
        config.attributes[_CONNECTION] = connection
        config.attributes[_SERVICE] = _service_of(service_package)
        command.upgrade(config, revision)

    await database.run_sync(run)
    crash_point("migrate.after_commit", _service_of(service_package))


async def pending(database: Migratable, service_package: str) -> list[str]:
    """Return the revisions that `upgrade` would run, oldest first."""
    script = _script(service_package)

    def run(connection: Connection) -> list[str]:
        heads = MigrationContext.configure(connection).get_current_heads()
        known = {revision.revision for head in heads for revision in script.iterate_revisions(head, "base")}
        ahead = [revision.revision for revision in script.walk_revisions() if revision.revision not in known]
        return ahead[::-1]

    return await database.run_sync(run)


async def difference(database: Migratable, service_package: str) -> list[str]:
    """Return how the migrated schema differs from the service's tables; empty when it does not."""

    def run(connection: Connection) -> list[str]:
        found = compare_metadata(_comparing(connection), _metadata(service_package))
        return [repr(one) for one in found]

    return await database.run_sync(run)


async def draft(database: Migratable, service_package: str) -> str:
    """Return the Python text of an `upgrade` that would remove the difference: a draft to read and correct."""

    def run(connection: Connection) -> str:
        script = produce_migrations(_comparing(connection), _metadata(service_package))
        if script.upgrade_ops is None:
            return ""
        return render_python_code(script.upgrade_ops, render_as_batch=True)

    return await database.run_sync(run)


def run_environment() -> None:
    """Run revisions on the connection that `upgrade` has opened: all that an `env.py` has to do."""
    attributes = context.config.attributes

    def applied(*_: object, **__: object) -> None:
        crash_point("migrate.after_revision", attributes[_SERVICE])

    context.configure(connection=attributes[_CONNECTION], render_as_batch=True, on_version_apply=applied)
    with context.begin_transaction():
        context.run_migrations()


def forget_scripts() -> None:
    """Read revision files anew at the next call; they are read once per process otherwise."""
    _script.cache_clear()


def _comparing(connection: Connection) -> MigrationContext:
    return MigrationContext.configure(connection, opts={"compare_type": True, "render_as_batch": True})


def _config(service_package: str) -> Config:
    module = importlib.import_module(service_package)
    config = Config()
    # A percent sign in a path would be read as an interpolation.
    folder = Path(module.__path__[0]) / "migrations"
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


@lru_cache(maxsize=16)
def _script(service_package: str) -> ScriptDirectory:
    return ScriptDirectory.from_config(_config(service_package))


def _service_of(service_package: str) -> str:
    return service_package.rpartition(".")[2]


def _metadata(service_package: str) -> MetaData:
    metadata: MetaData = importlib.import_module(f"{service_package}.store.tables").METADATA
    return metadata
