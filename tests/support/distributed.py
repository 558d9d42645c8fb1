"""The distributed system as processes: intake and two risk replicas on real PostgreSQL and Apache Kafka."""

import asyncio
import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import tocsin.system
from shared.security.keys import KeyRing
from shared.security.rights import RIGHTS
from tests.support.compose import LINK_SECRETS
from tests.support.kafka import KafkaServer
from tests.support.postgres import create_database
from tests.support.processes import START_TIMEOUT_S, Process, System, eventually, free_port


@contextlib.contextmanager
def distributed_system(
    folder: Path,
    postgres: str,
    kafka: KafkaServer,
    late: bool = False,
    settings: Mapping[str, str] | None = None,
    notify: int = 1,
    risk: int = 2,
) -> Iterator[System]:
    """Set up databases and topics, start the services, wait until all are ready; `late`: set up after the start.

    `settings` are added to every service's environment. Risk and notify run as often as said, the others once.
    """
    replicas = {"risk": risk, "notify": notify}
    databases = {name: asyncio.run(create_database(postgres)) for name in tocsin.system.SERVICES}
    if not late:
        set_up(databases, kafka)
    _, secret = KeyRing(folder / "keys.json").add("tests", RIGHTS, "2020-01-01T00:00:00+00:00")
    processes: dict[str, Process] = {}
    for service, number in ((one, n) for one in tocsin.system.SERVICES for n in range(replicas.get(one, 1))):
        name, port = f"{service}{number}" if number else service, free_port()
        environment = {
            "TOCSIN_DATABASE_URL": databases[service],
            "TOCSIN_KAFKA": kafka.bootstrap,
            "TOCSIN_KEYS_FILE": str(folder / "keys.json"),
            "TOCSIN_HTTP_PORT": str(port),
            "TOCSIN_LINK_SECRETS": LINK_SECRETS,
            **(settings or {}),
        }
        processes[name] = Process([f"services.{service}"], environment, port, folder / f"{name}.log")
        processes[name].start(wait=False)
    urls = {name: processes[name].url for name in tocsin.system.SERVICES}
    system = System(processes, urls, lambda: secret)
    try:
        if late:
            for process in processes.values():
                eventually(process.answers, START_TIMEOUT_S, process.output)
                assert not process.ready(), "ready before there were tables and topics"
            set_up(databases, kafka)
        for process in processes.values():
            process.wait_ready()
        yield system
    finally:
        system.stop()


def set_up(databases: dict[str, str], kafka: KafkaServer) -> None:
    """Make tables and topics, as an operator would."""
    for name, dsn in databases.items():
        asyncio.run(tocsin.system.migrate_database(name, dsn))
    asyncio.run(tocsin.system.create_topics(kafka.bootstrap, 4))
