"""What intake's use cases work with, the same for every transaction of a process."""

from services.intake.handlers.facts_in import Bounds
from shared.db.house import HouseTables
from shared.db.lanes import fix_partitions
from shared.db.port import Tx
from shared.db.room import Room
from shared.events.base import Topic
from shared.log.lanes import Lanes


class Desk:
    """House tables, bounds, and the lanes of `tocsin.intake`."""

    def __init__(self, house: HouseTables, bounds: Bounds, partitions: int, room: Room | None = None) -> None:
        """`partitions` is the number of lanes that this process was configured with; `room` that of its outbox."""
        self.house, self.bounds, self.partitions = house, bounds, partitions
        self._room = room or Room()
        self._fixed = False
        self.lane = Lanes(partitions).of

    async def take_room(self, tx: Tx, rows: int) -> None:
        """Take room in the outbox for what comes in from outside; OutboxFull when too much waits there already."""
        await self._room.take(tx, self.house, rows)

    async def fix_lanes(self, tx: Tx) -> None:
        """Hold this process to the number of lanes that keys were laid out with; PartitionsChanged otherwise (D9)."""
        if not self._fixed:
            await fix_partitions(tx, self.house, Topic.INTAKE, self.partitions)
            self._fixed = True
