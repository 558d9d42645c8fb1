"""Coming to rest: what the system has still to do, asked of its databases and its log, until it is nothing."""

import asyncio
import contextlib
import sqlite3

import asyncpg

from shared.log.port import LogUnavailable, Partition
from tests.chaos.world import SERVICES, World

_LOOK_S = 0.5
_TODO = {
    "intake": {"outbox": "SELECT count(*) FROM outbox"},
    "risk": {
        "outbox": "SELECT count(*) FROM outbox",
        "marks": "SELECT count(*) FROM mark",
        "days to rate": """
            SELECT count(*) FROM evaluator
            WHERE evaluated_through < (SELECT min(closed_through) FROM book_partition b WHERE b.book = evaluator.book)
        """,
    },
    "notify": {
        "outbox": "SELECT count(*) FROM outbox",
        "notices": "SELECT count(*) FROM notice WHERE state = 'waiting'",
        "messages": "SELECT count(*) FROM message WHERE state IN ('waiting', 'sending')",
    },
    "feedback": {
        "outbox": "SELECT count(*) FROM outbox",
        "verdicts": "SELECT count(*) FROM verdict WHERE decision = ''",
    },
}


async def left_to_do(world: World) -> dict[str, int]:
    """Return what is left, by place; the log first, so that what comes meanwhile is seen where it arrives."""
    left: dict[str, int] = {}
    for service in SERVICES:
        for what, sql in _TODO[service].items():
            [(count,)] = await world.rows(service, sql)
            left[f"{service} {what}"] = count
    ends = await world.ends()
    for service in SERVICES:
        for topic, partition, place in await world.rows(
            service, 'SELECT topic, "partition", next_offset FROM "position"'
        ):
            left[f"{service} behind on {topic}/{partition}"] = max(0, ends.get(Partition(topic, partition), 0) - place)
    return {place: count for place, count in left.items() if count}


async def come_to_rest(world: World, within_s: float) -> dict[str, int]:
    """Wait until nothing is left, twice in a row; return what is left when that never happens."""
    loop = asyncio.get_running_loop()
    deadline, quiet, left = loop.time() + within_s, 0, {"not asked": 1}
    while loop.time() < deadline and quiet < 2:
        with contextlib.suppress(OSError, TimeoutError, asyncpg.PostgresError, sqlite3.Error, LogUnavailable):
            left = await left_to_do(world)
            quiet = 0 if left else quiet + 1
        await asyncio.sleep(_LOOK_S)
    return left
