"""The log port as a simulated process sees it: topics in memory, groups whose partitions move between members.

A member that died or stands still loses its partitions to the others, who do not wait for it. When it comes back it
joins again, and everything of its group moves.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from random import Random

from shared.clock import Clock
from shared.log.port import (
    Assigned,
    LogUnavailable,
    Outgoing,
    Partition,
    Record,
    Revoked,
    check_sizes,
)
from tests.support.simulator.process import Process

_PATIENCE = 10.0
"""An idle reader answers so many times later than asked: an empty answer says nothing, and costs."""


class Group:
    """Members of a consumer group, and who owns the partitions of each number."""

    def __init__(self, dice: Random, partitions: int) -> None:
        """Begin without members."""
        self._dice, self._partitions = dice, partitions
        self.members: list[SimulatedReader] = []
        self.generation = 0
        self._owners: dict[int, SimulatedReader] = {}

    def rebalance(self) -> None:
        """Deal the partitions out anew; partitions of the same number of all topics go to one member (D8)."""
        self.generation += 1
        if self.members:
            self._owners = {number: self._dice.choice(self.members) for number in range(self._partitions)}
        for member in self.members:
            member.changed.set()

    def numbers_of(self, member: "SimulatedReader") -> set[int]:
        """Return the numbers that a member owns."""
        return {number for number, owner in self._owners.items() if owner is member and owner in self.members}

    def join(self, member: "SimulatedReader") -> None:
        """Take a member in."""
        self.members.append(member)
        self.rebalance()

    def leave(self, member: "SimulatedReader") -> None:
        """Let a member go."""
        if member in self.members:
            self.members.remove(member)
            self.rebalance()


class LogServer:
    """All topics and groups."""

    def __init__(self, clock: Clock, dice: Random, partitions: int) -> None:
        """Begin without topics."""
        self.clock, self._dice, self._partitions = clock, dice, partitions
        self.lanes: dict[Partition, list[Record | None]] = {}
        self._compacted: set[str] = set()
        self.groups: dict[str, Group] = {}

    def create(self, topics: Mapping[str, int], compacted: Collection[str]) -> None:
        """Create topics that are not there."""
        for topic, count in topics.items():
            for number in range(count):
                self.lanes.setdefault(Partition(topic, number), [])
        self._compacted.update(compacted)

    def append(self, records: Sequence[Outgoing]) -> None:
        """Append in order; of a compacted topic only the last record of a key stays."""
        moment = int(self.clock.now().timestamp() * 1_000)
        for one in records:
            lane = self.lanes[Partition(one.topic, one.partition)]
            if one.topic in self._compacted:
                for place, there in enumerate(lane):
                    if there is not None and there.key == one.key:
                        lane[place] = None
            lane.append(Record(one.topic, one.partition, len(lane), one.key, one.headers, one.value, moment))
        for group in self.groups.values():
            for member in group.members:
                member.changed.set()

    def group(self, name: str) -> Group:
        """Return a group."""
        return self.groups.setdefault(name, Group(self._dice, self._partitions))

    def cut(self, process: Process) -> None:
        """Lose the connections to a process."""
        for group in self.groups.values():
            for member in [one for one in group.members if one.process is process]:
                group.leave(member)


class SimulatedLog:
    """A `shared.log.port.EventLog` of one process."""

    def __init__(self, server: LogServer, process: Process) -> None:
        """Connect."""
        self.server, self._process = server, process

    async def append(self, records: Sequence[Outgoing], timeout_s: float) -> None:
        """Append; LogUnavailable before or after it happened."""
        check_sizes(records)
        await self._process.step("append", LogUnavailable, weight=4)
        self.server.append(records)
        await self._process.step("appended", LogUnavailable, weight=4)

    def reader(self, group: str, topics: Sequence[str], assigned: Assigned, revoked: Revoked) -> "SimulatedReader":
        """Return a member that is not started."""
        return SimulatedReader(self.server, self._process, self.server.group(group), topics, assigned, revoked)

    async def create_topics(self, topics: Mapping[str, int], compacted: Collection[str] = ()) -> None:
        """Create topics."""
        self.server.create(topics, compacted)

    async def partitions(self, topic: str) -> int:
        """Return how many partitions a topic has."""
        await self._process.step("partitions", LogUnavailable)
        return sum(one.topic == topic for one in self.server.lanes)

    async def identity(self) -> str:
        """What tells this log from others."""
        return "simulated"

    async def end_offsets(self, topic: str) -> dict[int, int]:
        """Return the next offset of each partition."""
        await self._process.step("end offsets", LogUnavailable)
        return {one.number: len(lane) for one, lane in self.server.lanes.items() if one.topic == topic}

    async def close(self) -> None:
        """Nothing is held open."""


class SimulatedReader:
    """A member of a group (`shared.log.port.Reader`)."""

    def __init__(
        self,
        server: LogServer,
        process: Process,
        group: Group,
        topics: Sequence[str],
        assigned: Assigned,
        revoked: Revoked,
    ) -> None:
        """Nothing is owned before `start`."""
        self.process, self._server, self._group = process, server, group
        self.topics, self._assigned, self._revoked = list(topics), assigned, revoked
        self.positions: dict[Partition, int] = {}
        self._paused: set[Partition] = set()
        self._generation = -1
        self.changed = asyncio.Event()

    async def start(self) -> None:
        """Join."""
        await self.process.step("join", LogUnavailable)
        self._group.join(self)

    async def read_batch(self, max_records: int, timeout_s: float) -> Mapping[Partition, Sequence[Record]]:
        """Return what has come for owned, unpaused partitions."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s * _PATIENCE
        while True:
            await self.process.step("poll", LogUnavailable)
            if self not in self._group.members:
                self._group.join(self)
            while self._generation != self._group.generation:
                await self._follow()
            self.changed.clear()
            if batches := self._fetch(max_records):
                behind = dict(self.positions)
                await self.process.step("fetched", LogUnavailable, weight=2)
                # A seek that came meanwhile wins, as in both backends: on a compacted topic nobody could tell the gap.
                return {one: records for one, records in batches.items() if self.positions.get(one) == behind[one]}
            if loop.time() >= deadline:
                return {}
            try:
                async with asyncio.timeout_at(deadline):
                    await self.changed.wait()
            except TimeoutError:
                return {}

    async def _follow(self) -> None:
        """Give everything back and take what the group deals out."""
        self._generation = self._group.generation
        mine = self._group.numbers_of(self)
        given = list(self.positions)
        await self._revoked(given)
        self.positions = {one: 0 for one in self._server.lanes if one.topic in self.topics and one.number in mine}
        self._paused.clear()
        await self._assigned(list(self.positions))

    def _fetch(self, max_records: int) -> dict[Partition, list[Record]]:
        found: dict[Partition, list[Record]] = {}
        for partition, position in self.positions.items():
            lane = self._server.lanes[partition]
            if partition in self._paused or position >= len(lane):
                continue
            part = lane[position : position + max_records]
            self.positions[partition] = position + len(part)
            if records := [record for record in part if record is not None]:
                found[partition] = records
        return found

    def seek(self, partition: Partition, offset: int) -> None:
        """Read on from `offset`."""
        if partition in self.positions:
            self.positions[partition] = offset
            self.changed.set()

    def pause(self, partition: Partition) -> None:
        """Deliver nothing of it."""
        self._paused.add(partition)

    def resume(self, partition: Partition) -> None:
        """Deliver again."""
        self._paused.discard(partition)
        self.changed.set()

    async def report_position(self, positions: Mapping[Partition, int]) -> None:
        """Tell nobody."""

    async def close(self) -> None:
        """Leave."""
        self._group.leave(self)
        self.positions.clear()
