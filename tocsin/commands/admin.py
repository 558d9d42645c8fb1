"""`tocsin admin`: the explicit set-up of a distributed system (D22)."""

import asyncio
import os
from pathlib import Path
from typing import Annotated

import typer

from tocsin.console import AsJson, out, print_json, print_table

app = typer.Typer(no_args_is_help=True, help="Set up a distributed system: databases, topics, secrets.")


@app.command("migrate")
def migrate(
    service: Annotated[str | None, typer.Argument(help="intake, risk, notify or feedback; left out: all.")] = None,
    database_url: Annotated[
        str | None,
        typer.Option("--database-url", envvar="TOCSIN_DATABASE_URL", help="PostgreSQL database of the one service."),
    ] = None,
) -> None:
    """Bring the database of a service to the newest revision.

    Without a service: those of all, found in TOCSIN_INTAKE_DATABASE_URL and the like.
    """
    from tocsin.system import SERVICES, migrate_database  # imports every service

    if service is not None and service not in SERVICES:
        raise typer.BadParameter(f"there are: {', '.join(SERVICES)}", param_hint="SERVICE")
    if service is not None:
        urls = {service: database_url or ""}
    else:
        urls = {name: os.environ.get(_url_of(name), "") for name in SERVICES}
    missing = [_url_of(name) for name, url in urls.items() if not url]
    if missing:
        hint = "--database-url or TOCSIN_DATABASE_URL" if service is not None else ", ".join(missing)
        raise typer.BadParameter(f"not set: {hint}", param_hint="DATABASE")
    for name, url in urls.items():
        asyncio.run(migrate_database(name, url))
        out().print(f"{name}: the database is at the newest revision")


def _url_of(service: str) -> str:
    return f"TOCSIN_{service.upper()}_DATABASE_URL"


@app.command("leave-log")
def leave_log(
    service: Annotated[str, typer.Argument(help="intake, risk, notify or feedback.")],
    database_url: Annotated[
        str, typer.Option("--database-url", envvar="TOCSIN_DATABASE_URL", help="PostgreSQL database of the service.")
    ],
) -> None:
    """After a restore onto a new Kafka: let the database of a service belong to the log that it is run with next."""
    from tocsin.system import SERVICES
    from tocsin.system import leave_log as leave  # imports every service

    if service not in SERVICES:
        raise typer.BadParameter(f"there are: {', '.join(SERVICES)}", param_hint="SERVICE")
    asyncio.run(leave(service, database_url))
    out().print(f"{service}: the database takes the log that the service is started with next")


@app.command("topics")
def topics(
    kafka: Annotated[str, typer.Option("--kafka", envvar="TOCSIN_KAFKA", help="Bootstrap servers of Apache Kafka.")],
    partitions: Annotated[
        int, typer.Option("--partitions", envvar="TOCSIN_PARTITIONS", min=1, max=1024, help="Partitions by topic (D9).")
    ] = 4,
    as_json: AsJson = False,
) -> None:
    """Create the topics that are missing; the number of partitions is fixed with it."""
    from tocsin.system import create_topics  # imports every service

    wanted = asyncio.run(create_topics(kafka, partitions))
    if as_json:
        print_json(wanted)
    else:
        print_table(["topic", "partitions#"], sorted(wanted.items()), "There is no topic.")


@app.command("secrets")
def secrets(
    project: Annotated[Path, typer.Option("--project", help="Folder with docker-compose.yml.")] = Path(),
) -> None:
    """Write fresh secrets and keys for docker compose, once: `.env` and `.secrets`; what is there stays."""
    from tocsin.deployment import prepare  # imports every service

    done = prepare(project)
    out().print(f"new in .env: {', '.join(done.new)}" if done.new else "nothing was missing in .env")
    out().print(f"{done.url} will answer to the key in {done.folder / 'profile.json'}: TOCSIN_DATA={done.folder}")
