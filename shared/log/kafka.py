"""The log port on Apache Kafka, through aiokafka: the batch calls only, no transactions, no offsets from the broker.

Known faults of the client and what is done about them: `reference/engineering.md` section 1 in short, the modules
`kafka_producer` and `kafka_reader` in detail.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import KafkaError, NoError, TopicAlreadyExistsError, for_code
from aiokafka.helpers import create_ssl_context

from shared.log.kafka_producer import KafkaAppender
from shared.log.kafka_reader import KafkaReader
from shared.log.port import (
    MAX_RECORD_BYTES,
    Assigned,
    LogUnavailable,
    Outgoing,
    Revoked,
    check_sizes,
)

_LET_GO_TIMEOUT_S = 2.0
_LOOK_AGAIN_S = 0.05
_LOWEST_SESSION_TIMEOUT_S = 6.0
_BATCH_OVERHEAD_BYTES = 64 * 1024
_COMPACTION = {
    # The broker compacts nothing before its segment is closed; without a limit a quiet topic would keep for a week what
    # was replaced, and what is replaced there is personal data.
    "max.compaction.lag.ms": str(24 * 60 * 60 * 1000),
    "min.cleanable.dirty.ratio": "0.1",
}


@dataclass(frozen=True)
class KafkaSettings:
    """How to talk to the broker; the times are those of a group member (seconds)."""

    client_id: str = "tocsin"
    group_instance_id: str | None = None
    """Static membership (KIP-345): a member that restarts under the same id within its session keeps its partitions."""
    session_timeout_s: float = 10.0
    heartbeat_s: float = 3.0
    rebalance_timeout_s: float = 30.0
    poll_interval_max_s: float = 300.0
    request_timeout_s: float = 10.0
    compression: str | None = "zstd"
    replication_factor: int = 1
    topic_settings: Mapping[str, str] | None = None
    """Settings of the topics that `create_topics` creates, e.g. `{"min.insync.replicas": "2"}`."""
    security_protocol: str = "PLAINTEXT"
    ca_file: str | None = None
    sasl_mechanism: str = "PLAIN"
    sasl_username: str | None = None
    sasl_password: str | None = None

    def __post_init__(self) -> None:
        """Refuse times that the broker would refuse only when the first member joins."""
        if self.session_timeout_s < _LOWEST_SESSION_TIMEOUT_S:
            raise ValueError(f"session_timeout_s is below the broker's minimum of {_LOWEST_SESSION_TIMEOUT_S:g}")
        if not self.heartbeat_s < self.session_timeout_s:
            raise ValueError("heartbeat_s must be shorter than session_timeout_s")


class KafkaLog:
    """An `EventLog` on a Kafka cluster."""

    def __init__(self, bootstrap_servers: str, settings: KafkaSettings) -> None:
        """Nothing is connected before the first use."""
        self._settings = settings
        self._connection = _connection(bootstrap_servers, settings)
        self._appender = KafkaAppender(self._connection, settings.compression, settings.request_timeout_s)
        self._request_ms = int(settings.request_timeout_s * 1000)
        self._admin: AIOKafkaAdminClient | None = None
        self._probe: AIOKafkaConsumer | None = None
        self._opening = asyncio.Lock()
        self._counts: dict[str, int] = {}
        self._closed = False

    async def append(self, records: Sequence[Outgoing], timeout_s: float) -> None:
        """Append durably (acks=all, idempotent); see the port."""
        self._check_open()
        check_sizes(records)
        if not records:
            return
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        try:
            async with asyncio.timeout_at(deadline):
                await self._check_partitions(records)
        except TimeoutError as error:
            raise LogUnavailable(f"Kafka did not name its topics within {timeout_s:g} s") from error
        await self._appender.append(records, max(0.0, deadline - loop.time()))

    def reader(self, group: str, topics: Sequence[str], assigned: Assigned, revoked: Revoked) -> KafkaReader:
        """Return a member of a consumer group."""
        settings = self._settings
        options = {
            **self._connection,
            "group_id": group,
            "group_instance_id": settings.group_instance_id,
            # Partition p of all topics that are keyed alike has one owner (D8): aiokafka's default deals them out.
            "partition_assignment_strategy": (RangePartitionAssignor,),
            "enable_auto_commit": False,
            "auto_offset_reset": "none",
            "session_timeout_ms": int(settings.session_timeout_s * 1000),
            "heartbeat_interval_ms": int(settings.heartbeat_s * 1000),
            "rebalance_timeout_ms": int(settings.rebalance_timeout_s * 1000),
            "max_poll_interval_ms": int(settings.poll_interval_max_s * 1000),
            "request_timeout_ms": self._request_ms,
            # A fetch that waits for data holds up a partition that was just sought or resumed: let it wait shortly.
            "fetch_max_wait_ms": 100,
        }
        return KafkaReader(options, topics, assigned, revoked)

    async def create_topics(self, topics: Mapping[str, int], compacted: Collection[str] = ()) -> None:
        """Create topics that do not exist; an existing one stays as it is."""
        plain = {"max.message.bytes": str(MAX_RECORD_BYTES + _BATCH_OVERHEAD_BYTES)}
        given = self._settings.topic_settings or {}
        compact = {**plain, **_COMPACTION, **given, "cleanup.policy": "compact"}
        wanted = [
            NewTopic(
                name,
                count,
                self._settings.replication_factor,
                topic_configs=compact if name in compacted else {**plain, **given},
            )
            for name, count in topics.items()
        ]
        if not wanted:
            return
        async with self._asking():
            answer = await (await self._open_admin()).create_topics(wanted, timeout_ms=self._request_ms)
            # The admin client raises nothing: each topic has its own code.
            for name, code, *text in answer.topic_errors:
                if for_code(code) not in (NoError, TopicAlreadyExistsError):
                    raise LogUnavailable(f"topic {name} was not created: {for_code(code).__name__} {text}")
            # The broker confirms before it can name a topic to others: whoever comes next must find it.
            for _ in range(int(self._settings.request_timeout_s / _LOOK_AGAIN_S)):
                if topics.keys() <= (await self._named()).keys():
                    break
                await asyncio.sleep(_LOOK_AGAIN_S)

    async def partitions(self, topic: str) -> int:
        """Return the number of partitions; 0 when the topic does not exist."""
        async with self._asking():
            return (await self._named()).get(topic, 0)

    async def identity(self) -> str:
        """Return the id that the cluster gave itself when it was made."""
        async with self._asking():
            described = await (await self._open_admin()).describe_cluster()
        return f"kafka {described['cluster_id']}"

    async def end_offsets(self, topic: str) -> dict[int, int]:
        """Return the next offset of each partition."""
        count = await self.partitions(topic)
        if count == 0:
            return {}
        async with self._asking():
            probe = await self._open_probe()
            ends = await probe.end_offsets([TopicPartition(topic, number) for number in range(count)])
        return {where.partition: offset for where, offset in sorted(ends.items())}

    async def close(self) -> None:
        """Let go of all connections; readers are closed by those who hold them."""
        self._closed = True
        await self._appender.close()
        await self._forget_clients()

    async def _named(self) -> dict[str, int]:
        """Return the topics of the cluster with their numbers of partitions."""
        # Asking for all, because asking for one may create it (brokers with auto.create.topics.enable).
        found = await (await self._open_admin()).describe_topics()
        return {one["topic"]: len(one["partitions"]) for one in found if one["partitions"]}

    async def _check_partitions(self, records: Sequence[Outgoing]) -> None:
        for topic in {record.topic for record in records}:
            if not self._counts.get(topic):
                self._counts[topic] = await self.partitions(topic)
            if not self._counts[topic]:
                raise LogUnavailable(f"topic {topic} does not exist")
        for record in records:
            if not 0 <= record.partition < self._counts[record.topic]:
                raise ValueError(f"topic {record.topic} has no partition {record.partition}")

    @contextlib.asynccontextmanager
    async def _asking(self) -> AsyncIterator[None]:
        """Bound a question to the cluster in time; after a failure its connections are made anew."""
        self._check_open()
        try:
            async with asyncio.timeout(self._settings.request_timeout_s):
                yield
        except (TimeoutError, KafkaError, OSError) as error:
            await self._forget_clients()
            raise LogUnavailable(f"Kafka did not answer: {error!r}") from error

    async def _open_admin(self) -> AIOKafkaAdminClient:
        async with self._opening:
            if self._admin is None:
                admin = AIOKafkaAdminClient(**self._connection, request_timeout_ms=self._request_ms)
                try:
                    await admin.start()
                except BaseException:
                    await _shut(admin.close())
                    raise
                self._admin = admin
            return self._admin

    async def _open_probe(self) -> AIOKafkaConsumer:
        async with self._opening:
            if self._probe is None:
                probe = AIOKafkaConsumer(**self._connection, request_timeout_ms=self._request_ms)
                try:
                    await probe.start()
                except BaseException:
                    await _shut(probe.stop())
                    raise
                self._probe = probe
            return self._probe

    async def _forget_clients(self) -> None:
        admin, self._admin = self._admin, None
        probe, self._probe = self._probe, None
        if admin is not None:
            await _shut(admin.close())
        if probe is not None:
            await _shut(probe.stop())

    def _check_open(self) -> None:
        if self._closed:
            raise LogUnavailable("the log is closed")


async def _shut(closing: Any) -> None:
    with contextlib.suppress(Exception):
        async with asyncio.timeout(_LET_GO_TIMEOUT_S):
            await closing


def _connection(bootstrap_servers: str, settings: KafkaSettings) -> dict[str, Any]:
    """Return the arguments that all clients of aiokafka share. `api_version` stays away: it is negotiated."""
    secure = settings.security_protocol in ("SSL", "SASL_SSL")
    return {
        "bootstrap_servers": bootstrap_servers,
        "client_id": settings.client_id,
        "security_protocol": settings.security_protocol,
        "ssl_context": create_ssl_context(cafile=settings.ca_file) if secure else None,
        "sasl_mechanism": settings.sasl_mechanism,
        "sasl_plain_username": settings.sasl_username,
        "sasl_plain_password": settings.sasl_password,
    }


def open_kafka_log(bootstrap_servers: str, settings: KafkaSettings | None = None) -> KafkaLog:
    """Open the log on the cluster at `host:port[,host:port...]`; call it inside a running event loop."""
    return KafkaLog(bootstrap_servers, settings or KafkaSettings())
