"""Intake's revisions make intake's tables, on every backend."""

from shared.db import migrate
from tests.intake.house import House


async def test_revisions_and_tables_agree(house: House) -> None:
    assert await migrate.pending(house.database, "services.intake") == []
    assert await migrate.difference(house.database, "services.intake") == []
