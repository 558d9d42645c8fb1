"""Killed while it migrates, or at any moment of its first start: the next start ends what this one began."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from shared.crashpoint import EXIT_STATUS
from shared.db import migrate
from shared.db.postgres import open_postgres
from shared.db.sqlite import open_sqlite
from tests.support import rounds
from tests.support.postgres import create_database
from tests.support.processes import START_TIMEOUT_S, embedded_system, eventually
from tocsin.system import SERVICES

ON_FILES = (
    ("migrate.after_revision@intake:2", "intake"),
    ("migrate.after_commit@intake:1", "risk"),
    ("migrate.after_revision@risk:4", "risk"),
    ("migrate.after_commit@risk:1", "notify"),
    ("migrate.after_revision@notify:1", "notify"),
    ("migrate.after_revision@feedback:1", "feedback"),
    ("migrate.after_commit@feedback:1", ""),
)
"""Where the process ends, and the first service whose tables are not there then."""
LEFT_BY_A_START = ("log.db", "intake.db", "notify.db", "keys.json", "links.secret", "profile.json")


async def missing_on_files(data: Path) -> dict[str, list[str]]:
    """Return what each service's file lacks: revisions to run, else differences from its tables."""
    found: dict[str, list[str]] = {}
    for service in SERVICES:
        database = open_sqlite(data / f"{service}.db")
        package = f"services.{service}"
        found[service] = await migrate.pending(database, package) or await migrate.difference(database, package)
        await database.close()
    return found


def first_missing(missing: dict[str, list[str]]) -> str:
    return next((service for service, lacks in missing.items() if lacks), "")


def test_killed_in_a_migration_on_files(tmp_path: Path) -> None:
    with embedded_system(tmp_path, start=False) as system:
        process = system.processes["tocsin"]
        whole: dict[str, list[str]] = {}
        for point, lacking in ON_FILES:
            process.start(wait=False, TOCSIN_CRASH_AT=point)
            assert process.wait(START_TIMEOUT_S) == EXIT_STATUS, process.output()
            missing = asyncio.run(missing_on_files(tmp_path / "data"))
            assert first_missing(missing) == lacking, point
            whole = whole or missing
            assert not lacking or missing[lacking] == whole[lacking], "a migration is whole or has not begun"
        process.start()
        rounds.begin(system)
        system.settle(rounds.BOOK)


def test_killed_at_any_moment_of_the_first_start(tmp_path: Path) -> None:
    with embedded_system(tmp_path, start=False) as system:
        process = system.processes["tocsin"]
        for name in LEFT_BY_A_START:
            process.start(wait=False)
            eventually((tmp_path / "data" / name).exists, START_TIMEOUT_S, process.output)
            process.kill()
        process.start()
        assert system.get("/intake/v1/progress")["unsent"] == 0


@pytest.mark.servers
def test_killed_in_a_migration_on_postgresql(postgres_server: str) -> None:
    dsns = {service: asyncio.run(create_database(postgres_server)) for service in SERVICES}

    async def missing() -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for service, dsn in dsns.items():
            database = open_postgres(dsn, 1)
            package = f"services.{service}"
            found[service] = await migrate.pending(database, package) or await migrate.difference(database, package)
            await database.close()
        return found

    def migrated(crash_at: str = "") -> int:
        urls = {f"TOCSIN_{service.upper()}_DATABASE_URL": dsn for service, dsn in dsns.items()}
        command = [sys.executable, "-m", "tocsin", "admin", "migrate"]
        environment = {**os.environ, **urls, "TOCSIN_CRASH_AT": crash_at}
        return subprocess.run(command, env=environment, capture_output=True, timeout=60, check=False).returncode

    whole = asyncio.run(missing())
    for point, lacking in (
        ("migrate.after_revision@risk:3", "risk"),
        ("migrate.after_commit@risk:1", "notify"),
        ("migrate.after_revision@feedback:1", "feedback"),
    ):
        assert migrated(point) == EXIT_STATUS
        left = asyncio.run(missing())
        assert first_missing(left) == lacking, point
        assert left[lacking] == whole[lacking], "a migration is whole or has not begun"
    assert migrated() == 0
    assert first_missing(asyncio.run(missing())) == ""
