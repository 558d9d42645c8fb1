"""Alembic's environment: configured in code, see `shared.db.migrate`."""

from shared.db.migrate import run_environment

run_environment()
