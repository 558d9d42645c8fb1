"""One database per service: made by the script that PostgreSQL's image runs, entered with its own password only."""

from pathlib import Path

import asyncpg
import pytest
from sqlalchemy.engine import make_url

from tests.support.compose_file import SERVICES
from tests.support.deployed import create_databases
from tests.support.postgres import PostgresServer

PASSWORDS = {service: f'{service}\'s "own" $password' for service in SERVICES}
VARIABLES = {f"TOCSIN_{service.upper()}_PASSWORD": password for service, password in PASSWORDS.items()}


async def ask_for_passwords(server: PostgresServer) -> None:
    """Let the superuser in as before, and everybody else with a password only."""
    session = await asyncpg.connect(server.dsn)
    try:
        rules = str(await session.fetchval("SHOW hba_file"))
        Path(rules).write_text(  # noqa: ASYNC240 - nothing else runs meanwhile
            "host all tocsin 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n"
        )
        await session.execute("SELECT pg_reload_conf()")
    finally:
        await session.close()


def dsn_of(server: PostgresServer, role: str, database: str, password: str) -> str:
    url = make_url(server.dsn).set(username=role, database=database, password=password)
    return url.render_as_string(hide_password=False)


async def enters(dsn: str) -> bool:
    """Tell whether PostgreSQL lets somebody in."""
    try:
        session = await asyncpg.connect(dsn)
    except (asyncpg.InvalidPasswordError, asyncpg.InsufficientPrivilegeError):
        return False
    await session.close()
    return True


@pytest.mark.servers
async def test_each_role_enters_its_own_database_with_its_own_password_and_no_other(
    own_postgres: PostgresServer,
) -> None:
    done = create_databases(own_postgres.dsn, VARIABLES)
    assert (done.returncode, done.stderr) == (0, "")
    await ask_for_passwords(own_postgres)
    for role in SERVICES:
        session = await asyncpg.connect(dsn_of(own_postgres, role, role, PASSWORDS[role]))
        await session.execute("CREATE TABLE kept (id integer)")
        await session.close()
        assert not await enters(dsn_of(own_postgres, role, role, "another"))
        for other in set(SERVICES) - {role}:
            assert not await enters(dsn_of(own_postgres, role, other, PASSWORDS[role]))


@pytest.mark.servers
def test_a_missing_password_stops_it_with_its_name(own_postgres: PostgresServer) -> None:
    done = create_databases(own_postgres.dsn, {"TOCSIN_INTAKE_PASSWORD": "one"})
    assert done.returncode == 1
    assert "TOCSIN_RISK_PASSWORD is not set" in done.stderr
