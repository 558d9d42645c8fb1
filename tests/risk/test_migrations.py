"""Revisions of risk's tables that find rows there."""

from typing import Any

from sqlalchemy import Table, select, text

from services.risk.store.tables import CLIENT, LOAN, SURVEY
from shared.db import migrate
from tests.risk.feed import AnyDatabase

RISK = "services.risk"
ROWS: dict[Table, list[tuple[Any, ...]]] = {
    CLIENT: [("auto", "c1", 0, "company", "", b"moves", True), ("home", "c1", 1, "", "c2", b"", False)],
    LOAN: [
        ("auto", "l1", "loan/auto/l1", "c1", 0, "USD", "active", 100, 18_000, None, b"state"),
        ("auto", "l2", "loan/auto/l2", "c1", 0, "", "expected", 0, None, None, None),
    ],
    SURVEY: [("auto", "s1", "survey/auto/s1", "c1", 0, b"state")],
}


async def test_fewer_keys_leave_the_rows_as_they_are(unmigrated: AnyDatabase) -> None:
    await migrate.upgrade(unmigrated, RISK, "0008")
    async with unmigrated.transaction() as tx:
        for table, rows in ROWS.items():
            await tx.insert(table, [column.name for column in table.columns], rows)
    await migrate.upgrade(unmigrated, RISK)
    assert await migrate.difference(unmigrated, RISK) == []
    async with unmigrated.transaction() as tx:
        for table, rows in ROWS.items():
            assert [tuple(row) for row in await tx.rows(select(table).order_by(*table.primary_key.columns))] == rows
        assert await tx.execute(text("DELETE FROM loan WHERE subject = 'loan/auto/l2'")) == 1
        names = [column.name for column in LOAN.columns]
        await tx.upsert(LOAN, names, [(*ROWS[LOAN][0][:-1], b"later")], ("subject",))
        assert [row.state for row in await tx.rows(select(LOAN.c.state))] == [b"later"]
