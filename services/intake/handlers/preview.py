"""What judging a quarantined item again would change: the item itself, the facts that it would set free, messages."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import select

from services.intake.handlers.desk import Desk
from services.intake.handlers.review import Reviewed, retry_item
from services.intake.store import quarantine
from services.intake.store.tables import LEDGER
from shared.db.among import among
from shared.db.port import Database, Tx
from shared.db.watched import Previewed, Shown, WatchedTx, Writes, preview, show_messages
from shared.kernel.days import date_of


class Foreseen(NamedTuple):
    """What would become of an item, and what would change by that."""

    reviewed: Reviewed
    previewed: Previewed


async def preview_item(database: Database, desk: Desk, item: str, now: datetime) -> Foreseen:
    """Judge an item again in a transaction that is rolled back."""

    async def work(tx: Tx, writes: Writes) -> Reviewed:
        return await retry_item(WatchedTx(tx, writes), desk, item, now)

    async def show(tx: Tx, writes: Writes) -> Shown:
        went_on = [row["event_id"] for row in writes.of(LEDGER)]
        return {
            **await _facts(tx, went_on),
            **await _items(tx, [item, *went_on]),
            **await show_messages(tx, desk.house, writes),
        }

    return Foreseen(*await preview(database, work, show))


async def _facts(tx: Tx, event_ids: list[str]) -> Shown:
    columns = (LEDGER.c.event_id, LEDGER.c.origin_id, LEDGER.c.type, LEDGER.c.subject, LEDGER.c.value_date)
    rows = await tx.rows(select(*columns).where(among(LEDGER.c.event_id, event_ids)))
    return {
        ("fact", row.event_id): {
            "id": row.origin_id,
            "type": row.type,
            "subject": row.subject,
            "value_date": str(date_of(row.value_date)),
        }
        for row in rows
    }


async def _items(tx: Tx, items: list[str]) -> Shown:
    return {
        ("item", row.item): {"id": row.origin_id, "type": row.type, "state": row.state, "reason": row.reason}
        for row in await quarantine.see_all(tx, items)
    }
