"""A topic that carries messages of several types: each batch is shared out by type, in the same transaction."""

from collections.abc import Awaitable, Callable, Mapping, Sequence

from shared.db.port import Tx
from shared.events.base import Message
from shared.log.port import Record
from shared.runtime import metrics
from shared.runtime.service import Batch

Handle = Callable[[Tx, Batch], Awaitable[None]]


def by_type(service: str, routes: Mapping[Handle, Sequence[type[Message]]]) -> Handle:
    """Return a handler that gives each of `routes` the records of its message types, in their order.

    Those of one route stay in the order of the log, those of two routes do not wait for each other. Types that no route
    takes are skipped and counted: a topic may carry what is meant for others. ValueError for a record without a type.
    """
    takers = {message.type: handle for handle, messages in routes.items() for message in messages}

    async def handle(tx: Tx, batch: Batch) -> None:
        shares: dict[Handle, list[Record]] = {}
        skipped = 0
        for record in batch.records:
            taker = takers.get(_type_of(record))
            if taker is None:
                skipped += 1
            else:
                shares.setdefault(taker, []).append(record)
        if skipped:
            metrics.SKIPPED.labels(service, batch.topic).inc(skipped)
        for taker, records in shares.items():
            await taker(tx, batch._replace(records=records))

    return handle


def _type_of(record: Record) -> str:
    for name, value in record.headers:
        if name.lower() == "ce_type":
            return value.decode()
    raise ValueError("CloudEvents attributes missing: ce_type")
