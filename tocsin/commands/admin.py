"""`tocsin admin`: the explicit set-up of a distributed system (D22)."""

import asyncio
from typing import Annotated

import typer

from tocsin.console import AsJson, out, print_json, print_table

app = typer.Typer(no_args_is_help=True, help="Set up a distributed system: databases and topics.")


@app.command("migrate")
def migrate(
    service: Annotated[str, typer.Argument(help="intake or risk.")],
    database_url: Annotated[
        str, typer.Option("--database-url", envvar="TOCSIN_DATABASE_URL", help="PostgreSQL database of the service.")
    ],
) -> None:
    """Bring a service's database to the newest revision."""
    from tocsin.system import SERVICES, migrate_database  # imports every service

    if service not in SERVICES:
        raise typer.BadParameter(f"there are: {', '.join(SERVICES)}", param_hint="SERVICE")
    asyncio.run(migrate_database(service, database_url))
    out().print(f"{service}: the database is at the newest revision")


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
