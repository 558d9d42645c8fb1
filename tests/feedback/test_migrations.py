"""Feedback's revisions make feedback's tables, on every engine."""

from shared.db import migrate
from tests.feedback.house import House


async def test_revisions_and_tables_agree(house: House) -> None:
    assert await migrate.pending(house.database, "services.feedback") == []
    assert await migrate.difference(house.database, "services.feedback") == []
