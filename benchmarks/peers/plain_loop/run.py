"""`python -m benchmarks.peers.plain_loop.run`: what most would write: `async for`, a transaction per 100 records.

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

from benchmarks.peers.task import Change, State, decode, event_of, step

_PER_TRANSACTION = 100
_encode = msgspec.json.encode


async def run(dsn: str, kafka: str, topic: str, group: str, records: int) -> None:
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
            await session.execute("INSERT INTO progress VALUES (0, 0)")
        seen += 1
        pending.append(message)
        if len(pending) == _PER_TRANSACTION or seen == records:
            await _digest(session, pending)
            await consumer.commit()
            pending.clear()


async def _digest(session: Any, messages: list[Any]) -> None:
    change, states = Change(), dict[str, State | None]()
    async with session.transaction():
        keys = list({message.key.decode() for message in messages})
        for client, state in await session.fetch("SELECT client, state FROM client WHERE client = ANY($1)", keys):
            states[client] = decode(state)
        for message in messages:
            key = message.key.decode()
            states[key] = step(states.get(key), event_of(message.headers), message.value, change)
        await session.executemany("INSERT INTO fact VALUES ($1, $2, $3, $4) ON CONFLICT (id) DO NOTHING", change.facts)
        await session.executemany(
            "INSERT INTO client VALUES ($1, $2) ON CONFLICT (client) DO UPDATE SET state = excluded.state",
            [(client, _encode(state)) for client, state in states.items()],
        )
        await session.executemany(
            "INSERT INTO loan VALUES ($1, $2, $3, $4) ON CONFLICT (loan) DO UPDATE "
            "SET region = excluded.region, paid = excluded.paid, oldest_due = excluded.oldest_due",
            list(change.loans.values()),
        )
        await session.executemany(
            "INSERT INTO counter VALUES ($1, $2, $3, $4) ON CONFLICT (region, month) DO UPDATE "
            "SET due = counter.due + excluded.due, missed = counter.missed + excluded.missed",
            change.counter_rows(),
        )
        await session.execute("UPDATE progress SET records = records + $1", change.records)


if __name__ == "__main__":
    environment = os.environ
    uvloop.run(
        run(
            environment["BENCH_DSN"],
            environment["BENCH_KAFKA"],
            environment["BENCH_TOPIC"],
            environment["BENCH_GROUP"],
            int(environment["BENCH_RECORDS"]),
        )
    )
