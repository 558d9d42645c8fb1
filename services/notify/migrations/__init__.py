"""Alembic revisions of notify."""
