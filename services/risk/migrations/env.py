"""Lets alembic run the revisions of this folder."""

from shared.db.migrate import run_environment

run_environment()
