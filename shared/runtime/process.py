"""The shell of a distributed service process: settings, logs, platform, composition, run."""

import sys
from collections.abc import Callable
from importlib.metadata import version
from typing import TypeVar

import uvloop
from pydantic_settings import BaseSettings

from shared.db.installation import OtherInstallation
from shared.db.port import Database
from shared.runtime import lifecycle
from shared.runtime.platform import distributed
from shared.runtime.service import Platform, Service
from shared.runtime.settings import ProcessSettings, SettingsWrong, read_settings
from shared.security.keys import KeyRing
from shared.telemetry import close_traces

SettingsT = TypeVar("SettingsT", bound=BaseSettings)


def main(kind: type[SettingsT], build: Callable[[SettingsT, Platform, Database], Service]) -> None:
    """Run one service on PostgreSQL and Apache Kafka until SIGTERM; wrong settings, and a database of another
    system, end the process with status 2."""
    try:
        process, settings = read_settings(ProcessSettings, kind)
        process.start(version("tocsin"))
        uvloop.run(_run(process, settings, build))
    except (SettingsWrong, OtherInstallation) as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(2) from None
    finally:
        close_traces()


async def _run(
    process: ProcessSettings, settings: SettingsT, build: Callable[[SettingsT, Platform, Database], Service]
) -> None:
    async with distributed(process) as (platform, database):
        service = build(settings, platform, database)
        keys = KeyRing(process.keys_file)
        await lifecycle.run([service], platform, keys, process.http_host, process.http_port, version("tocsin"))
