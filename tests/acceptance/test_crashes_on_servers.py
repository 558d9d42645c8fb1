"""Killed where it matters on real PostgreSQL and Apache Kafka: each of the four services dies in every step of the
story, started again it goes on, and the end is that of an undisturbed system on files."""

import asyncio
import json
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from shared.crashpoint import EXIT_STATUS
from shared.log.kafka import open_kafka_log
from shared.log.port import Outgoing
from tests.support import rounds
from tests.support.distributed import distributed_system
from tests.support.kafka import KafkaServer
from tests.support.processes import System, embedded_system, eventually
from tocsin.demo.sinks import HookSink, MailSink, listening

pytestmark = pytest.mark.servers

STEPS = (
    {
        "intake": "relay.after_send",
        "risk": "consume.after_fetch",
        "notify": "consume.before_commit",
        "feedback": "consume.after_commit",
    },
    {
        "intake": "consume.before_commit",
        "risk": "consume.before_commit",
        "notify": "notify.after_send",
        "feedback": "relay.after_send",
    },
    {
        "intake": "consume.after_commit",
        "risk": "consume.after_commit",
        "notify": "relay.after_send",
        "feedback": "consume.before_commit",
    },
    {
        "intake": "relay.after_forget",
        "risk": "relay.after_send",
        "notify": "compose.before_commit",
        "feedback": "invite.before_commit",
    },
)
TELLINGS_MAX = 12


def put_on_log(broker: KafkaServer, number: int) -> None:
    """Put the fact of another producer onto Kafka."""

    async def put() -> None:
        log = open_kafka_log(broker.bootstrap)
        headers = (("content-type", b"application/cloudevents+json"),)
        value = json.dumps(rounds.foreign_fact(number)).encode()
        await log.append([Outgoing("tocsin.facts", number % 4, b"", headers, value)], 20.0)
        await log.close()

    asyncio.run(put())


def live_through(system: System, broker: KafkaServer, step: dict[str, str], number: int) -> int:
    """Tell rounds until each service has died at its place and been started again; return how many were told."""
    for service, point in step.items():
        system.processes[service].stop()
        system.processes[service].start(wait=False, TOCSIN_CRASH_AT=f"{point}@{service}")
    for process in system.processes.values():
        with suppress(AssertionError):
            process.wait_ready()
    put_on_log(broker, number)
    to_die, told, troubles = dict(step), 0, []
    for _ in range(TELLINGS_MAX):
        try:
            rounds.tell(system, number + told)
            told += 1
        except httpx.TransportError as trouble:
            troubles.append(repr(trouble))
            # A process that dies has closed its sockets before it has ended.
            with suppress(AssertionError):
                eventually(lambda: not all(system.processes[service].running for service in to_die), 10.0)
        except AssertionError as trouble:
            troubles.append(repr(trouble))
        for service in list(to_die):
            process = system.processes[service]
            if not process.running:
                assert process.wait() == EXIT_STATUS, f"{service}: {process.output()}"
                del to_die[service]
                process.start()
        if not to_die and told:
            return told
    raise AssertionError(f"never reached: {to_die}; {troubles}")


def test_a_crash_on_servers_changes_nothing(tmp_path: Path, postgres_server: str, own_kafka: KafkaServer) -> None:
    mails, hooks = MailSink(), HookSink()
    with listening(mails, hooks):
        settings = rounds.settings_of(tmp_path, mails, hooks)
        with distributed_system(tmp_path, postgres_server, own_kafka, settings=settings, risk=1) as system:
            rounds.begin(system)
            rounds.tell(system, 0)
            told = 1
            for step in STEPS:
                told += live_through(system, own_kafka, step, told)
            assert rounds.doubts(system, mails) == []
            ending = rounds.ending(system, hooks)
        hooks.hooks.clear()
        with embedded_system(tmp_path, settings) as system:
            rounds.begin(system)
            for number in range(told):
                rounds.tell(system, number)
            assert ending == rounds.ending(system, hooks)
