"""The whole system in one process on files: what `tocsin serve` runs. Also the explicit set-up of a distributed one."""

import importlib
import os
import secrets
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from importlib.metadata import version
from pathlib import Path

import msgspec

import services.feedback.app
import services.feedback.settings
import services.intake.app
import services.intake.settings
import services.notify.app
import services.notify.settings
import services.risk.app
import services.risk.settings
from shared.clock import SystemClock
from shared.db import migrate
from shared.db.house import HouseTables
from shared.db.installation import OtherInstallation, leave
from shared.db.postgres import open_postgres
from shared.log.kafka import open_kafka_log
from shared.log.sqlite import LogInUse
from shared.runtime import lifecycle
from shared.runtime.platform import Embedded, embedded
from shared.runtime.platform import create_topics as create_all_topics
from shared.runtime.service import Service
from shared.runtime.settings import SettingsWrong, TelemetrySettings, read_some
from shared.security.keys import KeyRing
from shared.security.private_file import replace_private
from shared.security.rights import RIGHTS

__all__ = [
    "FolderInUse", "OtherInstallation", "SettingsWrong", "compose", "create_topics", "leave_log", "migrate_database",
    "run_embedded", "run_version", "start_telemetry",
]  # fmt: skip

SERVICES = {
    "intake": services.intake.app,
    "risk": services.risk.app,
    "notify": services.notify.app,
    "feedback": services.feedback.app,
}
PROFILE = "profile.json"
_LOCAL_KEY = "local"


class FolderInUse(Exception):
    """Another process serves this data folder."""


def run_version() -> str:
    """Return the version of this distribution."""
    return version("tocsin")


def start_telemetry(log_level: str) -> None:
    """Write log lines, for eyes unless the environment asks for JSON, and send traces if it asks for them."""
    wrong: list[str] = []
    log_format = os.environ.get("TOCSIN_LOG_FORMAT", "console")
    settings = read_some(TelemetrySettings, wrong, log_format=log_format, log_level=log_level)
    if settings is None:
        raise SettingsWrong(wrong)
    settings.start(run_version())


async def run_embedded(
    data: Path, port: int, host: str = "127.0.0.1", started: Callable[[str], Awaitable[None]] | None = None
) -> None:
    """Run every service on the files in `data` until SIGTERM; leaves the address and a key in `profile.json` there.

    FolderInUse when another process does so already.
    """
    async with AsyncExitStack() as stack:
        try:
            opened = await stack.enter_async_context(embedded(data, list(SERVICES)))
        except LogInUse:
            raise FolderInUse(f"{data} is served by another process; stop it, or give another --data") from None
        for name, database in opened.databases.items():
            await migrate.upgrade(database, f"services.{name}")
        keys = KeyRing(data / "keys.json")
        url = f"http://{host}:{port}"
        leave_profile(data, url, keys)
        composed = compose(data, url, opened)

        async def announce() -> None:
            if started is not None:
                await started(url)

        await lifecycle.run(composed, opened.platform, keys, host, port, run_version(), announce)


def compose(data: Path, url: str, opened: Embedded) -> list[Service]:
    """Compose all services on the files of a data folder; what the environment does not set is local.

    SettingsWrong names everything that is wrong with any of them.
    """
    secret = os.environ.get("TOCSIN_LINK_SECRETS") or local_secret(data / "links.secret")
    public_url = os.environ.get("TOCSIN_PUBLIC_URL") or url
    links = {"link_secrets": secret, "public_url": public_url}
    wrong: list[str] = []
    intake = read_some(services.intake.settings.IntakeSettings, wrong)
    risk = read_some(services.risk.settings.RiskSettings, wrong)
    notify = read_some(services.notify.settings.NotifySettings, wrong, **links)
    feedback = read_some(services.feedback.settings.FeedbackSettings, wrong, **links)
    if intake is None or risk is None or notify is None or feedback is None:
        raise SettingsWrong(wrong)
    on, platform = opened.databases, opened.platform
    return [
        services.intake.app.build(intake, platform, on["intake"]),
        services.risk.app.build(risk, platform, on["risk"]),
        services.notify.app.build(notify, platform, on["notify"]),
        services.feedback.app.build(feedback, platform, on["feedback"]),
    ]


def local_secret(path: Path) -> str:
    """Return the secret in a file, made once, readable by its owner only."""
    if not path.exists():
        replace_private(path, secrets.token_urlsafe(48).encode())
    return path.read_text()


def leave_profile(data: Path, url: str, keys: KeyRing) -> None:
    """Write `profile.json`: the address, and the local key with all rights, made once per data folder (D24), and anew
    when a newer version has rights that it lacks."""
    path = data / PROFILE
    secret = ""
    if path.exists():
        secret = msgspec.json.decode(path.read_bytes(), type=dict[str, str]).get("key", "")
    key = keys.find(secret)
    if key is None or not RIGHTS.keys() <= set(key.rights):
        _, secret = keys.add(_LOCAL_KEY, RIGHTS, SystemClock().now().isoformat())
        if key is not None:
            keys.revoke(key.id)
    replace_private(path, msgspec.json.format(msgspec.json.encode({"url": url, "key": secret})) + b"\n")


async def migrate_database(service: str, database_url: str) -> None:
    """Bring one service's PostgreSQL database to the newest revision."""
    database = open_postgres(database_url, 2)
    try:
        await migrate.upgrade(database, f"services.{service}")
    finally:
        await database.close()


async def leave_log(service: str, database_url: str) -> None:
    """Let one service's PostgreSQL database belong to the log that it is run with next."""
    database = open_postgres(database_url, 2)
    try:
        house: HouseTables = importlib.import_module(f"services.{service}.store.tables").HOUSE
        async with database.transaction() as tx:
            await leave(tx, house)
    finally:
        await database.close()


async def create_topics(kafka: str, partitions: int) -> dict[str, int]:
    """Create every topic that is missing on Apache Kafka; return all with the number of partitions wanted."""
    log = open_kafka_log(kafka)
    try:
        return await create_all_topics(log, partitions)
    finally:
        await log.close()
