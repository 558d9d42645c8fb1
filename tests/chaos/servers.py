"""The distributed system: four services, up to three replicas of risk, a PostgreSQL and an Apache Kafka of its own.

Every process reaches the database and the broker through proxies of its own: the broker has a listener for each, which
tells clients the proxy's address.
"""

import asyncio
import contextlib
import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import asyncpg
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError
from sqlalchemy.engine import make_url

from shared.db.postgres import open_postgres
from shared.events.base import Topic
from shared.log.kafka import open_kafka_log
from shared.log.port import Partition, Record
from shared.runtime.platform import all_topics
from shared.security.keys import KeyRing
from shared.security.rights import RIGHTS
from tests.chaos.history import History
from tests.chaos.world import SERVICES, AnyDatabase, World, new_port
from tests.support.compose import LINK_SECRETS
from tests.support.distributed import set_up
from tests.support.kafka import KafkaServer
from tests.support.postgres import PostgresServer, create_database, new_server

REPLICAS = ("risk1", "risk2")
_APPEND_TIMEOUT_S = 5.0
_KEYED_SHARE = 0.3


class ServerWorld(World):
    """Processes on servers."""

    partitions = 4

    def __init__(self, folder: Path, history: History, dice: random.Random) -> None:
        super().__init__(folder, history)
        self.postgres: PostgresServer = new_server()
        self.kafka = KafkaServer(folder / "kafka")
        self.databases: dict[str, str] = {}
        self._secret = ""
        self._dice = dice
        self._opened = contextlib.AsyncExitStack()

    def url_of(self, service: str) -> str:
        return f"http://127.0.0.1:{self.proxies[f'client>{service}'].port}"

    def key(self) -> str:
        return self._secret

    async def start(self) -> None:
        settings = await self._opened.enter_async_context(self.sinks())
        await asyncio.to_thread(self.postgres.start)
        listeners = {name: new_port() for name in (*SERVICES, *REPLICAS, "foreign")}
        told = {name: await self.way(f"{name}>kafka", port) for name, port in listeners.items()}
        self.kafka.listen_also({name.upper(): (port, told[name]) for name, port in listeners.items()})
        await asyncio.to_thread(self.kafka.start)
        self.databases = {name: await create_database(self.postgres.dsn) for name in SERVICES}
        await asyncio.to_thread(set_up, self.databases, self.kafka)
        _, self._secret = KeyRing(self.folder / "keys.json").add("chaos", RIGHTS, "2020-01-01T00:00:00+00:00")
        for name in (*SERVICES, *REPLICAS):
            await self._define(name, told[name], settings)
        self.foreign = ForeignProducer(f"127.0.0.1:{told['foreign']}", self._dice)
        await self.foreign.start()
        for name in SERVICES:
            await self.run(name)
        await self.wait_ready()

    async def _define(self, name: str, kafka_port: int, settings: Mapping[str, str]) -> None:
        service, port = name.rstrip("0123456789"), new_port()
        dsn = make_url(self.databases[service])
        assert dsn.port is not None
        through = dsn.set(port=await self.way(f"{name}>postgres", dsn.port))
        if name == service:
            await self.way(f"client>{name}", port)
        environment = {
            "TOCSIN_DATABASE_URL": through.render_as_string(hide_password=False),
            "TOCSIN_KAFKA": f"127.0.0.1:{kafka_port}",
            "TOCSIN_KEYS_FILE": str(self.folder / "keys.json"),
            "TOCSIN_HTTP_PORT": str(port),
            "TOCSIN_LINK_SECRETS": LINK_SECRETS,
            **settings,
        }
        self.add_process(name, [f"services.{service}"], environment, port)

    async def rows(self, service: str, sql: str) -> Sequence[tuple[Any, ...]]:
        session = await asyncpg.connect(self.databases[service])
        try:
            return [tuple(row) for row in await session.fetch(sql)]
        finally:
            await session.close()

    async def ends(self) -> dict[Partition, int]:
        log = open_kafka_log(self.kafka.bootstrap)
        try:
            return {
                Partition(topic, number): end
                for topic in all_topics(self.partitions)
                for number, end in (await log.end_offsets(topic)).items()
            }
        finally:
            await log.close()

    async def foreign_records(self) -> list[Record]:
        found: list[Record] = []
        consumer = AIOKafkaConsumer(bootstrap_servers=self.kafka.bootstrap, enable_auto_commit=False)
        await consumer.start()
        try:
            places = [TopicPartition(Topic.FACTS, number) for number in range(self.partitions)]
            consumer.assign(places)
            await consumer.seek_to_beginning(*places)
            ends = await consumer.end_offsets(places)
            while any([await consumer.position(place) < ends[place] for place in places]):
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    found += [_record(one) for one in records]
        finally:
            await consumer.stop()
        return found

    def open(self, service: str) -> AnyDatabase:
        return open_postgres(self.databases[service], 4)

    async def drop_connections(self, service: str) -> None:
        """Let the server end all sessions of a service, whatever they are doing."""
        session = await asyncpg.connect(self.postgres.dsn)
        try:
            sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1"
            await session.fetch(sql, make_url(self.databases[service]).database)
        finally:
            await session.close()

    async def heal_servers(self) -> None:
        """Nothing: servers are running again at the end of their faults."""

    async def close(self) -> None:
        if self.foreign is not None:
            await self.foreign.close()
        await self.end_all_now()
        await asyncio.to_thread(self.kafka.stop, kill=True)
        await asyncio.to_thread(self.postgres.remove)
        await self._opened.aclose()


class ForeignProducer:
    """Another program's producer: its own partitioner, its own keys, both modes of CloudEvents, not idempotent."""

    def __init__(self, bootstrap: str, dice: random.Random) -> None:
        self._dice = dice
        self._producer = AIOKafkaProducer(
            bootstrap_servers=bootstrap, acks="all", request_timeout_ms=3000, retry_backoff_ms=200
        )

    async def start(self) -> None:
        """Connect."""
        await self._producer.start()

    async def append(self, facts: Sequence[Mapping[str, Any]]) -> None:
        """Append one by one; some with a key, the rest anywhere, so that the facts of one loan lie everywhere."""
        try:
            async with asyncio.timeout(_APPEND_TIMEOUT_S):
                for fact in facts:
                    key = str(fact["data"].get("loan", "")).encode() if self._dice.random() < _KEYED_SHARE else None
                    headers, value = self._dice.choice([_structured, _binary])(fact)
                    await self._producer.send_and_wait(Topic.FACTS, value, key=key, headers=headers)
        except (KafkaError, OSError, TimeoutError) as error:
            raise OSError(repr(error)) from error

    async def close(self) -> None:
        """Let what is on its way arrive, and end."""
        await self._producer.stop()


def _structured(fact: Mapping[str, Any]) -> tuple[list[tuple[str, bytes]], bytes]:
    return [("content-type", b"application/cloudevents+json")], json.dumps(fact).encode()


def _binary(fact: Mapping[str, Any]) -> tuple[list[tuple[str, bytes]], bytes]:
    names = ("specversion", "id", "source", "type")
    return [(f"ce_{name}", fact[name].encode()) for name in names], json.dumps(fact["data"]).encode()


def _record(found: Any) -> Record:
    headers = tuple((name, content or b"") for name, content in found.headers)
    return Record(
        found.topic, found.partition, found.offset, found.key or b"", headers, found.value or b"", found.timestamp
    )
