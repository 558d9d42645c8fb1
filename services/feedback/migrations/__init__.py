"""Alembic revisions of feedback."""
