"""What a service is to the runtime: routes, subscriptions, workers, a database of its own."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from fastapi import APIRouter

from shared.clock import Clock
from shared.db.house import HouseTables
from shared.db.letters import UNDIGESTIBLE
from shared.db.port import Database, Tx
from shared.db.room import Room
from shared.events.base import Topic
from shared.log.port import EventLog, Record
from shared.runtime.bell import Bell


class Batch(NamedTuple):
    """Records of one partition, in order, as delivered to one owner; without a gap but on compacted topics."""

    topic: str
    partition: int
    epoch: int
    records: Sequence[Record]


class Poison(Exception):
    """A message that can never be digested: not to be retried."""

    def __init__(self, text: str, reason: str = UNDIGESTIBLE) -> None:
        """`reason` is the word under which its dead letter is kept."""
        super().__init__(text)
        self.reason = reason


@dataclass(frozen=True)
class Subscription:
    """What a service does with one topic."""

    topic: str
    handle: Callable[[Tx, Batch], Awaitable[None]]
    """Runs inside the transaction that has already moved the position; an exception rolls both back."""
    dead_letter: Callable[[Tx, Record, Exception], Awaitable[None]]
    """Keeps a record that `handle` cannot digest even alone, with the error that it raised."""
    claimed: Callable[[Tx, int, int], Awaitable[None]] | None = None
    """(tx, partition, epoch): this process takes over a partition."""
    after_commit: Callable[[Batch], None] | None = None
    released: Callable[[int], None] | None = None
    """(partition): this process no longer owns it."""


@dataclass(frozen=True)
class Worker:
    """A loop that runs until the stop event is set; an exception that leaves it stops the process."""

    name: str
    run: Callable[[asyncio.Event], Coroutine[Any, Any, None]]


@dataclass(frozen=True)
class Service:
    """One service, composed and not yet running."""

    name: str
    router: APIRouter
    database: Database
    house: HouseTables
    wake_relay: Bell
    subscriptions: tuple[Subscription, ...] = ()
    workers: tuple[Worker, ...] = ()
    publishes: tuple[Topic, ...] = ()
    room: Room = field(default_factory=Room)
    """What its outbox still takes."""


@dataclass(frozen=True)
class Platform:
    """What a service is built on: the one thing that differs between the two ways to run."""

    log: EventLog
    clock: Clock
    partitions: int
    """Number of partitions of every topic (D9)."""
    owner: str
    """Unique id of this process, for claims."""
    limits: "Limits" = field(default_factory=lambda: Limits())


@dataclass(frozen=True)
class Limits:
    """Bounds of the loops."""

    batch_records: int = 2_000
    relay_rows: int = 2_000
    send_timeout_s: float = 10.0
    stop_timeout_s: float = 8.0
    retry_delay_s: float = 0.1
    retry_delay_max_s: float = 5.0
    poison_share_max: float = 0.5
    poison_minimum: int = 20
