"""The number of partitions of each topic, fixed at its creation (D9)."""

from functools import cache
from typing import Any

from sqlalchemy import Select, Table, bindparam, select

from shared.db.house import HouseTables
from shared.db.port import Tx


class PartitionsChanged(Exception):
    """A topic has another number of partitions than the one that keys were laid out with."""

    def __init__(self, topic: str, stored: int, found: int) -> None:
        """Say which topic, and both numbers."""
        super().__init__(
            f"topic {topic} was laid out with {stored} partitions and now has {found}: keys would go to other lanes. "
            f"Stop the services and give it {stored} again, or start anew as docs/operate.md (Partitions changed) says"
        )
        self.topic = topic
        self.stored = stored
        self.found = found


async def fix_partitions(tx: Tx, house: HouseTables, topic: str, count: int) -> None:
    """Store the number of partitions when none is stored; PartitionsChanged when another is."""
    await tx.insert_new(house.lanes, ("topic", "partitions"), [(topic, count)], ("topic",))
    stored = await stored_partitions(tx, house, topic)
    if stored != count:
        raise PartitionsChanged(topic, stored or 0, count)


async def stored_partitions(tx: Tx, house: HouseTables, topic: str) -> int | None:
    """Return the number of partitions that is stored for a topic."""
    row = await tx.row(_stored(house.lanes), {"of": topic})
    return None if row is None else int(row[0])


@cache
def _stored(lanes: Table) -> Select[Any]:
    return select(lanes.c.partitions).where(lanes.c.topic == bindparam("of"))
