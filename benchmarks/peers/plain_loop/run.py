"""`python -m benchmarks.peers.plain_loop.run`: what most would write: `async for`, a transaction per so many records.

The state of the clients that these records touch is read and written in the same transaction as loans and counters;
offsets are committed to the broker behind it. A crash in between repeats the records, which the ids in the state
absorb: nothing is lost or doubled.
"""

import os
from typing import Any

import asyncpg
import msgspec
import uvloop
from aiokafka import AIOKafkaConsumer

from benchmarks.peers.tables import BEGIN, SAVE_STATES, columns_of, writes_of
from benchmarks.peers.task import Change, State, step

_decode, _encode = msgspec.json.decode, msgspec.json.encode


async def run(dsn: str, kafka: str, topic: str, group: str, records: int, at_once: int) -> None:
    """Digest so many records, then wait for more that do not come."""
    session = await asyncpg.connect(dsn)
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=kafka, group_id=group, enable_auto_commit=False, auto_offset_reset="earliest"
    )
    await consumer.start()
    pending: list[Any] = []
    seen = 0
    async for message in consumer:
        if not seen:
            await session.execute(BEGIN)
        seen += 1
        pending.append(message)
        if len(pending) == at_once or seen == records:
            await _digest(session, pending)
            await consumer.commit()
            pending.clear()


async def _digest(session: Any, messages: list[Any]) -> None:
    change, states = Change(), dict[str, State | None]()
    async with session.transaction():
        keys = list({message.key.decode() for message in messages})
        for client, state in await session.fetch("SELECT client, state FROM client WHERE client = ANY($1)", keys):
            states[client] = _decode(state)
        for message in messages:
            key = message.key.decode()
            states[key] = step(states.get(key), message.headers, message.value, change)
        saved = [(client, _encode(state)) for client, state in states.items() if state is not None]
        await session.execute(SAVE_STATES, *columns_of(saved))
        for statement, columns in writes_of(change):
            await session.execute(statement, *columns)


if __name__ == "__main__":
    environment = os.environ
    uvloop.run(
        run(
            environment["BENCH_DSN"],
            environment["BENCH_KAFKA"],
            environment["BENCH_TOPIC"],
            environment["BENCH_GROUP"],
            int(environment["BENCH_RECORDS"]),
            int(environment["BENCH_AT_ONCE"]),
        )
    )
